//! Peers that Adit is none of: their messages are written by hand.

use adit_e2e::script::{Avps, Script, avp, cisco_avp, message};
use adit_e2e::{Capture, Family, Pair, Side, Test, address_device, eventually, frame, test};
use libtest_mimic::Trial;
use rustix::net::sockopt;
use std::net::UdpSocket;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "scripted::avps_of_the_drafts_are_taken_where_wanted",
            avps_of_the_drafts_are_taken_where_wanted,
        ),
        test(
            "scripted::each_end_has_the_sublayer_that_it_wants",
            each_end_has_the_sublayer_that_it_wants,
        ),
        test(
            "scripted::congestion_is_told_once_both_ends_have_agreed",
            congestion_is_told_once_both_ends_have_agreed,
        ),
    ]
}

/// How long a packet may take that is bound to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Kinds of messages (RFC 3931 §3.1).
const SCCRQ: u16 = 1;
const SCCRP: u16 = 2;
const SCCCN: u16 = 3;
const ICRQ: u16 = 10;
const ICRP: u16 = 11;
const ICCN: u16 = 12;

/// Numbers of AVPs (RFC 3931 §5.4).
const HOST_NAME: u16 = 7;
const SERIAL: u16 = 15;
const ROUTER_ID: u16 = 60;
const ASSIGNED_CONNECTION: u16 = 61;
const PW_CAPABILITIES: u16 = 62;
const LOCAL_SESSION: u16 = 63;
const REMOTE_SESSION: u16 = 64;
const COOKIE: u16 = 65;
const REMOTE_END: u16 = 66;
const PW_TYPE: u16 = 68;
const SUBLAYER: u16 = 69;
const SEQUENCING: u16 = 70;
const CIRCUIT_STATUS: u16 = 71;
const ECN_CAPABILITY: u16 = 103;

/// The script's ids and cookie.
const CONNECTION: [u8; 4] = [0, 0, 0x47, 0x11];
const SESSION: [u8; 4] = [0, 1, 2, 3];
const OWN_COOKIE: [u8; 4] = *b"cook";

const ETHERNET: [u8; 2] = [0, 5];
const UP: [u8; 2] = [0, 1];

/// How an AVP is written.
type Write = fn(u16, &[u8]) -> Vec<u8>;

/// The daemon's host, with a peer of these terms, and the peer.
fn scene(terms: &str) -> Result<(Pair, Script), Box<dyn std::error::Error>> {
    let mut pair = Pair::idle();
    let [own, peer] = [Side::A, Side::B].map(|side| side.outer(Family::V4));
    pair.a.start_configured(&format!(
        "[[listener]]\nname = \"l\"\nlocal = \"{own}\"\n[[peer]]\nname = \"script\"\n{terms}\n"
    ));
    let script = Script::new(&pair.b, peer, own)?;
    Ok((pair, script))
}

fn sccrq(write: Write, connection: u16, capabilities: u16) -> Vec<u8> {
    message(
        SCCRQ,
        &[
            avp(HOST_NAME, b"script"),
            avp(ROUTER_ID, &[192, 0, 2, 2]),
            write(connection, &CONNECTION),
            write(capabilities, &ETHERNET),
        ],
    )
}

/// Has the control connection established, and gives the SCCRP.
fn connect(script: &mut Script, sccrq: &[u8]) -> Result<Avps, Box<dyn std::error::Error>> {
    script.say(sccrq)?;
    let sccrp = script.hear(SCCRP)?.ok_or("an SCCRP")?;
    script.address(&sccrp[&ASSIGNED_CONNECTION]);
    script.say(&message(SCCCN, &[]))?;
    Ok(sccrp)
}

/// Numbers of the AVPs of an ICRQ, and how they are written.
struct Dialect {
    write: Write,
    local: u16,
    remote: u16,
    cookie: u16,
    end: u16,
    kind: u16,
    status: u16,
}

