//! How the packets of a call travel that was set up by protocol.

use crate::control::{UDP, await_ping, await_session, called, calling, pair};
use adit_e2e::{Capture, Family, Pair, Side, Test, eventually, test};
use libtest_mimic::Trial;
use rustix::net::sockopt::set_ip_tos;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    vec![test("outer::a_calls_terms_count", a_calls_terms_count)]
}

/// L2TP's data header of version 3 over UDP, whose first bit tells it from a control message, with
/// a cookie of 8 octets and the sublayer.
const HEADER: usize = 8 + 4 + 4 + 8 + 4;
/// The inner port that the tests' datagrams go to.
const DISCARD: u16 = 9;

/// Class, TTL and DF of an outer packet.
type Outer = (u8, u8, bool);

/// The outer packet of a frame that carries such a datagram from A.
fn outer(frame: &[u8]) -> Option<Outer> {
    let packet = frame.get(14..)?;
    let port = 1701_u16.to_be_bytes();
    let ours = packet.get(9) == Some(&17) && packet.get(22..24)? == port;
    let inner = packet.get(20 + HEADER + 14..)?;
    let (udp, to) = (*inner.get(9)?, inner.get(22..24)?);
    let wanted = ours && udp == 17 && to == DISCARD.to_be_bytes();
    wanted.then_some((packet[1], packet[8], packet[6] & 0x40 != 0))
}

/// What the packet of the next datagram of class 0xba is like.
fn next(pair: &Pair) -> std::io::Result<Option<Outer>> {
    let any = SocketAddr::new(Side::A.inner(Family::V4), 0);
    let socket = pair.a.run(|| UdpSocket::bind(any))?;
    set_ip_tos(&socket, 0xba)?;
    let capture = Capture::new(&pair.b)?;
    socket.send_to(&[7; 200], (Side::B.inner(Family::V4), DISCARD))?;
    capture.find(Duration::from_secs(10), outer)
}

/// The keys of the tunnel, those of its call, and what the packets are then like.
const CASES: [(&str, &str, Outer); 4] = [
    ("", "", (0x02, 64, false)),
    (
        "tos = \"inherit\"\nttl = 33\npmtudisc = \"do\"\n",
        "",
        (0xba, 33, true),
    ),
    (
        "tos = \"inherit\"\nttl = 33\n",
        "tos = 0x48\nttl = 44\necn = false\n",
        (0x48, 44, false),
    ),
    (
        "ecn = false\n",
        "tos = \"inherit\"\necn = true\n",
        (0xb8, 64, false),
    ),
];

fn a_calls_terms_count() -> Test {
    for (tunnel, call, expected) in CASES {
        let text = format!("{tunnel}{}{call}", crate::control::CALL);
        let pair = pair(&calling(UDP, &text), &called(UDP, ""));
        await_session(&pair.a);
        await_session(&pair.b);
        await_ping(&pair);
        assert_eq!(next(&pair)?, Some(expected), "{text}");
        // A profile's change is a reason to call anew, which `set` is not.
        pair.a.adit("set session name l2tpeth0 ttl 55");
        eventually("the class is as it was set", || {
            let seen = next(&pair).expect("a capture to read");
            seen.is_some_and(|seen| seen.1 == 55)
        });
    }
    Ok(())
}
