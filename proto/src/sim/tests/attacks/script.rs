//! A peer that speaks by the letter, and says what it should not.

use crate::l2tp::{Encapsulation, Path, Policy, TunnelState, Versions};
use crate::sim::tests::kit::{accepts, assert_ends_clean, config, sccrq};
use crate::sim::{Network, World};
use adit_wire::l2tp::avp::{Attribute, AvpName, ErrorCode, Framings, Reason, write_raw};
use adit_wire::l2tp::control::{Quirks, v2};
use adit_wire::l2tp::{SessionId, TunnelId, UdpMessage, V2ControlHeader};
use std::net::SocketAddr;
use std::time::Duration;

/// A script that host 0 answers.
struct Script {
    world: World,
    path: Path,
    /// The node's id, once it told it.
    tunnel: TunnelId,
    ns: u16,
    nr: u16,
}

/// What the node answered.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Nothing,
    Disconnect(ErrorCode),
    Stop(ErrorCode),
    Other,
}

impl Script {
    /// Nothing was said yet.
    fn new() -> Script {
        let mut world = World::new(5, Network::PERFECT);
        world.add(accepts(config("lns", Versions::V2)));
        world.add(Policy::default());
        world.eavesdrop();
        let mut path = world.path(1, 0, Encapsulation::Udp);
        path.local = SocketAddr::new([192, 0, 2, 5].into(), 1701);
        Script {
            world,
            path,
            tunnel: TunnelId(0),
            ns: 0,
            nr: 0,
        }
    }

    /// A tunnel that is open.
    fn open() -> Script {
        let mut script = Script::new();
        script.say(&encoded(sccrq(77)));
        script.say(&encoded(v2::Message::Scccn(v2::Scccn {
            challenge_response: None,
        })));
        assert_eq!(script.state(), Some(TunnelState::Established));
        script
    }

    /// Sends a message and gives the last thing that was answered.
    fn say(&mut self, avps: &[u8]) -> Answer {
        let header = V2ControlHeader {
            tunnel: self.tunnel,
            session: SessionId(0),
            ns: self.ns,
            nr: self.nr,
        };
        self.ns += 1;
        let mut out = vec![0; 12 + avps.len()];
        let written = UdpMessage::V2Control { header, avps }.encode(&mut out);
        written.expect("there is room");
        self.world.inject(self.path, out);
        self.world.run_for(Duration::from_millis(10));
        let mut answer = Answer::Nothing;
        for (path, octets) in self.world.overheard() {
            if path.remote == self.path.local {
                answer = self.hear(&octets).unwrap_or(answer);
            }
        }
        answer
    }

    /// What a message of the node's says, unless it only acknowledges.
    fn hear(&mut self, octets: &[u8]) -> Option<Answer> {
        let Ok(UdpMessage::V2Control { header, avps }) = UdpMessage::decode(octets) else {
            panic!("{octets:02x?}");
        };
        assert_eq!(header.tunnel, TunnelId(77));
        let read = v2::Message::decode(avps, Quirks::default()).expect("a node is understood");
        assert_eq!(read.ignored.count, 0);
        if read.message == v2::Message::Zlb {
            return None;
        }
        self.nr = header.ns.wrapping_add(1);
        let error = |reason: Reason<'_>| {
            assert_eq!(reason.code, 2, "a general error");
            reason.error.expect("which is named")
        };
        if let v2::Message::Sccrp(sccrp) = read.message {
            self.tunnel = sccrp.assigned_tunnel;
        }
        if let v2::Message::Cdn(cdn) = read.message {
            return Some(Answer::Disconnect(error(cdn.reason)));
        }
        if let v2::Message::StopCcn(stop) = read.message {
            return Some(Answer::Stop(error(stop.reason)));
        }
        Some(Answer::Other)
    }

    fn state(&self) -> Option<TunnelState> {
        let mut tunnels = self.world.host(0).node.tunnels();
        tunnels.next().map(|tunnel| tunnel.state)
    }
}

fn encoded(message: v2::Message<'_>) -> Vec<u8> {
    let mut avps = Vec::new();
    message.encode(&mut avps).expect("the values are sound");
    avps
}

/// An ICRQ, and behind it another AVP with these bits.
fn icrq_with(mandatory: bool, hidden: bool, name: AvpName, value: &[u8]) -> Vec<u8> {
    let mut avps = Vec::new();
    let ids = [
        (Attribute::MessageType, &[0, 10][..]),
        (Attribute::AssignedSessionId, &[0, 9]),
        (Attribute::CallSerialNumber, &[0, 0, 0, 1]),
    ];
    for (attribute, value) in ids {
        assert!(write_raw(&mut avps, true, false, attribute.into(), value));
    }
    assert!(write_raw(&mut avps, mandatory, hidden, name, value));
    avps
}

const UNKNOWN: AvpName = AvpName {
    vendor: 0,
    attribute: 999,
};

/// It opens no tunnel, and its sender is told why.
#[test]
fn a_request_that_cannot_be_understood_is_refused_with_the_reason() {
    let mut unknown = encoded(sccrq(77));
    assert!(write_raw(&mut unknown, true, false, UNKNOWN, b"x"));
    let mut cut = encoded(sccrq(77));
    cut.extend([0x80, 5, 0, 0, 0, 9]);
    for (avps, error) in [(unknown, ErrorCode::UNKNOWN_AVP), (cut, ErrorCode::LENGTH)] {
        let mut script = Script::new();
        assert_eq!(script.say(&avps), Answer::Stop(error));
        assert_eq!(script.state(), None);
        assert_ends_clean(&mut script.world);
    }
}

