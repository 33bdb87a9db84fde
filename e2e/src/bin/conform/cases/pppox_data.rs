//! PPPoL2TP sockets: frames.

use super::tunnel_fd::{arrives, may_arrive};
use super::{get_session, get_tunnel, of_session};
use crate::case::{Case, Entry, PATIENCE, entry, patiently};
use crate::numbers::{attr, command};
use crate::pppox::{Address, FORMS, Form, Joined, SOL_PPPOL2TP, joined};
use crate::sys;
use libc::{MSG_DONTWAIT, MSG_OOB, MSG_PEEK, POLLIN, POLLOUT};
use std::time::Duration;

pub(super) const ECHO_REQUEST: [u8; 10] = [0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4];

pub(crate) fn cases() -> Vec<Entry> {
    let mut all = vec![
        entry("pppox_data.headers_v2", headers_v2),
        entry("pppox_data.headers_v3", headers_v3),
        entry("pppox_data.frames", frames),
        entry("pppox_data.sequence_sent", sequence_sent),
        entry("pppox_data.sequence_demanded", sequence_demanded),
        entry("pppox_data.sequence_learnt", sequence_learnt),
        entry("pppox_data.sequence_order", sequence_order),
        entry("pppox_data.not_for_the_session", not_for_the_session),
        entry(
            "pppox_data.on_the_management_socket",
            on_the_management_socket,
        ),
        entry("pppox_data.receive_flags", receive_flags),
        entry("pppox_data.send_flags", send_flags),
        entry("pppox_data.before_a_reader", before_a_reader),
    ];
    for (name, form) in FORMS {
        all.push(entry(format!("pppox_data.sent_{name}"), move |case| {
            let joined = joined(case, form);
            case.got(
                "send",
                sys::send(&joined.session, &ECHO_REQUEST, 0),
                usize::to_string,
            );
            arrives(case, "sent", &joined.peer);
            let counted = ["[1=1 2=18 ", "[1=1 2=20 ", "[1=1 2=24 "];
            case.ask_until("session", &get_session(1, 5), &counted);
            case.ask("tunnel", &get_tunnel(1));
        }));
    }
    all
}

/// Sends a packet as the peer, and notes what the session gets of it.
fn receive(case: &mut Case, joined: &Joined, question: &str, packet: &[u8]) {
    sys::send(&joined.peer, packet, 0).expect("a peer");
    arrives(case, question, &joined.session);
}

/// As [`receive`], of a packet that is dropped, by Linux or by Adit.
fn receive_none(case: &mut Case, joined: &Joined, question: &str, packet: &[u8]) {
    sys::send(&joined.peer, packet, 0).expect("a peer");
    may_arrive(case, question, &joined.session);
}

fn v2(flags: u16, fields: &[u16], payload: &[u8]) -> Vec<u8> {
    let mut out = (flags | 2).to_be_bytes().to_vec();
    for field in fields {
        out.extend(field.to_be_bytes());
    }
    out.extend(payload);
    out
}

fn payload(tag: u8) -> Vec<u8> {
    vec![0xff, 0x03, 0xc0, 0x21, 9, tag, 0, 8, 1, 2, 3, 4]
}

fn headers_v2(case: &mut Case) {
    let joined = joined(case, Form::V2);
    receive(case, &joined, "plain", &v2(0, &[1, 5], &payload(1)));
    receive(
        case,
        &joined,
        "without ff03",
        &v2(0, &[1, 5], &payload(2)[2..]),
    );
    receive(
        case,
        &joined,
        "length",
        &v2(0x4000, &[20, 1, 5], &payload(3)),
    );
    receive(
        case,
        &joined,
        "sequence",
        &v2(0x0800, &[1, 5, 0, 0], &payload(4)),
    );
    receive(
        case,
        &joined,
        "offset",
        &v2(0x0200, &[1, 5, 4, 0, 0], &payload(5)),
    );
    receive(case, &joined, "priority", &v2(0x0100, &[1, 5], &payload(6)));
    receive_none(
        case,
        &joined,
        "all",
        &v2(0x4b00, &[34, 1, 5, 1, 0, 2, 0], &payload(7)),
    );
    receive(
        case,
        &joined,
        "reserved bits",
        &v2(0x34f0, &[1, 5], &payload(8)),
    );
    receive(
        case,
        &joined,
        "false length",
        &v2(0x4000, &[9, 1, 5], &payload(9)),
    );
    receive_none(
        case,
        &joined,
        "offset beyond the end",
        &v2(0x0200, &[1, 5, 400, 0, 0], &payload(10)),
    );
    receive(
        case,
        &joined,
        "nothing inside",
        &v2(0, &[1, 5], &[0xff, 3, 0, 0, 0, 0, 0, 0]),
    );
    receive(
        case,
        &joined,
        "compressed protocol",
        &v2(0, &[1, 5], &[0xff, 3, 0x21, 0x45, 0, 0, 0, 0, 0]),
    );
    let counted = [" 4=11 5=213 ", " 4=10 5=174 "];
    case.ask_until("session", &get_session(1, 5), &counted);
    case.ask("tunnel", &get_tunnel(1));
}