const RFC: Dialect = Dialect {
    write: avp,
    local: LOCAL_SESSION,
    remote: REMOTE_SESSION,
    cookie: COOKIE,
    end: REMOTE_END,
    kind: PW_TYPE,
    status: CIRCUIT_STATUS,
};

const DRAFT: Dialect = Dialect {
    write: cisco_avp,
    local: 3,
    remote: 4,
    cookie: 5,
    end: 6,
    kind: 7,
    status: 8,
};

impl Dialect {
    /// Places a call without a sublayer, and gives the ICRP.
    fn call(&self, script: &mut Script) -> Result<Avps, Box<dyn std::error::Error>> {
        let write = self.write;
        script.say(&message(
            ICRQ,
            &[
                write(self.local, &SESSION),
                write(self.remote, &[0; 4]),
                avp(SERIAL, &[0, 0, 0, 1]),
                write(self.kind, &ETHERNET),
                write(self.end, b"blue"),
                write(self.status, &UP),
                write(self.cookie, &OWN_COOKIE),
            ],
        ))?;
        let icrp = script.hear(ICRP)?.ok_or("an ICRP")?;
        assert_eq!(icrp[&REMOTE_SESSION], SESSION);
        script.say(&message(
            ICCN,
            &[
                write(self.local, &SESSION),
                write(self.remote, &icrp[&LOCAL_SESSION]),
            ],
        ))?;
        Ok(icrp)
    }
}

/// What old IOS sends (AVPs of Cisco's that must be understood) is refused as any unknown AVP is,
/// unless the peer is known to be one of those.
fn avps_of_the_drafts_are_taken_where_wanted() -> Test {
    let (pair, mut script) = scene("")?;
    script.say(&sccrq(cisco_avp, 1, 2))?;
    assert!(script.hears_no(SCCRP)?);
    assert!(pair.a.list("tunnel").is_empty());
    drop((pair, script));
    let (pair, mut script) = scene("quirks = [\"cisco-avps\"]")?;
    connect(&mut script, &sccrq(cisco_avp, 1, 2))?;
    let icrp = DRAFT.call(&mut script)?;
    eventually("the session is established", || {
        let sessions = pair.a.list("session");
        sessions.len() == 1 && sessions[0]["state"] == "established"
    });
    let session = pair.a.list("session").remove(0);
    assert_eq!(session["peer_session_id"], u32::from_be_bytes(SESSION));
    let own = icrp[&LOCAL_SESSION].as_slice().try_into()?;
    assert_eq!(session["session_id"], u32::from_be_bytes(own));
    assert_eq!(session["cookie"], "636f6f6b");
    Ok(())
}

/// One end wants sequence numbers, which take a sublayer, the other wants neither.
fn each_end_has_the_sublayer_that_it_wants() -> Test {
    let profile = "session_profile = \"numbered\"\n[[session_profile]]\nname = \"numbered\"\n\
                   seq = \"recv\"\ncookie_octets = 0\n";
    let (pair, mut script) = scene(profile)?;
    connect(
        &mut script,
        &sccrq(avp, ASSIGNED_CONNECTION, PW_CAPABILITIES),
    )?;
    let icrp = RFC.call(&mut script)?;
    assert_eq!(icrp[&SUBLAYER], [0, 1]);
    assert_eq!(icrp[&SEQUENCING], [0, 2]);
    eventually("there is a device", || pair.a.link("l2tpeth0").is_ok());
    address_device(&pair.a, Side::A);
    let id = u32::from_be_bytes(icrp[&LOCAL_SESSION].as_slice().try_into()?);
    // What comes has a sublayer, with a number; without a number it is not taken.
    for (word, number) in [(0_u32, 1), (0x4000_0000, 2)] {
        let data = [&id.to_be_bytes()[..], &word.to_be_bytes(), &frame(number)].concat();
        script.send_data(&data)?;
    }
    eventually("one frame is taken", || {
        pair.a.counter(id, "rx_packets") == 1 && pair.a.counter(id, "rx_seq_missing") == 1
    });
    // What goes has none: the frame stands behind the cookie.
    let head = [&SESSION[..], &OWN_COOKIE].concat();
    let is_ours = |data: &[u8]| data.starts_with(&head);
    let data = script.data(is_ours)?.ok_or("a packet of the device's")?;
    let own = pair.a.link("l2tpeth0")?.mac;
    assert_eq!(data[head.len() + 6..][..6], own);
    Ok(())
}

