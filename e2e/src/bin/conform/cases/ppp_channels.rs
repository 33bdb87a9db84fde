//! /dev/ppp: channels of PPPoL2TP sessions, alone, in units and bridged.

use super::ppp_units::without_device;
use super::tunnel_fd::{arrives, may_arrive};
use super::{get_session, of_session};
use crate::case::{Case, Entry, PATIENCE, SILENCE, entry, patiently};
use crate::netlink::number;
use crate::numbers::{command, hex};
use crate::ppp::{
    ATTACH, ATTCHAN, BRIDGECHAN, CONNECT, DISCONN, GCHAN, Link, NEWUNIT, NUMBERS, UNBRIDGECHAN,
    ask, link, may_read, open, reads, request,
};
use crate::pppox::{Address, FORMS, Form, Joined, connected, joined};
use crate::sys;
use libc::MSG_DONTWAIT;
use std::os::fd::OwnedFd;
use std::thread;

const LCP: [u8; 6] = [0xc0, 0x21, 9, 1, 0, 4];
const IPCP: [u8; 6] = [0x80, 0x21, 9, 1, 0, 4];

pub(crate) fn cases() -> Vec<Entry> {
    let mut all = vec![
        entry("ppp_channels.attach", attach),
        entry("ppp_channels.requests", requests),
        entry("ppp_channels.bound_socket", bound_socket),
        entry("ppp_channels.queue", queue),
        entry("ppp_channels.connect", connect),
        entry("ppp_channels.disconnect", disconnect),
        entry("ppp_channels.frames_in", frames_in),
        entry("ppp_channels.frames_out", frames_out),
        entry("ppp_channels.small_buffer", small_buffer),
        entry("ppp_channels.packets", packets),
        entry("ppp_channels.session_closed", |case| {
            let Link {
                joined,
                channel,
                unit,
                ..
            } = link(case, Form::V2);
            drop(joined.session);
            for round in 1..=2 {
                reads(case, &format!("channel, round {round}"), &channel);
                // With Adit a unit tells of its end once.
                let of_unit = if round == 1 { reads } else { may_read };
                of_unit(case, &format!("unit, round {round}"), &unit);
            }
            without_session(case, channel, unit);
        }),
        entry("ppp_channels.session_deleted", |case| {
            let link = link(case, Form::V2);
            case.ask("delete", &of_session(command::SESSION_DELETE, 1, 5));
            hears_nothing(case, &link);
            without_session(case, link.channel, link.unit);
        }),
        entry("ppp_channels.tunnel_closed", |case| {
            let mut link = link(case, Form::V2);
            link.joined.udp = sys::open(c"/dev/null", libc::O_RDONLY).expect("a file");
            hears_nothing(case, &link);
            without_session(case, link.channel, link.unit);
        }),
        entry("ppp_channels.unit_closed", unit_closed),
        entry("ppp_channels.channel_file_closed", channel_file_closed),
        entry("ppp_channels.two_links", two_links),
        entry("ppp_channels.bridge", bridge),
        entry("ppp_channels.bridge_refusals", bridge_refusals),
        entry("ppp_channels.bridge_end", bridge_end),
    ];
    for (name, form) in FORMS {
        all.push(entry(format!("ppp_channels.whole_{name}"), move |case| {
            let link = link(case, form);
            case.did("write", sys::write(&link.channel, &LCP));
            arrives(case, "arrives", &link.joined.peer);
            super::session::device(case, "ppp0");
            let counted = ["[1=1 2=14 ", "[1=1 2=16 "];
            case.ask_until("session", &get_session(1, 5), &counted);
        }));
    }
    all
}

/// A data packet of L2TPv2 with a frame for session 5 of tunnel 1.
fn packet(frame: &[u8]) -> Vec<u8> {
    packet_for(1, 5, frame)
}

fn packet_for(tunnel: u8, session: u8, frame: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 2, 0, tunnel, 0, session, 0xff, 3];
    out.extend(frame);
    out.resize(out.len().max(14), 0);
    out
}