fn headers_v3(case: &mut Case) {
    let joined = joined(case, Form::V3);
    let packet = |sublayer: &[u8], tag| {
        let mut out = vec![0, 3, 0, 0, 0, 0, 0, 5];
        out.extend(sublayer);
        out.extend(payload(tag));
        out
    };
    receive(case, &joined, "without sublayer", &packet(&[], 1));
    receive(case, &joined, "with sublayer", &packet(&[0; 4], 2));
    let mut flagged = packet(&[], 3);
    flagged[0] = 0x0f;
    receive(case, &joined, "reserved bits", &flagged);
    let mut version = packet(&[], 4);
    version[1] = 7;
    receive_none(case, &joined, "version 7", &version);
    case.ask_until("session", &get_session(1, 5), &[" 4=3 5=64 "]);
    case.ask("tunnel", &get_tunnel(1));
}

/// What a program gives is the frame behind FF 03.
fn frames(case: &mut Case) {
    let joined = joined(case, Form::V2);
    for len in [0, 1, 2, 1500, 4000] {
        let frame = vec![0x55; len];
        case.got(
            &format!("send {len}"),
            sys::send(&joined.session, &frame, 0),
            usize::to_string,
        );
        let arrived = sys::poll(&joined.peer, POLLIN, PATIENCE).expect("a poll") != 0;
        let got = arrived.then(|| sys::receive(&joined.peer, 65536, 0).expect("a packet"));
        let got = got.map_or("nothing".to_owned(), |packet| {
            format!(
                "{} octets from {}",
                packet.len(),
                crate::numbers::hex(&packet[..packet.len().min(9)])
            )
        });
        case.say(&format!("send {len} arrives"), got);
    }
    case.got(
        "write",
        sys::write(&joined.session, &ECHO_REQUEST),
        usize::to_string,
    );
    arrives(case, "write arrives", &joined.peer);
    case.did("too long", sys::send(&joined.session, &[0; 70000], 0));
}

fn option(case: &mut Case, joined: &Joined, option: i32, value: i32) {
    let set = sys::set_option(&joined.session, SOL_PPPOL2TP, option, &value.to_ne_bytes());
    case.did(&format!("option {option} {value}"), set);
}

fn sequence_sent(case: &mut Case) {
    let joined = joined(case, Form::V2);
    option(case, &joined, 3, 1);
    for _ in 0..2 {
        case.did("send", sys::send(&joined.session, &ECHO_REQUEST, 0));
        arrives(case, "sent", &joined.peer);
    }
    option(case, &joined, 3, 0);
    case.did("send", sys::send(&joined.session, &ECHO_REQUEST, 0));
    arrives(case, "sent", &joined.peer);
}

fn sequence_demanded(case: &mut Case) {
    let joined = joined(case, Form::V2);
    option(case, &joined, 2, 1);
    receive_none(case, &joined, "none", &v2(0, &[1, 5], &payload(1)));
    receive(
        case,
        &joined,
        "numbered",
        &v2(0x0800, &[1, 5, 7, 0], &payload(2)),
    );
    receive_none(case, &joined, "none later", &v2(0, &[1, 5], &payload(3)));
    let counted = [" 4=1 5=22 6=2 10=0 7=0 8=2 "];
    case.ask_until("session", &get_session(1, 5), &counted);
}

/// In LAC mode the peer decides whether numbers are sent; in LNS mode it does not.
fn sequence_learnt(case: &mut Case) {
    let joined = joined(case, Form::V2);
    receive(
        case,
        &joined,
        "numbered",
        &v2(0x0800, &[1, 5, 0, 0], &payload(1)),
    );
    case.ask_until("session", &get_session(1, 5), &[" 4=1 5=22 "]);
    receive(case, &joined, "not numbered", &v2(0, &[1, 5], &payload(2)));
    case.ask_until("session", &get_session(1, 5), &[" 4=2 5=40 "]);
    let lns = of_session(command::SESSION_MODIFY, 1, 5).octet(attr::LNS_MODE, 1);
    case.must(&lns);
    receive(
        case,
        &joined,
        "numbered, lns",
        &v2(0x0800, &[1, 5, 1, 0], &payload(3)),
    );
    case.ask_until("session", &get_session(1, 5), &[" 4=3 5=62 "]);
    option(case, &joined, 3, 1);
    receive_none(
        case,
        &joined,
        "not numbered, lns",
        &v2(0, &[1, 5], &payload(4)),
    );
    let counted = [" 4=3 5=62 6=1 10=0 7=0 8=1 "];
    case.ask_until("session", &get_session(1, 5), &counted);
}

/// Without a reorder timeout what is behind is dropped, and five ahead in a row are needed.
fn sequence_order(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let order = [
        (0u16, true),
        (1, true),
        (1, false),
        (0, false),
        (3, false),
        (2, true),
        (4, false),
        (10, false),
        (11, false),
        (12, false),
        (13, false),
        (14, false),
        (15, true),
        (16, true),
        (40000, false),
        (17, true),
    ];
    for (number, passes) in order {
        let packet = v2(0x0800, &[1, 5, number, 0], &payload(number as u8));
        let receive = if passes { receive } else { receive_none };
        receive(case, &joined, &format!("number {number}"), &packet);
    }
    let counted = [" 4=6 5=132 6=7 10=0 7=0 8=10 "];
    case.ask_until("session", &get_session(1, 5), &counted);
}

