//! One message of each kind, with every AVP that it can have.

use crate::capture::Sent;
use crate::v3_message;
use adit_proto::Random;
use adit_proto::l2tp::auth::Auth;
use adit_wire::l2tp::avp::*;
use adit_wire::l2tp::control::{MessageKind, v2, v3};
use adit_wire::l2tp::{Cookie, SessionId, TunnelId};

/// What tshark must read in messages of version 2.
pub(crate) const V2_VALUES: [(MessageKind, &str, &str); 16] = [
    (MessageKind::Sccrq, "l2tp.avp.protocol_version", "1"),
    (MessageKind::Sccrq, "l2tp.avp.host_name", "lac.example"),
    (MessageKind::Sccrq, "l2tp.avp.assigned_tunnel_id", "4660"),
    (MessageKind::Sccrq, "l2tp.avp.receive_window_size", "32"),
    (MessageKind::Sccrq, "l2tp.avp.async_framing_supported", "1"),
    (
        MessageKind::Sccrp,
        "l2tp.avp.chap_challenge_response",
        "000102030405060708090a0b0c0d0e0f",
    ),
    (MessageKind::StopCcn, "l2tp.result_code", "2"),
    (MessageKind::StopCcn, "l2tp.avp.error_code", "4"),
    (MessageKind::StopCcn, "l2tp.avp.error_message", "no room"),
    (MessageKind::Icrq, "l2tp.avp.assigned_session_id", "22136"),
    (MessageKind::Icrq, "l2tp.avp.call_serial_number", "7"),
    (MessageKind::Icrq, "l2tp.avp.calling_number", "5551234"),
    (MessageKind::Icrq, "l2tp.avp.called_number", "5556789"),
    (MessageKind::Ocrq, "l2tp.avp.maximum_bps", "2000000"),
    (MessageKind::Cdn, "l2tp.avp.cause_code", "16"),
    (MessageKind::Cdn, "l2tp.avp.advisory_msg", "bye"),
];

const TUNNEL: TunnelId = TunnelId(0x1234);
const SESSION: SessionId = SessionId(0x5678);
const RESPONSE: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

pub(crate) fn v2() -> Vec<v2::Message<'static>> {
    let mut all = v2_about_tunnels();
    all.extend(v2_incoming());
    all.extend(v2_outgoing());
    all.extend(v2_later());
    all
}

fn v2_about_tunnels() -> Vec<v2::Message<'static>> {
    let reason = Reason::stop(StopCode::GENERAL_ERROR);
    vec![
        v2::Message::Sccrq(v2::Sccrq {
            protocol_version: ProtocolVersion::V1_0,
            host_name: b"lac.example",
            framing_capabilities: Framings::BOTH,
            assigned_tunnel: TUNNEL,
            bearer_capabilities: Some(Bearers::DIGITAL),
            receive_window: Some(32),
            challenge: Some(b"0123456789abcdef"),
            tie_breaker: Some(*b"tiebreak"),
            firmware_revision: Some(1),
            vendor_name: Some(b"Adit"),
            diffserv: Some(0x00b8),
            ecn: true,
        }),
        v2::Message::Sccrp(v2::Sccrp {
            protocol_version: ProtocolVersion::V1_0,
            framing_capabilities: Framings::BOTH,
            host_name: b"lns.example",
            assigned_tunnel: TUNNEL,
            bearer_capabilities: Some(Bearers::ANALOG),
            firmware_revision: Some(1),
            vendor_name: Some(b"Adit"),
            receive_window: Some(32),
            challenge: Some(b"fedcba9876543210"),
            challenge_response: Some(RESPONSE),
            diffserv: Some(0x00b8),
            ecn: true,
        }),
        v2::Message::Scccn(v2::Scccn {
            challenge_response: Some(RESPONSE),
        }),
        v2::Message::StopCcn(v2::StopCcn {
            assigned_tunnel: TUNNEL,
            reason: reason.with(ErrorCode::NO_RESOURCES, b"no room"),
        }),
        v2::Message::Hello(v2::Hello {}),
    ]
}

fn v2_incoming() -> Vec<v2::Message<'static>> {
    vec![
        v2::Message::Icrq(v2::Icrq {
            assigned_session: SESSION,
            serial_number: 7,
            bearer_type: Some(Bearers::BROADBAND),
            physical_channel: Some(3),
            calling_number: Some(b"5551234"),
            called_number: Some(b"5556789"),
            sub_address: Some(b"12"),
            service_category: Some(1),
            service_name: Some(b"gold"),
            calling_sub_address: Some([0x47; 20]),
            vpi_vci: Some(0x0001_0020),
            diffserv: Some(0x0028),
        }),
        v2::Message::Icrp(v2::Icrp {
            assigned_session: SESSION,
            diffserv: Some(0x0028),
        }),
        v2::Message::Iccn(v2::Iccn {
            tx_speed: 1_000_000,
            framing_type: Framings::SYNC,
            initial_received_confreq: Some(&[1, 4, 5, 0xdc]),
            last_sent_confreq: Some(&[3, 5, 0xc2, 0x23, 5]),
            last_received_confreq: Some(&[5, 6, 1, 2, 3, 4]),
            proxy_authen_type: Some(AuthenType::CHAP),
            proxy_authen_name: Some(b"user"),
            proxy_authen_challenge: Some(b"challenge"),
            proxy_authen_id: Some(9),
            proxy_authen_response: Some(b"response"),
            private_group: Some(b"group"),
            rx_speed: Some(64_000),
            sequencing_required: true,
            lcp_want_options: Some(&[1, 4, 5, 0xdc]),
            lcp_allow_options: Some(&[2, 6, 0, 0, 0, 0]),
        }),
    ]
}