/// RFC 2661 §4.1: what is about a session costs the session, what is about the tunnel costs that.
#[test]
fn unknown_avps_are_judged_by_their_m_bit() {
    let mut script = Script::open();
    let said = script.say(&icrq_with(true, false, UNKNOWN, b"x"));
    assert_eq!(said, Answer::Disconnect(ErrorCode::UNKNOWN_AVP));
    assert_eq!(script.state(), Some(TunnelState::Established));
    assert_eq!(
        script.say(&icrq_with(false, false, UNKNOWN, b"x")),
        Answer::Other
    );
    assert_eq!(script.world.host(0).node.session_count(), 1);

    let mut hello = encoded(v2::Message::Hello(v2::Hello {}));
    assert!(write_raw(&mut hello, false, false, UNKNOWN, b"x"));
    assert_eq!(script.say(&hello), Answer::Nothing);
    hello[8] |= 0x80;
    assert_eq!(script.say(&hello), Answer::Stop(ErrorCode::UNKNOWN_AVP));
    assert_eq!(script.world.host(0).node.session_count(), 0);
    assert_ends_clean(&mut script.world);
}

#[test]
fn hidden_avps_without_a_secret_are_judged_by_their_m_bit() {
    let mut script = Script::open();
    let name = Attribute::CalledNumber.into();
    let said = script.say(&icrq_with(true, true, name, b"0123456789"));
    assert_eq!(said, Answer::Disconnect(ErrorCode::VALUE));
    assert_eq!(
        script.say(&icrq_with(false, true, name, b"0123456789")),
        Answer::Other
    );
    assert_eq!(script.world.host(0).node.session_count(), 1);
}

#[test]
fn lengths_that_lie_end_what_they_are_about() {
    let mut script = Script::open();
    let mut icrq = icrq_with(false, false, UNKNOWN, b"x");
    let length = icrq.len();
    icrq[length - 6] = 99;
    assert_eq!(script.say(&icrq), Answer::Disconnect(ErrorCode::LENGTH));
    let mut hello = encoded(v2::Message::Hello(v2::Hello {}));
    hello.extend([0x80, 5, 0, 0, 0, 9]);
    assert_eq!(script.say(&hello), Answer::Stop(ErrorCode::LENGTH));
    assert_ends_clean(&mut script.world);
}

#[test]
fn unknown_messages_are_judged_by_their_m_bit() {
    let mut script = Script::open();
    let mut unknown = encoded(v2::Message::Hello(v2::Hello {}));
    unknown[7] = 17;
    unknown[0] &= 0x7f;
    assert_eq!(script.say(&unknown), Answer::Nothing);
    assert_eq!(script.state(), Some(TunnelState::Established));
    unknown[0] |= 0x80;
    assert_eq!(script.say(&unknown), Answer::Stop(ErrorCode::UNKNOWN_AVP));
    assert_ends_clean(&mut script.world);
}

#[test]
fn what_is_mandatory_and_missing_is_missed() {
    let mut script = Script::open();
    let mut icrq = icrq_with(false, false, UNKNOWN, b"x");
    icrq.drain(16..26);
    assert_eq!(script.say(&icrq), Answer::Disconnect(ErrorCode::VENDOR));
    assert_eq!(script.state(), Some(TunnelState::Established));
    // A session id of 0 is none.
    let mut icrq = icrq_with(false, false, UNKNOWN, b"x");
    icrq[15] = 0;
    assert_eq!(script.say(&icrq), Answer::Nothing);
    assert_eq!(script.world.host(0).node.session_count(), 0);
}

/// RFC 2661 §7.4 and §7.5, state idle: an ICRP or OCRP gets a CDN, what else there is gets nothing.
#[test]
fn without_a_session_only_requests_and_replies_are_answered() {
    let assigned_session = SessionId(321);
    let reason = Reason::disconnect(adit_wire::l2tp::avp::DisconnectCode::CARRIER_LOST);
    let framing_type = Framings::BOTH;
    for (message, answer) in [
        (
            v2::Message::Icrp(v2::Icrp {
                assigned_session,
                diffserv: None,
            }),
            Answer::Disconnect(ErrorCode::SESSION_ID),
        ),
        (
            v2::Message::Ocrp(v2::Ocrp {
                assigned_session,
                physical_channel: None,
                vpi_vci: None,
                diffserv: None,
            }),
            Answer::Disconnect(ErrorCode::SESSION_ID),
        ),
        (
            v2::Message::Occn(v2::Occn {
                tx_speed: 1,
                framing_type,
                rx_speed: None,
                sequencing_required: false,
                lcp_want_options: None,
                lcp_allow_options: None,
            }),
            Answer::Nothing,
        ),
        (
            v2::Message::Cdn(v2::Cdn {
                reason,
                assigned_session,
                q931_cause: None,
                disconnect_cause: None,
            }),
            Answer::Nothing,
        ),
        (v2::Message::Hello(v2::Hello {}), Answer::Nothing),
    ] {
        let mut script = Script::open();
        assert_eq!(script.say(&encoded(message)), answer, "{message:?}");
        assert_eq!(script.state(), Some(TunnelState::Established));
        assert_eq!(script.world.host(0).node.session_count(), 0);
    }
}
