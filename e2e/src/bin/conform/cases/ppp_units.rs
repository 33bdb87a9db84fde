//! /dev/ppp: units.

use super::session::device;
use crate::case::{Case, Entry, entry, patiently};
use crate::numbers::{done, hex};
use crate::ppp::{
    ATTACH, ATTCHAN, BRIDGECHAN, CONNECT, GNPMODE, NEWUNIT, NUMBERS, SNPMODE, UNBRIDGECHAN, ask,
    may_read, open, request,
};
use crate::sys;
use std::os::fd::OwnedFd;
use std::time::Duration;

const IP: u32 = 0x21;

pub(crate) fn cases() -> Vec<Entry> {
    vec![
        entry("ppp_units.open", |case| {
            for (name, flags) in [
                ("rdwr", libc::O_RDWR),
                ("rdonly", libc::O_RDONLY),
                ("wronly", libc::O_WRONLY),
            ] {
                case.did(name, sys::open(c"/dev/ppp", flags));
            }
        }),
        entry("ppp_units.unattached", unattached),
        entry("ppp_units.numbers", numbers),
        entry("ppp_units.requests", requests),
        entry("ppp_units.modes", modes),
        entry("ppp_units.idle", idle),
        entry("ppp_units.filters", filters),
        entry("ppp_units.compression", compression),
        entry("ppp_units.device", unit_device),
        entry("ppp_units.frames", frames),
        entry("ppp_units.close", close),
        entry("ppp_units.attach", attach),
        entry("ppp_units.statistics", statistics),
    ]
}

fn unit(case: &mut Case) -> OwnedFd {
    let file = case.have(open());
    request(&file, NEWUNIT, -1).expect("a unit");
    file
}

fn unattached(case: &mut Case) {
    let file = case.have(open());
    for (name, number) in NUMBERS {
        ask(case, name, &file, number, 0);
    }
    ask(case, "CONNECT", &file, CONNECT, 0);
    ask(case, "BRIDGECHAN", &file, BRIDGECHAN, 1);
    ask(case, "UNBRIDGECHAN", &file, UNBRIDGECHAN, 0);
    ask(case, "ATTACH 0", &file, ATTACH, 0);
    ask(case, "ATTCHAN 100000", &file, ATTCHAN, 100_000);
    ask(case, "ATTCHAN -1", &file, ATTCHAN, -1);
    case.did("read", sys::read(&file, 100));
    case.did("write", sys::write(&file, &[0xc0, 0x21, 1, 1, 0, 4]));
    case.got(
        "poll",
        sys::poll(&file, libc::POLLIN | libc::POLLOUT, Duration::ZERO),
        |events| format!("{events:x}"),
    );
    case.did("nowhere", sys::ioctl_nowhere(&file, NEWUNIT));
    case.did("FIONREAD", sys::ioctl(&file, 0x541b, &mut [0; 128]));
}

fn numbers(case: &mut Case) {
    let files: Vec<OwnedFd> = (0..6).map(|_| open().expect("/dev/ppp")).collect();
    ask(case, "first", &files[0], NEWUNIT, -1);
    ask(case, "second", &files[1], NEWUNIT, -1);
    ask(case, "taken", &files[2], NEWUNIT, 0);
    ask(case, "five", &files[2], NEWUNIT, 5);
    ask(case, "next", &files[3], NEWUNIT, -1);
    ask(case, "again on one", &files[0], NEWUNIT, -1);
    ask(case, "other negative", &files[4], NEWUNIT, -7);
    let mut names = sys::devices();
    names.sort();
    case.say("devices", names.join(" "));
}

fn requests(case: &mut Case) {
    let file = unit(case);
    for (name, number) in NUMBERS {
        for value in [0, 1, 1500, -1] {
            ask(case, &format!("{name} {value}"), &file, number, value);
        }
    }
    ask(case, "GMRU then", &file, 0x8004_7453, 0);
    ask(case, "GFLAGS then", &file, 0x8004_745a, 0);
    ask(case, "GDEBUG then", &file, 0x8004_7441, 0);
    ask(case, "CONNECT", &file, CONNECT, 0);
    ask(case, "ATTCHAN", &file, ATTCHAN, 0);
    ask(case, "ATTACH", &file, ATTACH, 0);
    ask(case, "BRIDGECHAN", &file, BRIDGECHAN, 0);
    ask(case, "UNBRIDGECHAN", &file, UNBRIDGECHAN, 0);
    case.did("nowhere", sys::ioctl_nowhere(&file, 0x4004_7452));
    case.did("unknown", sys::ioctl(&file, 0x8004_7401, &mut [0; 64]));
}

fn modes(case: &mut Case) {
    let file = unit(case);
    for protocol in [IP, 0x57, 0x2b, 0x29, 0x281, 0x283, 0xc021, 0] {
        mode(case, &file, "get", GNPMODE, protocol, 0);
        for value in [0, 1, 2, 3, 7] {
            mode(case, &file, "set", SNPMODE, protocol, value);
        }
        mode(case, &file, "get then", GNPMODE, protocol, 0);
    }
}

fn mode(case: &mut Case, file: &OwnedFd, what: &str, number: u32, protocol: u32, value: u32) {
    let mut argument = [protocol.to_ne_bytes(), value.to_ne_bytes()].concat();
    let result = sys::ioctl(file, number, &mut argument);
    let question = format!("{what} {protocol:x} {value}");
    case.got(&question, result, |_| hex(&argument));
}