fn v2_outgoing() -> Vec<v2::Message<'static>> {
    vec![
        v2::Message::Ocrq(v2::Ocrq {
            assigned_session: SESSION,
            serial_number: 8,
            minimum_bps: 1_000,
            maximum_bps: 2_000_000,
            bearer_type: Bearers::ANALOG,
            framing_type: Framings::ASYNC,
            called_number: b"5556789",
            sub_address: Some(b"12"),
            rx_minimum_bps: Some(1_000),
            rx_maximum_bps: Some(2_000_000),
            service_category: Some(0),
            service_name: Some(b"gold"),
            diffserv: Some(0x0028),
        }),
        v2::Message::Ocrp(v2::Ocrp {
            assigned_session: SESSION,
            physical_channel: Some(3),
            vpi_vci: Some(0x0001_0020),
            diffserv: Some(0x0028),
        }),
        v2::Message::Occn(v2::Occn {
            tx_speed: 1_000_000,
            framing_type: Framings::ASYNC,
            rx_speed: Some(64_000),
            sequencing_required: true,
            lcp_want_options: Some(&[1, 4, 5, 0xdc]),
            lcp_allow_options: Some(&[2, 6, 0, 0, 0, 0]),
        }),
    ]
}

fn v2_later() -> Vec<v2::Message<'static>> {
    vec![
        v2::Message::Cdn(v2::Cdn {
            reason: Reason::disconnect(DisconnectCode::ADMINISTRATIVE),
            assigned_session: SESSION,
            q931_cause: Some(Q931Cause {
                code: 16,
                message: 0x45,
                advisory: b"bye",
            }),
            disconnect_cause: Some(DisconnectCause {
                code: 3,
                protocol: 0xc021,
                direction: CauseDirection::PEER,
                message: b"user request",
            }),
        }),
        v2::Message::Wen(v2::Wen {
            call_errors: ERRORS,
        }),
        v2::Message::Sli(v2::Sli {
            accm: Accm {
                send: 0x000a_0000,
                receive: u32::MAX,
            },
            last_sent_confreq: Some(&[1, 4, 5, 0xdc]),
            last_received_confreq: Some(&[5, 6, 1, 2, 3, 4]),
        }),
    ]
}

const ERRORS: CallErrors = CallErrors {
    crc: 1,
    framing: 2,
    hardware_overruns: 3,
    buffer_overruns: 4,
    timeouts: 5,
    alignment: 6,
};

const LOCAL: SessionId = SessionId(0x0102_0304);
const REMOTE: SessionId = SessionId(0x0506_0708);
const TYPES: PwTypes<'static> = PwTypes::new(&[[0, 5], [0, 4], [0, 7]]);

fn cookie() -> Cookie {
    Cookie::new(b"cookie!!").expect("it has 8 octets")
}

pub(crate) fn v3() -> Vec<v3::Message<'static>> {
    let mut all = v3_about_connections();
    all.extend(v3_incoming());
    all.extend(v3_outgoing());
    all.extend(v3_later());
    all
}

fn v3_about_connections() -> Vec<v3::Message<'static>> {
    vec![
        v3::Message::Sccrq(v3::Sccrq {
            host_name: b"lcce-a",
            router_id: 0x0a00_0001,
            assigned_connection: TunnelId(0x11),
            pw_capabilities: TYPES,
            nonce: Some(b"0123456789abcdef"),
            tie_breaker: Some(*b"tiebreak"),
            vendor_name: Some(b"Adit"),
            receive_window: Some(32),
            preferred_language: Some(b"en"),
            ecn: true,
        }),
        v3::Message::Sccrp(v3::Sccrp {
            host_name: b"lcce-b",
            router_id: 0x0a00_0002,
            assigned_connection: TunnelId(0x22),
            pw_capabilities: TYPES,
            nonce: Some(b"fedcba9876543210"),
            vendor_name: Some(b"Adit"),
            receive_window: Some(32),
            preferred_language: Some(b"en"),
            ecn: true,
        }),
        v3::Message::Scccn(v3::Scccn {}),
        v3::Message::StopCcn(v3::StopCcn {
            reason: Reason::stop(StopCode::SHUTTING_DOWN),
            assigned_connection: Some(TunnelId(0x11)),
        }),
        v3::Message::Hello(v3::Hello {}),
        v3::Message::Ack(v3::Ack {}),
    ]
}

