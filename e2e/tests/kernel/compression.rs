//! Compression and encryption, which the kernel has and Adit has not.

use crate::calls::{Call, HANGUPS, supervised};
use crate::rig::{Rig, insist};
use crate::side::Side;
use crate::traffic;
use adit_e2e::{Capture, Role, Test, UNCOMPRESSED};
use std::error::Error;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Packets with TCP's headers compressed (RFC 1332 §4).
const VJ_COMPRESSED: [u8; 2] = [0x00, 0x2d];

/// How long the last packets of a transfer may be on their way.
const REST: Duration = Duration::from_millis(200);

type Body = fn(&mut Rig, Role) -> Test;

/// Its tests, each with a role for Adit's side.
pub(crate) fn tests() -> [(&'static str, Body); 3] {
    [
        ("with_compressed_headers", of_headers),
        ("without_compression", of_packets),
        ("without_encryption", encryption_is_refused),
    ]
}

/// The kernel sends compressed TCP headers, which Adit expands; Adit sends none.
fn of_headers(rig: &mut Rig, role: Role) -> Test {
    // A timestamp in every segment would leave nothing to compress.
    rig.guest("echo 0 >/proc/sys/net/ipv4/tcp_timestamps")?;
    let mut call = Call::place(rig, role, [UNCOMPRESSED; 2])?;
    call.await_answer()?;
    let here = format!(
        "{} --compress-headers 0",
        env!("CARGO_BIN_EXE_adit-conform")
    );
    supervised(call.rig, &here)?;
    call.rig.guest("adit-conform --compress-headers 0")?;
    let target = call.inside(Side::Kernel);
    let [adit, kernel] = watch(call.rig, |rig| traffic::transfer(rig, target))?;
    assert!(kernel > 20, "{kernel} compressed headers from the kernel");
    assert_eq!(adit, 0, "compressed headers from Adit");
    call.hang_up(HANGUPS[0].1)?;
    call.await_end()
}

/// CCP is refused, whoever asks for deflate and BSD compression, and leaves the link as it is.
fn of_packets(rig: &mut Rig, role: Role) -> Test {
    load_methods(rig)?;
    let mut call = Call::place(rig, role, ["deflate 15\nbsdcomp 15\n"; 2])?;
    call.await_answer()?;
    call.there_says("sent [CCP ConfReq id=0x1 <deflate 15>")?;
    call.here_says("pppd.log", "sent [CCP ConfRej id=0x1 <deflate 15>")?;
    let target = call.inside(Side::Kernel);
    traffic::transfer(call.rig, target)?;
    call.hang_up(HANGUPS[0].1)?;
    call.await_end()
}

/// An end that insists on encryption by MPPE (RFC 3078) hangs up.
fn encryption_is_refused(rig: &mut Rig, role: Role) -> Test {
    load_methods(rig)?;
    let mut call = Call::place(rig, role, ["", "require-mppe-128\n"])?;
    call.await_there("MPPE required")?;
    call.await_end()?;
    let call = Call::place(rig, role, ["require-mppe-128\n", ""])?;
    insist(|| call.here_says("pppd.log", "MPPE required, but kernel has no support"))?;
    call.await_end()
}

fn load_methods(rig: &mut Rig) -> Test {
    // Those that an earlier test has loaded are refused.
    rig.guest("for module in /modules/later/*; do insmod $module; done; true")?;
    Ok(())
}

/// How many packets with compressed headers each side, Adit first, sends while `traffic` goes on.
fn watch(rig: &Rig, traffic: impl FnOnce(&Rig) -> Test) -> Result<[usize; 2], Box<dyn Error>> {
    let capture = Capture::new(&rig.host)?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let counting = scope.spawn(|| count(&capture, &over));
        let outcome = traffic(rig);
        over.store(true, Ordering::Relaxed);
        let counts = counting.join().map_err(|_| "the counter panicked")??;
        outcome.map(|()| counts)
    })
}

fn count(capture: &Capture, over: &AtomicBool) -> io::Result<[usize; 2]> {
    let mut counts = [0; 2];
    loop {
        let done = over.load(Ordering::Relaxed);
        match capture.find(REST, compressed)? {
            Some(Side::Adit) => counts[0] += 1,
            Some(Side::Kernel) => counts[1] += 1,
            None if done => return Ok(counts),
            None => {}
        }
    }
}

/// Who has sent this frame, if there is a packet with compressed headers in it.
fn compressed(frame: &[u8]) -> Option<Side> {
    // Behind the headers of Ethernet, IPv4 and UDP.
    let packet = frame.get(14 + 20 + 8..)?;
    let flags = u16::from_be_bytes([*packet.first()?, *packet.get(1)?]);
    if flags & 0x8000 != 0 {
        return None;
    }
    // Flags, Length, ids, Ns and Nr; no session here has an offset (RFC 2661 section 3.1).
    let length = if flags & 0x4000 != 0 { 2 } else { 0 };
    let numbers = if flags & 0x0800 != 0 { 4 } else { 0 };
    let ppp = packet.get(2 + length + 4 + numbers..)?;
    let ppp = ppp.strip_prefix(&[0xff, 0x03]).unwrap_or(ppp);
    if !ppp.starts_with(&VJ_COMPRESSED) {
        return None;
    }
    let source: [u8; 4] = frame[14 + 12..14 + 16].try_into().ok()?;
    let source = Ipv4Addr::from(source).to_string();
    let sides = [Side::Adit, Side::Kernel];
    sides.into_iter().find(|side| side.end().v4 == source)
}