/// Marks of ECN (RFC 3168): capable, and congestion experienced.
const ECT_0: u8 = 2;
const CE: u8 = 3;

/// What the inner packets carry, to be known by.
const TOKEN: &[u8] = b"an inner packet's content";

/// RFC 9601: marks are carried over to the outer header, and back as RFC 6040 has it, if both ends
/// sent ECN Capability; otherwise the outer header bears none, and what it bears is not heeded.
fn congestion_is_told_once_both_ends_have_agreed() -> Test {
    for agreed in [true, false] {
        let (pair, mut script) = scene(
            "session_profile = \"s\"\n[[session_profile]]\nname = \"s\"\ncookie_octets = 0\n",
        )?;
        let mut sccrq = sccrq(avp, ASSIGNED_CONNECTION, PW_CAPABILITIES);
        if agreed {
            sccrq.extend(avp(ECN_CAPABILITY, &[]));
        }
        let sccrp = connect(&mut script, &sccrq)?;
        assert_eq!(sccrp.contains_key(&ECN_CAPABILITY), agreed);
        let icrp = RFC.call(&mut script)?;
        eventually("there is a device", || pair.a.link("l2tpeth0").is_ok());
        address_device(&pair.a, Side::A);
        for mark in [0, ECT_0, CE] {
            let outer = outer_mark(&pair, mark)?;
            assert_eq!(outer, if agreed { mark } else { 0 }, "{agreed} {mark}");
        }
        // The network experienced congestion on the way here.
        for (mark, combined) in [(ECT_0, CE), (CE, CE)] {
            let heard = Capture::new(&pair.a)?;
            script.set_class(CE)?;
            let data = [&icrp[&LOCAL_SESSION][..], &broadcast(mark)].concat();
            script.send_data(&data)?;
            let inner = heard.find(PATIENCE, |frame| {
                let known = frame.ends_with(TOKEN) && frame[..6] == [0xff; 6];
                known.then(|| frame[15] & 3)
            })?;
            let expected = if agreed { combined } else { mark };
            assert_eq!(inner, Some(expected), "{agreed} {mark}");
            script.set_class(0)?;
        }
    }
    Ok(())
}

/// The mark on the outer header of a packet that bears this one.
fn outer_mark(pair: &Pair, mark: u8) -> Result<u8, Box<dyn std::error::Error>> {
    let heard = Capture::new(&pair.b)?;
    let own = (Side::A.inner(Family::V4), 0);
    let socket = pair.a.run(|| UdpSocket::bind(own))?;
    socket.set_broadcast(true)?;
    sockopt::set_ip_tos(&socket, mark)?;
    socket.send_to(TOKEN, ("10.42.1.255", 9))?;
    let outer = heard.find(PATIENCE, |frame| {
        frame.ends_with(TOKEN).then(|| frame[15] & 3)
    })?;
    Ok(outer.ok_or("the packet")?)
}

/// An Ethernet frame to everybody, with an IPv4 packet that bears this mark.
fn broadcast(mark: u8) -> Vec<u8> {
    let length = (20 + 8 + TOKEN.len()) as u16;
    let mut ip = vec![0x45, mark];
    ip.extend(length.to_be_bytes());
    ip.extend([0, 1, 0, 0, 64, 17, 0, 0, 10, 42, 1, 2, 10, 42, 1, 255]);
    let words = ip
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    ip[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    // UDP without a checksum.
    ip.extend([0, 9, 0, 9]);
    ip.extend((8 + TOKEN.len() as u16).to_be_bytes());
    ip.extend([0, 0]);
    ip.extend(TOKEN);
    let ethernet = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 2], &[8, 0]].concat();
    [ethernet, ip].concat()
}