fn v3_incoming() -> Vec<v3::Message<'static>> {
    vec![
        v3::Message::Icrq(v3::Icrq {
            local_session: LOCAL,
            remote_session: SessionId(0),
            serial_number: 7,
            pw_type: PwType::ETHERNET,
            remote_end: b"circuit 17",
            circuit_status: CircuitStatus::UP,
            cookie: Some(cookie()),
            tie_breaker: Some(*b"tiebreak"),
            sublayer: Some(SublayerType::DEFAULT),
            data_sequencing: Some(DataSequencing::All),
            tx_speed: Some(10_000_000_000),
            rx_speed: Some(10_000_000_000),
            physical_channel: Some(3),
        }),
        v3::Message::Icrp(v3::Icrp {
            local_session: REMOTE,
            remote_session: LOCAL,
            circuit_status: CircuitStatus::UP,
            cookie: Some(cookie()),
            sublayer: Some(SublayerType::DEFAULT),
            data_sequencing: Some(DataSequencing::NonIp),
            tx_speed: Some(1),
            rx_speed: Some(0),
            physical_channel: Some(3),
        }),
        v3::Message::Iccn(v3::Iccn {
            local_session: LOCAL,
            remote_session: REMOTE,
            sublayer: Some(SublayerType::NONE),
            data_sequencing: Some(DataSequencing::None),
            tx_speed: Some(1),
            rx_speed: Some(0),
            circuit_status: Some(CircuitStatus::DOWN),
        }),
    ]
}

fn v3_outgoing() -> Vec<v3::Message<'static>> {
    vec![
        v3::Message::Ocrq(v3::Ocrq {
            local_session: LOCAL,
            remote_session: SessionId(0),
            serial_number: 7,
            pw_type: PwType::PPP,
            remote_end: b"circuit 17",
            circuit_status: CircuitStatus::UP,
            cookie: Some(Cookie::EMPTY),
            tx_speed: Some(1),
            rx_speed: Some(0),
            tie_breaker: Some(*b"tiebreak"),
            sublayer: Some(SublayerType::DEFAULT),
            data_sequencing: Some(DataSequencing::All),
        }),
        v3::Message::Ocrp(v3::Ocrp {
            local_session: REMOTE,
            remote_session: LOCAL,
            circuit_status: CircuitStatus::UP,
            cookie: Some(cookie()),
            sublayer: Some(SublayerType::DEFAULT),
            tx_speed: Some(1),
            rx_speed: Some(0),
            data_sequencing: Some(DataSequencing::All),
            physical_channel: Some(3),
        }),
        v3::Message::Occn(v3::Occn {
            local_session: LOCAL,
            remote_session: REMOTE,
            sublayer: Some(SublayerType::DEFAULT),
            tx_speed: Some(1),
            rx_speed: Some(0),
            data_sequencing: Some(DataSequencing::All),
            circuit_status: Some(CircuitStatus::UP),
        }),
    ]
}

fn v3_later() -> Vec<v3::Message<'static>> {
    let reason = Reason::disconnect(DisconnectCode::GENERAL_ERROR);
    vec![
        v3::Message::Cdn(v3::Cdn {
            reason: reason.with(ErrorCode::SESSION_ID, b"no such session"),
            local_session: LOCAL,
            remote_session: REMOTE,
            disconnect_cause: None,
        }),
        v3::Message::Wen(v3::Wen {
            local_session: LOCAL,
            remote_session: REMOTE,
            circuit_errors: ERRORS,
        }),
        v3::Message::Sli(v3::Sli {
            local_session: LOCAL,
            remote_session: REMOTE,
            circuit_status: Some(CircuitStatus(CircuitStatus::CIRCUIT_RECEIVE_FAULT)),
        }),
    ]
}

/// The messages of a control connection that authenticates them, from its first to its last.
pub(crate) fn authenticated(ends: &mut [(Auth, Random); 2]) -> Vec<Sent> {
    let [here, there] = ends;
    let mut sent = Vec::new();
    for message in v3() {
        let back = matches!(message, v3::Message::Sccrp(_) | v3::Message::Icrp(_));
        let (from, to) = if back {
            (&mut *there, &mut *here)
        } else {
            (&mut *here, &mut *there)
        };
        let nonce = from.0.nonce();
        let nonce = nonce.as_ref().map(|octets| &octets[..]);
        let mut peer = if back { 0x11 } else { 0x22 };
        let mut message = message;
        if let v3::Message::Sccrq(sccrq) = &mut message {
            (sccrq.nonce, peer) = (nonce, 0);
        }
        if let v3::Message::Sccrp(sccrp) = &mut message {
            sccrp.nonce = nonce;
        }
        let (mut avps, mut body, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
        message.encode(&mut avps).expect("the sample is sound");
        let covered = from.0.cover(&avps, &mut from.1, &mut body);
        covered.expect("nothing is too long");
        let mut octets = v3_message(peer, &body);
        from.0
            .seal(&mut octets)
            .expect("there is room for a digest");
        let admitted =
            to.0.admit(message.kind(), &octets, &octets[12..], &mut scratch);
        admitted.expect("both ends have the secret");
        sent.push(Sent {
            back,
            ..Sent::there(octets)
        });
    }
    sent
}
