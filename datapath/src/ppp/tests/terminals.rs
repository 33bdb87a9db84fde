use super::bench::{Bench, PATIENCE};
use crate::counters::DropReason;
use crate::ppp::Terminal;
use crate::spec::SessionKey;
use adit_wire::netlink::Errno;
use adit_wire::ppp::hdlc::{ControlMap, Damage, Decoder, encode};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const LCP: [u8; 6] = [0xc0, 0x21, 1, 1, 0, 4];

/// What pppd is to a line: the other side of a terminal.
struct Line {
    slave: File,
    decoder: Decoder,
    frames: VecDeque<Result<Vec<u8>, Damage>>,
    closed: Receiver<()>,
}

/// A terminal whose other side a program has.
fn terminal() -> (Terminal, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    let mut raw = tcgetattr(&slave).unwrap();
    raw.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &raw).unwrap();
    (Terminal::new(master).unwrap(), File::from(slave))
}

impl Line {
    fn of(bench: &Bench, session: SessionKey) -> Line {
        let (terminal, slave) = terminal();
        let (tell, closed) = channel();
        let on_close = Box::new(move || {
            let _ = tell.send(());
        });
        bench.ppp.attach(session, terminal, on_close).unwrap();
        Line {
            slave,
            decoder: Decoder::new(ControlMap::NONE, 4000),
            frames: VecDeque::new(),
            closed,
        }
    }

    /// Writes a frame, all of whose control characters are escaped.
    fn writes(&mut self, frame: &[u8]) {
        let mut line = Vec::new();
        encode(&[frame], ControlMap::ALL, &mut line);
        self.slave.write_all(&line).unwrap();
    }

    /// The next frame, from Address on; nothing once the line is hung up.
    fn reads(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 4096];
        while self.frames.is_empty() {
            let len = match self.slave.read(&mut buffer) {
                Ok(0) => return None,
                Ok(len) => len,
                Err(error) if error.raw_os_error() == Some(libc::EIO) => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => panic!("{error}"),
            };
            let Line {
                decoder, frames, ..
            } = self;
            let keep = |frame: Result<&[u8], Damage>| frames.push_back(frame.map(<[u8]>::to_vec));
            decoder.read(&buffer[..len], keep);
        }
        let frame = self.frames.pop_front().unwrap();
        Some(frame.expect("a whole frame"))
    }
}

fn with_header(frame: &[u8]) -> Vec<u8> {
    [&[0xff, 0x03], frame].concat()
}

/// A frame of `len` octets of every kind.
fn packet(number: u8, len: usize) -> Vec<u8> {
    let payload = (0..len - 3).map(|at| (at * 7) as u8);
    [0x00, 0x21, number].into_iter().chain(payload).collect()
}

#[test]
fn frames_pass_between_peer_and_terminal_in_both_versions() {
    for version in [2, 3] {
        let mut bench = Bench::new(version);
        let key = bench.session(1);
        let mut line = Line::of(&bench, key);
        line.writes(&with_header(&LCP));
        assert_eq!(bench.peer_gets(), (101, with_header(&LCP)));
        // Without Address and Control, as may be agreed on.
        line.writes(&packet(1, 500));
        assert_eq!(bench.peer_gets(), (101, with_header(&packet(1, 500))));
        bench.peer_sends(1, &LCP);
        assert_eq!(line.reads(), Some(with_header(&LCP)));
        bench.peer_sends(1, &with_header(&packet(2, 1400)));
        assert_eq!(line.reads(), Some(with_header(&packet(2, 1400))));
        assert_eq!(bench.counters(key).statistics.rx_errors, 0);
    }
}

#[test]
fn frames_wait_until_the_program_speaks() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    bench.ppp.expect(key);
    bench.peer_sends(1, &packet(1, 10));
    bench.wait_for_received(key, 1);
    let mut line = Line::of(&bench, key);
    bench.peer_sends(1, &packet(2, 10));
    bench.wait_for_received(key, 2);
    line.writes(&with_header(&LCP));
    let mut found = [line.reads(), line.reads()].map(|frame| frame.unwrap()[4]);
    // One that comes while the terminal does may be the first.
    found.sort_unstable();
    assert_eq!(found, [1, 2]);
}

#[test]
fn a_program_that_listens_first_gets_what_has_waited_with_a_later_frame() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    let mut line = Line::of(&bench, key);
    bench.peer_sends(1, &packet(1, 10));
    bench.wait_for_received(key, 1);
    std::thread::sleep(Duration::from_millis(2100));
    bench.peer_sends(1, &packet(2, 10));
    assert_eq!(line.reads().unwrap()[4], 1);
    assert_eq!(line.reads().unwrap()[4], 2);
}

#[test]
fn both_sides_hang_up_together() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    let line = Line::of(&bench, key);
    drop(line.slave);
    line.closed.recv_timeout(PATIENCE).unwrap();
    bench.peer_sends(1, &LCP);
    bench.wait_for_drops(key, DropReason::PppUnclaimed, 1);
    bench.remove(key);
    let key = bench.session(2);
    let mut line = Line::of(&bench, key);
    bench.remove(key);
    assert_eq!(line.reads(), None);
}

#[test]
fn a_session_on_a_terminal_has_no_other_user() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    let _line = Line::of(&bench, key);
    let refused = bench.ppp.attach(key, terminal().0, Box::new(|| {}));
    assert_eq!(refused, Err(Errno::EEXIST));
    assert_eq!(bench.ppp.claim(key), Err(Errno::EEXIST));
    let (file, _reader) = bench.open();
    assert_eq!(file.attach_channel(0), Err(Errno::ENXIO));
    bench.remove(key);
    let refused = bench.ppp.attach(key, terminal().0, Box::new(|| {}));
    assert_eq!(refused, Err(Errno::ENODEV));
}

#[test]
fn a_program_that_does_not_keep_up_misses_whole_frames() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    let mut line = Line::of(&bench, key);
    line.writes(&with_header(&LCP));
    bench.peer_gets();
    // The kernel keeps some ten thousand octets, and this side no more than it says.
    for sent in 1..=200 {
        bench.peer_sends(1, &packet(sent as u8, 1000));
        bench.wait_for_received(key, sent);
    }
    // The last one is counted as received a moment before it may be as dropped; the thread that
    // lets go of another session has done with it.
    let other = bench.session(2);
    bench.remove(other);
    let lost = bench.counters(key).dropped(DropReason::PppReader);
    assert!((1..190).contains(&lost), "{lost}");
    // Whoever catches up gets all that was kept, and then what comes.
    for _ in 0..200 - lost {
        line.reads().unwrap();
    }
    bench.peer_sends(1, &packet(201, 1000));
    assert_eq!(line.reads().unwrap()[4], 201);
}

#[test]
fn what_a_line_damages_is_counted_and_not_sent() {
    let mut bench = Bench::new(2);
    let key = bench.session(1);
    let mut line = Line::of(&bench, key);
    line.slave.write_all(b"~abcdefgh~").unwrap();
    line.writes(&[0xff, 0x03]);
    line.writes(&with_header(&LCP));
    assert_eq!(bench.peer_gets(), (101, with_header(&LCP)));
    assert_eq!(bench.counters(key).dropped(DropReason::PppTxLine), 1);
    assert_eq!(bench.counters(key).dropped(DropReason::PppTxShort), 1);
}
