//! The two texts in which the driver shows its state.

use super::{eth, get_session, ip4, ppp, udp4, udp6, v2};
use crate::case::{Case, Entry, entry};
use crate::numbers::{attr, outcome};
use crate::ppp::link;
use crate::pppox::{Form, joined};
use crate::sys;
use std::ffi::CStr;
use std::io;

const PROC: &CStr = c"/proc/net/pppol2tp";
const DEBUGFS: &CStr = c"/sys/kernel/debug/l2tp/tunnels";

pub(crate) fn cases() -> Vec<Entry> {
    vec![
        entry("dumps.legends", |case| {
            show(case, "proc", PROC, 0);
            show(case, "debugfs", DEBUGFS, 0);
        }),
        entry("dumps.v3", |case| {
            case.must(&ip4(7));
            case.must(&udp6(9));
            case.must(&udp4(42));
            case.must(&eth(7, 70).octet(attr::L2SPEC_TYPE, 0));
            case.must(&eth(9, 90).set(attr::COOKIE, &[0xde, 0xad, 0xbe, 0xef]));
            let full = eth(42, 129)
                .set(attr::COOKIE, &[1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef])
                .set(attr::PEER_COOKIE, &[1, 2, 3, 4])
                .octet(attr::SEND_SEQ, 1)
                .octet(attr::RECV_SEQ, 1)
                .long(attr::RECV_TIMEOUT, 200);
            case.must(&full.text(attr::IFNAME, "pw1"));
            both(case);
        }),
        entry("dumps.v2", |case| {
            case.must(&v2(1));
            case.must(&ppp(1, 5).octet(attr::LNS_MODE, 1).octet(attr::SEND_SEQ, 1));
            both(case);
        }),
        entry("dumps.odd_cookies", |case| {
            case.must(&udp4(1));
            case.must(
                &eth(1, 5)
                    .set(attr::COOKIE, &[1, 2, 3, 4, 5])
                    .set(attr::PEER_COOKIE, &[1]),
            );
            show(case, "debugfs", DEBUGFS, 11);
        }),
        entry("dumps.managed", |case| {
            let _joined = joined(case, Form::V2);
            both(case);
        }),
        entry("dumps.managed_v3", |case| {
            let _joined = joined(case, Form::V3);
            both(case);
        }),
        entry("dumps.linked", |case| {
            let link = link(case, Form::V2);
            let frame = [0xc0, 0x21, 9, 1, 0, 4];
            sys::write(&link.channel, &frame).expect("a write");
            case.answers_with(&get_session(1, 5), &["[1=1 2=14 "]);
            both(case);
        }),
        entry("dumps.linked_v2in6", |case| {
            let _link = link(case, Form::V2Over6);
            both(case);
        }),
        entry("dumps.writing", |case| {
            for (name, path) in [("proc", PROC), ("debugfs", DEBUGFS)] {
                case.did(name, sys::open(path, libc::O_RDWR));
            }
        }),
    ]
}

/// Both without their legends.
fn both(case: &mut Case) {
    show(case, "proc", PROC, 6);
    show(case, "debugfs", DEBUGFS, 11);
}

fn text(path: &CStr) -> io::Result<Vec<u8>> {
    let file = sys::open(path, libc::O_RDONLY)?;
    let mut all = Vec::new();
    loop {
        match sys::read(&file, 65536)? {
            end if end.is_empty() => return Ok(all),
            more => all.extend(more),
        }
    }
}

fn show(case: &mut Case, question: &str, path: &CStr, legend: usize) {
    match text(path) {
        Ok(text) => {
            for line in String::from_utf8_lossy(&text).lines().skip(legend) {
                case.say(question, format!("|{line}|"));
            }
        }
        Err(error) => case.say(question, outcome(Err::<(), _>(error), |()| String::new())),
    }
}
