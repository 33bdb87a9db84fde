//! PPPoL2TP sockets: frames, and who ends what.

use super::tunnel_fd::{arrives, gone};
use super::{get_session, get_tunnel, of_session};
use crate::case::{Case, Entry, entry};
use crate::numbers::{attr, command};
use crate::pppox::{Address, FORMS, Form, Joined, SOL_PPPOL2TP, connected, joined};
use crate::sys;
use libc::{MSG_DONTWAIT, MSG_OOB, MSG_PEEK, POLLIN, POLLOUT};
use std::os::fd::AsRawFd;

const ECHO_REQUEST: [u8; 10] = [0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4];

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
        entry("life.session_socket", session_socket),
        entry("life.management_socket", management_socket),
        entry("life.tunnel_socket", tunnel_socket),
        entry("life.tunnel_socket_first", tunnel_socket_first),
        entry("life.duplicates", duplicates),
        entry("life.process_ends", process_ends),
        entry("life.ids_again", ids_again),
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
            case.ask("session", &get_session(1, 5));
            case.ask("tunnel", &get_tunnel(1));
        }));
    }
    all
}

/// Sends a packet as the peer, and notes what the session and the tunnel's socket get of it.
fn receive(case: &mut Case, joined: &Joined, question: &str, packet: &[u8]) {
    sys::send(&joined.peer, packet, 0).expect("a peer");
    arrives(case, question, &joined.session);
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
    receive(
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
    receive(
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
    case.ask("session", &get_session(1, 5));
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
    receive(case, &joined, "version 7", &version);
    case.ask("session", &get_session(1, 5));
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
        let arrived = sys::poll(&joined.peer, POLLIN, 300).expect("a poll") != 0;
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
    receive(case, &joined, "none", &v2(0, &[1, 5], &payload(1)));
    receive(
        case,
        &joined,
        "numbered",
        &v2(0x0800, &[1, 5, 7, 0], &payload(2)),
    );
    receive(case, &joined, "none later", &v2(0, &[1, 5], &payload(3)));
    case.ask("session", &get_session(1, 5));
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
    case.ask("session", &get_session(1, 5));
    receive(case, &joined, "not numbered", &v2(0, &[1, 5], &payload(2)));
    case.ask("session", &get_session(1, 5));
    let lns = of_session(command::SESSION_MODIFY, 1, 5).octet(attr::LNS_MODE, 1);
    case.must(&lns);
    receive(
        case,
        &joined,
        "numbered, lns",
        &v2(0x0800, &[1, 5, 1, 0], &payload(3)),
    );
    case.ask("session", &get_session(1, 5));
    option(case, &joined, 3, 1);
    receive(
        case,
        &joined,
        "not numbered, lns",
        &v2(0, &[1, 5], &payload(4)),
    );
    case.ask("session", &get_session(1, 5));
}

/// Without a reorder timeout what is behind is dropped, and five ahead in a row are needed.
fn sequence_order(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let order = [
        0u16, 1, 1, 0, 3, 2, 4, 10, 11, 12, 13, 14, 15, 16, 40000, 17,
    ];
    for number in order {
        let packet = v2(0x0800, &[1, 5, number, 0], &payload(number as u8));
        receive(case, &joined, &format!("number {number}"), &packet);
    }
    case.ask("session", &get_session(1, 5));
}

/// What is no data of the session reaches the tunnel's own socket, or nobody.
fn not_for_the_session(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let packets = [
        (
            "control",
            v2(0xc800, &[20, 1, 0, 0, 0], &[0x80, 8, 0, 0, 0, 0, 0, 6]),
        ),
        ("unknown session", v2(0, &[1, 9], &payload(1))),
        ("other tunnel", v2(0, &[9, 5], &payload(2))),
        (
            "version 3",
            vec![0, 3, 0, 0, 0, 0, 0, 5, 0xff, 3, 0xc0, 0x21, 9, 1, 0, 4],
        ),
        (
            "version 1",
            vec![0, 1, 0, 1, 0, 5, 0xff, 3, 0xc0, 0x21, 9, 1, 0, 4, 0, 0],
        ),
        ("short", v2(0, &[1, 5], &[])),
        ("13 octets", v2(0, &[1, 5], &payload(1)[..7])),
        ("14 octets", v2(0, &[1, 5], &payload(1)[..8])),
    ];
    for (name, packet) in packets {
        sys::send(&joined.peer, &packet, 0).expect("a peer");
        arrives(case, &format!("{name} to the tunnel"), &joined.udp);
        arrives(case, &format!("{name} to the session"), &joined.session);
    }
    case.ask("session", &get_session(1, 5));
    case.ask("tunnel", &get_tunnel(1));
}

fn on_the_management_socket(case: &mut Case) {
    let joined = joined(case, Form::V2);
    case.got(
        "send",
        sys::send(&joined.management, &ECHO_REQUEST, 0),
        usize::to_string,
    );
    arrives(case, "sent", &joined.peer);
    sys::send(&joined.peer, &v2(0, &[1, 0], &payload(1)), 0).expect("a peer");
    arrives(case, "session 0", &joined.management);
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
        sys::poll(&joined.session, POLLIN, 2000).expect("a poll"),
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
        sys::poll(&joined.session, POLLIN | POLLOUT, 0),
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
    arrives(case, "out of band arrives", &joined.peer);
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
    assert_ne!(
        sys::poll(&joined.session, POLLIN, 2000).expect("a poll"),
        0,
        "frames"
    );
    std::thread::sleep(std::time::Duration::from_millis(200));
    let mut count = 0;
    while sys::receive(&joined.session, 100, MSG_DONTWAIT).is_ok() {
        count += 1;
    }
    case.say("frames", count);
}

fn session_socket(case: &mut Case) {
    let joined = joined(case, Form::V2);
    drop(joined.session);
    gone_session(case, 5);
    case.ask("tunnel", &get_tunnel(1));
    let again = connected(&Address::new(Form::V2, -1, [1, 5, 1001, 1005]));
    case.did("again", again);
}

fn gone_session(case: &mut Case, session: u32) {
    for _ in 0..300 {
        let replies = case.netlink().ask(&get_session(1, session));
        if crate::netlink::tell(&replies.expect("a socket")) == "ENODEV" {
            return case.say("session gone", "yes");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    case.say("session gone", "no");
}

fn management_socket(case: &mut Case) {
    let joined = joined(case, Form::V2);
    drop(joined.management);
    std::thread::sleep(std::time::Duration::from_millis(100));
    case.ask("tunnel", &get_tunnel(1));
    case.ask("session", &get_session(1, 5));
    case.did("send", sys::send(&joined.session, &ECHO_REQUEST, 0));
    arrives(case, "sent", &joined.peer);
}

fn tunnel_socket(case: &mut Case) {
    let joined = joined(case, Form::V2);
    drop(joined.udp);
    // The session's sockets do not hold the tunnel.
    gone(case, 1);
    case.did("send", sys::send(&joined.session, &ECHO_REQUEST, 0));
    case.did(
        "port is free",
        super::tunnel_fd::udp_at([127, 0, 0, 1], 1701),
    );
}

fn tunnel_socket_first(case: &mut Case) {
    let joined = joined(case, Form::V2);
    drop(joined.udp);
    drop(joined.session);
    drop(joined.management);
    gone(case, 1);
    case.table("tunnels", command::TUNNEL_GET);
    case.table("sessions", command::SESSION_GET);
}

/// The last copy of a descriptor counts.
fn duplicates(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let copy = joined.session.try_clone().expect("a copy");
    drop(joined.session);
    std::thread::sleep(std::time::Duration::from_millis(100));
    case.ask("session", &get_session(1, 5));
    case.did("send", sys::send(&copy, &ECHO_REQUEST, 0));
    let ended = sys::in_child(20, || {
        std::thread::sleep(std::time::Duration::from_millis(300))
    });
    case.got("child", ended, i32::to_string);
    case.ask("session after the child", &get_session(1, 5));
    drop(copy);
    gone_session(case, 5);
}

/// A process that ends closes everything, whatever order that is in.
fn process_ends(case: &mut Case) {
    let ended = sys::in_child(20, || {
        let mut inner = Case::new("life.process_ends".to_owned());
        let joined = joined(&mut inner, Form::V2);
        inner.say("inside", joined.udp.as_raw_fd() >= 0);
        std::mem::forget(joined);
    });
    case.got("child", ended, i32::to_string);
    gone(case, 1);
    case.did(
        "port is free",
        super::tunnel_fd::udp_at([127, 0, 0, 1], 1701),
    );
}

fn ids_again(case: &mut Case) {
    for _ in 0..5 {
        let joined = joined(case, Form::V2);
        case.did("send", sys::send(&joined.session, &ECHO_REQUEST, 0));
        arrives(case, "sent", &joined.peer);
        drop(joined);
        gone(case, 1);
    }
}