fn attach(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let index = request(&joined.session, GCHAN, 0).expect("a channel");
    case.say(
        "index again",
        request(&joined.session, GCHAN, 0).expect("a channel") == index,
    );
    let file = case.have(open());
    ask(case, "next index", &file, ATTCHAN, index + 1000);
    case.did("attach", request(&file, ATTCHAN, index));
    case.did("attach again", request(&file, ATTCHAN, index));
    case.did("NEWUNIT", request(&file, NEWUNIT, -1));
    case.did("ATTACH", request(&file, ATTACH, 0));
    let second = case.have(open());
    case.did("second file", request(&second, ATTCHAN, index));
}

fn requests(case: &mut Case) {
    let link = link(case, Form::V2);
    for (name, number) in NUMBERS {
        if name != "DISCONN" {
            ask(case, name, &link.channel, number, 0);
        }
    }
    ask(case, "unit's DISCONN", &link.unit, DISCONN, 0);
    ask(case, "unit's GUNIT", &link.unit, 0x8004_7456, 0);
    ask(case, "CONNECT again", &link.channel, CONNECT, 0);
    ask(case, "CONNECT elsewhere", &link.channel, CONNECT, 7);
    case.did("nowhere", sys::ioctl_nowhere(&link.channel, CONNECT));
}

/// Frames go to /dev/ppp from the moment that the index was asked for.
fn bound_socket(case: &mut Case) {
    let joined = joined(case, Form::V2);
    sys::send(&joined.peer, &packet(&LCP), 0).expect("a peer");
    arrives(case, "before", &joined.session);
    let index = request(&joined.session, GCHAN, 0).expect("a channel");
    sys::send(&joined.peer, &packet(&LCP), 0).expect("a peer");
    case.answers_with(&get_session(1, 5), &[" 4=2 5=28 "]);
    case.did("receive", sys::receive(&joined.session, 100, MSG_DONTWAIT));
    let file = case.have(open());
    request(&file, ATTCHAN, index).expect("the channel");
    reads(case, "read", &file);
    case.did("send", sys::send(&joined.session, &LCP, 0));
    arrives(case, "sent", &joined.peer);
    case.got(
        "sockname",
        sys::name(&joined.session, false, 128),
        |(_, len)| len.to_string(),
    );
}

/// What comes before a reader attaches waits, up to a limit.
fn queue(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let index = request(&joined.session, GCHAN, 0).expect("a channel");
    for number in 0..50u8 {
        let mut frame = LCP;
        frame[3] = number;
        sys::send(&joined.peer, &packet(&frame), 0).expect("a peer");
    }
    case.answers_with(&get_session(1, 5), &[" 4=50 5=700 "]);
    // The last frame is counted, and waits in a moment.
    thread::sleep(SILENCE);
    let file = case.have(open());
    request(&file, ATTCHAN, index).expect("the channel");
    sys::poll(&file, libc::POLLIN, PATIENCE).expect("a poll");
    let mut frames = Vec::new();
    while let Ok(frame) = sys::read(&file, 100) {
        frames.push(frame[3]);
    }
    case.say("count", frames.len());
    case.say("first", frames.first().copied().unwrap_or(0));
    case.say("last", frames.last().copied().unwrap_or(0));
}

fn connect(case: &mut Case) {
    let joined = joined(case, Form::V2);
    let index = request(&joined.session, GCHAN, 0).expect("a channel");
    let file = case.have(open());
    request(&file, ATTCHAN, index).expect("the channel");
    ask(case, "unknown unit", &file, CONNECT, 0);
    let unit = case.have(open());
    ask(case, "NEWUNIT", &unit, NEWUNIT, 3);
    ask(case, "unit's own", &unit, CONNECT, 3);
    ask(case, "connect", &file, CONNECT, 3);
    ask(case, "again", &file, CONNECT, 3);
    super::session::device(case, "ppp3");
}

fn disconnect(case: &mut Case) {
    let link = link(case, Form::V2);
    ask(case, "disconnect", &link.channel, DISCONN, 0);
    ask(case, "again", &link.channel, DISCONN, 0);
    reads(case, "unit reads", &link.unit);
    sys::send(&link.joined.peer, &packet(&IPCP), 0).expect("a peer");
    reads(case, "channel reads", &link.channel);
    ask(case, "connect", &link.channel, CONNECT, 0);
    sys::send(&link.joined.peer, &packet(&IPCP), 0).expect("a peer");
    reads(case, "unit reads then", &link.unit);
}

