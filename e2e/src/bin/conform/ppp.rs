//! /dev/ppp and its requests.

use crate::case::{Case, PATIENCE, SILENCE};
use crate::numbers::hex;
use crate::pppox::{Form, Joined, joined};
use crate::sys;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

pub(crate) const NEWUNIT: u32 = 0xc004_743e;
pub(crate) const ATTACH: u32 = 0x4004_743d;
pub(crate) const DETACH: u32 = 0x4004_743c;
pub(crate) const CONNECT: u32 = 0x4004_743a;
pub(crate) const DISCONN: u32 = 0x7439;
pub(crate) const ATTCHAN: u32 = 0x4004_7438;
pub(crate) const GCHAN: u32 = 0x8004_7437;
pub(crate) const BRIDGECHAN: u32 = 0x4004_7435;
pub(crate) const UNBRIDGECHAN: u32 = 0x7434;
pub(crate) const SNPMODE: u32 = 0x4008_744b;
pub(crate) const GNPMODE: u32 = 0xc008_744c;

/// Every request that takes or gives a number, by name.
pub(crate) const NUMBERS: [(&str, u32); 13] = [
    ("GFLAGS", 0x8004_745a),
    ("SFLAGS", 0x4004_7459),
    ("GUNIT", 0x8004_7456),
    ("GMRU", 0x8004_7453),
    ("SMRU", 0x4004_7452),
    ("SMAXCID", 0x4004_7451),
    ("GDEBUG", 0x8004_7441),
    ("SDEBUG", 0x4004_7440),
    ("SMRRU", 0x4004_743b),
    ("GASYNCMAP", 0x8004_7458),
    ("GCHAN", GCHAN),
    ("DETACH", DETACH),
    ("DISCONN", DISCONN),
];

pub(crate) fn open() -> io::Result<OwnedFd> {
    sys::open(c"/dev/ppp", libc::O_RDWR | libc::O_NONBLOCK)
}

/// A request with a number; gives the number that it leaves.
pub(crate) fn request(file: &OwnedFd, request: u32, number: i32) -> io::Result<i32> {
    let mut argument = number.to_ne_bytes();
    sys::ioctl(file, request, &mut argument)?;
    Ok(i32::from_ne_bytes(argument))
}

/// Makes a request and notes the number that it leaves.
pub(crate) fn ask(case: &mut Case, question: &str, file: &OwnedFd, number: u32, argument: i32) {
    case.got(question, request(file, number, argument), i32::to_string);
}

/// Reads a frame, or an end, and notes it.
pub(crate) fn reads(case: &mut Case, question: &str, file: &OwnedFd) {
    reads_within(case, question, file, PATIENCE);
}

/// As [`reads`] where nothing is to be read, with Linux or with Adit: what is there, is in a moment.
pub(crate) fn may_read(case: &mut Case, question: &str, file: &OwnedFd) {
    reads_within(case, question, file, SILENCE);
}

fn reads_within(case: &mut Case, question: &str, file: &OwnedFd, time: Duration) {
    let there = sys::poll(file, libc::POLLIN, time).expect("a poll");
    let frame = sys::read(file, 2000);
    let event = if there & libc::POLLHUP != 0 {
        " and a hang-up"
    } else {
        ""
    };
    case.got(question, frame, |frame| match frame.is_empty() {
        true => format!("an end{event}"),
        false => format!("{}{event}", hex(frame)),
    });
}

/// A session, its channel's file and a unit that it belongs to.
pub(crate) struct Link {
    pub(crate) joined: Joined,
    pub(crate) index: i32,
    pub(crate) channel: OwnedFd,
    pub(crate) unit: OwnedFd,
}

/// What pppd makes before it speaks LCP: everything must work.
pub(crate) fn link(case: &mut Case, form: Form) -> Link {
    let joined = joined(case, form);
    let index = request(&joined.session, GCHAN, 0).expect("a channel");
    let channel = case.have(open());
    request(&channel, ATTCHAN, index).expect("the channel to attach to");
    let unit = case.have(open());
    let number = request(&unit, NEWUNIT, -1).expect("a unit");
    request(&channel, CONNECT, number).expect("the two to connect");
    Link {
        joined,
        index,
        channel,
        unit,
    }
}