/// What is no data of the session reaches the tunnel's own socket, or nobody.
fn not_for_the_session(case: &mut Case) {
    let joined = joined(case, Form::V2);
    for (name, packet, whose) in strays() {
        sys::send(&joined.peer, &packet, 0).expect("a peer");
        for (reader, socket) in [("tunnel", &joined.udp), ("session", &joined.session)] {
            let arrives = if whose == reader { arrives } else { may_arrive };
            arrives(case, &format!("{name} to the {reader}"), socket);
        }
    }
    let counted = [" 4=2 5=32 ", " 4=1 5=14 "];
    case.ask_until("session", &get_session(1, 5), &counted);
    case.ask("tunnel", &get_tunnel(1));
}

/// Packets by name, each with whose it is, with Linux and with Adit, if it is anybody's.
fn strays() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let control = [0x80, 8, 0, 0, 0, 0, 0, 6];
    let lcp = [0xff, 3, 0xc0, 0x21, 9, 1, 0, 4];
    let first = payload(1);
    vec![
        ("control", v2(0xc800, &[20, 1, 0, 0, 0], &control), "tunnel"),
        ("unknown session", v2(0, &[1, 9], &first), "nobody"),
        ("other tunnel", v2(0, &[9, 5], &payload(2)), "nobody"),
        (
            "version 3",
            [&[0, 3, 0, 0, 0, 0, 0, 5], &lcp[..]].concat(),
            "tunnel",
        ),
        (
            "version 1",
            [&[0, 1, 0, 1, 0, 5], &lcp[..], &[0, 0]].concat(),
            "tunnel",
        ),
        ("short", v2(0, &[1, 5], &[]), "tunnel"),
        ("13 octets", v2(0, &[1, 5], &first[..7]), "tunnel"),
        ("14 octets", v2(0, &[1, 5], &first[..8]), "session"),
    ]
}

fn on_the_management_socket(case: &mut Case) {
    let joined = joined(case, Form::V2);
    case.got(
        "send",
        sys::send(&joined.management, &ECHO_REQUEST, 0),
        usize::to_string,
    );
    may_arrive(case, "sent", &joined.peer);
    sys::send(&joined.peer, &v2(0, &[1, 0], &payload(1)), 0).expect("a peer");
    may_arrive(case, "session 0", &joined.management);
    case.did(
        "receive",
        sys::receive(&joined.management, 100, MSG_DONTWAIT),
    );
}

fn receive_flags(case: &mut Case) {
    let joined = joined(case, Form::V2);
    for tag in 1..=3 {
        sys::send(&joined.peer, &v2(0, &[1, 5], &payload(tag)), 0).expect("a peer");
    }
    assert_ne!(
        sys::poll(&joined.session, POLLIN, PATIENCE).expect("a poll"),
        0,
        "frames"
    );
    let hex = |data: &Vec<u8>| crate::numbers::hex(data);
    case.got("peek", sys::receive(&joined.session, 100, MSG_PEEK), hex);
    case.got("cut", sys::receive(&joined.session, 4, 0), hex);
    let from = sys::receive_from(&joined.session, 100, 0);
    case.got("from", from, |(data, from)| {
        format!("{} from {}", hex(data), hex(from))
    });
    case.got("read", sys::read(&joined.session, 100), hex);
    case.got(
        "empty",
        sys::receive(&joined.session, 100, MSG_DONTWAIT),
        hex,
    );
    case.got(
        "poll",
        sys::poll(&joined.session, POLLIN | POLLOUT, Duration::ZERO),
        |events| format!("{events:x}"),
    );
}

fn send_flags(case: &mut Case) {
    let joined = joined(case, Form::V2);
    case.got(
        "out of band",
        sys::send(&joined.session, &ECHO_REQUEST, MSG_OOB),
        usize::to_string,
    );
    may_arrive(case, "out of band arrives", &joined.peer);
    let elsewhere = Address::new(Form::V2, -1, [1, 9, 1001, 1009]).octets();
    case.did(
        "to an address",
        sys::send_to(&joined.session, &ECHO_REQUEST, 0, &elsewhere),
    );
    arrives(case, "to an address arrives", &joined.peer);
}

/// Frames wait for who reads them.
fn before_a_reader(case: &mut Case) {
    let joined = joined(case, Form::V2);
    for tag in 0..40 {
        sys::send(&joined.peer, &v2(0, &[1, 5], &payload(tag)), 0).expect("a peer");
    }
    case.answers_with(&get_session(1, 5), &[" 4=40 5=720 "]);
    let mut count = 0;
    patiently(|| {
        count += u32::from(sys::receive(&joined.session, 100, MSG_DONTWAIT).is_ok());
        count == 40
    });
    case.say("frames", count);
}