/// Protocols of link control stay with the channel.
fn frames_in(case: &mut Case) {
    let link = link(case, Form::V2);
    let (channel, unit) = (Some(&link.channel), Some(&link.unit));
    for (name, protocol, reader) in [
        ("lcp", [0xc0, 0x21], channel),
        ("pap", [0xc0, 0x23], channel),
        ("chap", [0xc2, 0x23], channel),
        ("ipcp", [0x80, 0x21], unit),
        ("ccp", [0x80, 0xfd], unit),
        ("ccp of the link", [0x80, 0xfb], channel),
        ("ip, not passed", [0, 0x21], None),
    ] {
        let mut frame = protocol.to_vec();
        frame.extend([9, 1, 0, 4, 1, 2]);
        sys::send(&link.joined.peer, &packet(&frame), 0).expect("a peer");
        match reader {
            Some(reader) => drop(sys::poll(reader, libc::POLLIN, PATIENCE)),
            None => thread::sleep(SILENCE),
        }
        for (whose, file) in [("channel", &link.channel), ("unit", &link.unit)] {
            case.got(
                &format!("{name} on the {whose}"),
                sys::read(file, 100),
                |frame| hex(frame),
            );
        }
    }
    unit_statistics(case, [3, 18], [0, 0]);
}

/// What a unit has counted, once that is so many packets and octets in and out.
fn unit_statistics(case: &mut Case, received: [u64; 2], sent: [u64; 2]) {
    let statistics = || sys::ppp_statistics("ppp0", 0x89f0);
    patiently(|| {
        let octets = statistics().expect("a device of PPP");
        let number = |at: usize| number(&octets[at..at + 4]);
        [[number(12), number(4)], [number(32), number(24)]] == [received, sent]
    });
    case.got("statistics", statistics(), |octets| hex(octets));
}

fn frames_out(case: &mut Case) {
    let link = link(case, Form::V2);
    for (whose, file) in [("channel", &link.channel), ("unit", &link.unit)] {
        for (name, frame) in [
            ("lcp", &LCP[..]),
            ("ipcp", &IPCP),
            ("two octets", &[0x80, 0x57]),
            ("one octet", &[0xc0]),
            ("short lcp", &LCP[..5]),
        ] {
            case.got(
                &format!("{whose} {name}"),
                sys::write(file, frame),
                usize::to_string,
            );
            let arrives = match name {
                "one octet" | "short lcp" => may_arrive,
                _ => arrives,
            };
            arrives(case, &format!("{whose} {name} arrives"), &link.joined.peer);
        }
    }
    unit_statistics(case, [0, 0], [3, 8]);
}

/// A frame that the buffer does not hold is lost.
fn small_buffer(case: &mut Case) {
    let link = link(case, Form::V2);
    sys::send(&link.joined.peer, &packet(&LCP), 0).expect("a peer");
    sys::poll(&link.channel, libc::POLLIN, PATIENCE).expect("a poll");
    case.did("small", sys::read(&link.channel, 3));
    case.did("then", sys::read(&link.channel, 100));
}