/// A unit that has had no packet tells of no time that means something.
fn idle(case: &mut Case) {
    let file = unit(case);
    for (name, number) in [("32", 0x8008_743f_u32), ("64", 0x8010_743f)] {
        case.did(name, sys::ioctl(&file, number, &mut [0xff; 16]));
    }
}

/// A program of the classic packet filter, given by its address.
fn filters(case: &mut Case) {
    let file = unit(case);
    let accept: [u8; 8] = [6, 0, 0, 0, 1, 0, 0, 0];
    let broken: [u8; 8] = [5, 0, 0, 0, 9, 0, 0, 0];
    for (name, number) in [("SPASS", 0x4010_7447_u32), ("SACTIVE", 0x4010_7446)] {
        for (what, len, program) in [
            ("none", 0u16, &accept),
            ("accept", 1, &accept),
            ("broken", 1, &broken),
        ] {
            let mut argument = [0u8; 16];
            argument[..2].copy_from_slice(&len.to_ne_bytes());
            argument[8..].copy_from_slice(&(program.as_ptr() as usize).to_ne_bytes());
            case.did(
                &format!("{name} {what}"),
                sys::ioctl(&file, number, &mut argument),
            );
        }
        let mut argument = [0u8; 16];
        argument[0] = 1;
        argument[8..].copy_from_slice(&sys::NOWHERE.to_ne_bytes());
        case.did(
            &format!("{name} nowhere"),
            sys::ioctl(&file, number, &mut argument),
        );
    }
}

/// Of the methods of compression none is loaded: deflate, BSD, and one that nobody has.
fn compression(case: &mut Case) {
    let file = unit(case);
    for method in [[99u8, 4, 1, 1], [1, 3, 1, 0]] {
        let mut argument = [0u8; 24];
        argument[..8].copy_from_slice(&(method.as_ptr() as usize).to_ne_bytes());
        argument[8..12].copy_from_slice(&4u32.to_ne_bytes());
        let result = sys::ioctl(&file, 0x4010_744d, &mut argument);
        case.did(&format!("method {}", method[0]), result);
    }
}

fn unit_device(case: &mut Case) {
    let _file = unit(case);
    device(case, "ppp0");
    let queue = sys::device("ppp0", 0x8942);
    case.got("queue length", queue, |value| {
        i32::from_ne_bytes([value[0], value[1], value[2], value[3]]).to_string()
    });
    case.did("up", sys::raise("ppp0"));
    device(case, "ppp0");
}

/// A unit without a channel reads an end and takes writes.
fn frames(case: &mut Case) {
    let file = unit(case);
    may_read(case, "read", &file);
    for (name, frame) in [
        ("empty", &[][..]),
        ("one octet", &[0xc0]),
        ("two octets", &[0xc0, 0x21]),
        ("short lcp", &[0xc0, 0x21, 1, 1, 0]),
        ("lcp", &[0xc0, 0x21, 1, 1, 0, 4]),
        ("ipcp", &[0x80, 0x21, 1, 1, 0, 4]),
    ] {
        case.got(
            &format!("write {name}"),
            sys::write(&file, frame),
            usize::to_string,
        );
    }
    case.got(
        "poll",
        sys::poll(&file, libc::POLLIN | libc::POLLOUT, Duration::ZERO),
        |events| format!("{events:x}"),
    );
}

fn close(case: &mut Case) {
    let file = unit(case);
    let copy = file.try_clone().expect("a copy");
    drop(file);
    case.say("with a copy", sys::devices().join(" "));
    drop(copy);
    without_device(case, "closed");
    let file = case.have(open());
    ask(case, "number again", &file, NEWUNIT, -1);
}

/// Waits until there is no unit's device.
pub(crate) fn without_device(case: &mut Case, question: &str) {
    patiently(|| sys::devices().len() == 1);
    case.say(question, sys::devices().join(" "));
}

/// Another file may attach to a unit; the one that made it decides over its life.
fn attach(case: &mut Case) {
    let maker = unit(case);
    let other = case.have(open());
    ask(case, "unknown", &other, ATTACH, 7);
    ask(case, "attach", &other, ATTACH, 0);
    ask(case, "GUNIT", &other, 0x8004_7456, 0);
    ask(case, "again", &other, ATTACH, 0);
    drop(maker);
    without_device(case, "maker closed");
    ask(case, "GUNIT then", &other, 0x8004_7456, 0);
    case.did("read", sys::read(&other, 100));
    case.did("write", sys::write(&other, &[0xc0, 0x21, 1, 1, 0, 4]));
    let next = case.have(open());
    ask(case, "number while attached", &next, NEWUNIT, 0);
}

fn statistics(case: &mut Case) {
    let _file = unit(case);
    case.got(
        "SIOCGPPPSTATS",
        sys::ppp_statistics("ppp0", 0x89f0),
        |octets| hex(octets),
    );
    case.got(
        "SIOCGPPPVER",
        sys::ppp_statistics("ppp0", 0x89f1),
        |octets| {
            String::from_utf8_lossy(octets.split(|octet| *octet == 0).next().unwrap_or(&[]))
                .into_owned()
        },
    );
    case.say("of lo", done(sys::ppp_statistics("lo", 0x89f0)));
    case.say("of nothing", done(sys::ppp_statistics("ppp9", 0x89f0)));
}