/// IP packets, both ways, through the device.
fn packets(case: &mut Case) {
    let link = link(case, Form::V2);
    let mut pass = [0x21u32.to_ne_bytes(), 0u32.to_ne_bytes()].concat();
    case.did(
        "pass ip",
        sys::ioctl(&link.unit, crate::ppp::SNPMODE, &mut pass),
    );
    case.did(
        "address",
        sys::address("ppp0", [10, 9, 0, 1], Some([10, 9, 0, 2])),
    );
    case.did("up", sys::raise("ppp0"));
    let socket = case.have(super::tunnel_fd::udp_at([10, 9, 0, 1], 4000));
    let sent = sys::send_to(
        &socket,
        b"hello",
        0,
        &crate::address::in4([10, 9, 0, 2], 4000),
    );
    case.did("send", sent);
    let mut packet_out = Vec::new();
    // The device may have something of its own to say first.
    while sys::poll(&link.joined.peer, libc::POLLIN, PATIENCE).expect("a poll") != 0 {
        packet_out = sys::receive(&link.joined.peer, 2000, 0).expect("a packet");
        if packet_out[8..11] == [0, 0x21, 0x45] {
            break;
        }
    }
    case.say("header", hex(&packet_out[..11.min(packet_out.len())]));
    case.say("octets", packet_out.len());
    // The same packet with its ends exchanged is the answer.
    let mut back = vec![0, 2, 0, 1, 0, 5];
    back.extend(&packet_out[6..]);
    back[22..26].copy_from_slice(&[10, 9, 0, 2]);
    back[26..30].copy_from_slice(&[10, 9, 0, 1]);
    sys::send(&link.joined.peer, &back, 0).expect("a peer");
    arrives(case, "comes back", &socket);
    idle(case, &link.unit);
}

/// Seconds since the last packet each way, of which there was one just now.
fn idle(case: &mut Case, unit: &OwnedFd) {
    for (name, number, size) in [("32", 0x8008_743f_u32, 8), ("64", 0x8010_743f, 16)] {
        let mut argument = [0xff; 16];
        let result = sys::ioctl(unit, number, &mut argument);
        let mut halves = argument[..size].chunks(size / 2);
        let small = halves.all(|half| crate::netlink::number(half) < 30);
        case.got(&format!("idle {name}"), result, |_| {
            format!("moments ago: {small}")
        });
    }
}

/// Readers are told nothing when the session goes and its socket stays.
fn hears_nothing(case: &mut Case, link: &Link) {
    case.loses_session(1, 5);
    for round in 1..=2 {
        may_read(case, &format!("channel, round {round}"), &link.channel);
        may_read(case, &format!("unit, round {round}"), &link.unit);
    }
}

/// What the files are good for when the session is gone.
fn without_session(case: &mut Case, channel: OwnedFd, unit: OwnedFd) {
    case.did("write to the channel", sys::write(&channel, &LCP));
    case.did("write to the unit", sys::write(&unit, &IPCP));
    ask(case, "CONNECT", &channel, CONNECT, 0);
    ask(case, "DISCONN", &channel, DISCONN, 0);
    ask(case, "unit's GUNIT", &unit, 0x8004_7456, 0);
    case.say("devices", sys::devices().join(" "));
    drop(channel);
    drop(unit);
    without_device(case, "devices after");
}

fn unit_closed(case: &mut Case) {
    let link = link(case, Form::V2);
    drop(link.unit);
    without_device(case, "devices");
    ask(case, "DISCONN", &link.channel, DISCONN, 0);
    case.did("write", sys::write(&link.channel, &LCP));
    arrives(case, "arrives", &link.joined.peer);
    sys::send(&link.joined.peer, &packet(&IPCP), 0).expect("a peer");
    reads(case, "channel reads", &link.channel);
    let unit = case.have(open());
    ask(case, "NEWUNIT", &unit, NEWUNIT, -1);
    ask(case, "CONNECT", &link.channel, CONNECT, 0);
}

fn channel_file_closed(case: &mut Case) {
    let link = link(case, Form::V2);
    drop(link.channel);
    // Nothing comes of that, however long one waits.
    thread::sleep(SILENCE);
    case.did("write to the unit", sys::write(&link.unit, &IPCP));
    arrives(case, "arrives", &link.joined.peer);
    let file = case.have(open());
    case.did("attach again", request(&file, ATTCHAN, link.index));
    ask(case, "CONNECT", &file, CONNECT, 0);
}

/// A second link of one unit.
fn two_links(case: &mut Case) {
    let link = link(case, Form::V2);
    let second = case.have(connected(&Address::new(Form::V2, -1, [1, 6, 1001, 1006])));
    let index = request(&second, GCHAN, 0).expect("a channel");
    case.say("another index", index != link.index);
    let file = case.have(open());
    request(&file, ATTCHAN, index).expect("the channel");
    ask(case, "CONNECT", &file, CONNECT, 0);
    case.did("write to the unit", sys::write(&link.unit, &IPCP));
    arrives(case, "arrives", &link.joined.peer);
    drop(link.joined.session);
    case.loses_session(1, 5);
    case.did("one left", sys::write(&link.unit, &IPCP));
    arrives(case, "one left arrives", &link.joined.peer);
}

/// Two sessions of a tunnel, each with a file on its channel.
struct Two {
    joined: Joined,
    other: OwnedFd,
    indices: [i32; 2],
    files: [OwnedFd; 2],
}

fn two(case: &mut Case) -> Two {
    let joined = joined(case, Form::V2);
    let other = case.have(connected(&Address::new(Form::V2, -1, [1, 6, 1001, 1006])));
    let indices =
        [&joined.session, &other].map(|socket| request(socket, GCHAN, 0).expect("a channel"));
    let files = indices.map(|index| {
        let file = open().expect("/dev/ppp");
        request(&file, ATTCHAN, index).expect("the channel");
        file
    });
    Two {
        joined,
        other,
        indices,
        files,
    }
}

/// Frames cross from one session to the other.
fn bridge(case: &mut Case) {
    let two = two(case);
    ask(case, "unbridge before", &two.files[0], UNBRIDGECHAN, 0);
    case.did("bridge", request(&two.files[0], BRIDGECHAN, two.indices[1]));
    for (session, frame) in [(5, &LCP), (6, &LCP), (5, &IPCP)] {
        sys::send(&two.joined.peer, &packet_for(1, session, frame), 0).expect("a peer");
        arrives(case, &format!("from {session}"), &two.joined.peer);
    }
    for (name, file) in ["first", "second"].into_iter().zip(&two.files) {
        case.did(&format!("{name} reads"), sys::read(file, 100));
    }
    ask(
        case,
        "unbridge from the other",
        &two.files[1],
        UNBRIDGECHAN,
        0,
    );
    ask(case, "unbridge again", &two.files[0], UNBRIDGECHAN, 0);
    sys::send(&two.joined.peer, &packet(&LCP), 0).expect("a peer");
    reads(case, "first reads then", &two.files[0]);
}

fn bridge_refusals(case: &mut Case) {
    let two = two(case);
    let unit = case.have(open());
    request(&unit, NEWUNIT, -1).expect("a unit");
    case.did("itself", request(&two.files[0], BRIDGECHAN, two.indices[0]));
    ask(case, "unbridge itself", &two.files[0], UNBRIDGECHAN, 0);
    ask(case, "unknown", &two.files[0], BRIDGECHAN, 100_000);
    case.did("unit", request(&unit, BRIDGECHAN, two.indices[0]));
    case.did("bridge", request(&two.files[0], BRIDGECHAN, two.indices[1]));
    case.did("again", request(&two.files[0], BRIDGECHAN, two.indices[1]));
    case.did(
        "the other way",
        request(&two.files[1], BRIDGECHAN, two.indices[0]),
    );
    ask(case, "connect while bridged", &two.files[0], CONNECT, 0);
    ask(case, "unbridge", &two.files[0], UNBRIDGECHAN, 0);
    ask(case, "connect", &two.files[0], CONNECT, 0);
    case.did(
        "bridge while in a unit",
        request(&two.files[0], BRIDGECHAN, two.indices[1]),
    );
    case.did(
        "to one in a unit",
        request(&two.files[1], BRIDGECHAN, two.indices[0]),
    );
    let socket = &two.joined.session;
    case.did("on the socket", request(socket, BRIDGECHAN, two.indices[1]));
}

/// The end of one session ends the bridge, not the other session.
fn bridge_end(case: &mut Case) {
    let Two {
        joined,
        other,
        indices,
        files,
    } = two(case);
    case.did("bridge", request(&files[0], BRIDGECHAN, indices[1]));
    drop(other);
    case.loses_session(1, 6);
    sys::send(&joined.peer, &packet(&LCP), 0).expect("a peer");
    reads(case, "the one left", &files[0]);
    reads(case, "the one gone", &files[1]);
    ask(case, "unbridge", &files[0], UNBRIDGECHAN, 0);
    case.did("write", sys::write(&files[0], &LCP));
    arrives(case, "arrives", &joined.peer);
}
