//! A data path with one tunnel, and its peer made by hand.

use crate::Datapath;
use crate::counters::{Counters, DropReason};
use crate::ppp::{End, Ending, File, Ppp};
use crate::spec::*;
use crate::user::{Options, UserDatapath};
use adit_wire::l2tp::{SessionId, TunnelId};
use rustix::thread::UnshareFlags;
use socket2::Socket;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) const TUNNEL: TunnelId = TunnelId(7);
pub(super) const PEER_TUNNEL: u16 = 9;

pub(super) struct Bench {
    pub(super) datapath: UserDatapath,
    pub(super) ppp: Ppp,
    peer: UdpSocket,
    version: u8,
}

/// A program with its end of something.
pub(super) struct Program {
    pub(super) socket: Socket,
    /// The channel's number, where it is the socket of a session.
    pub(super) channel: u32,
    closed: Receiver<()>,
}

impl Bench {
    pub(super) fn new(version: u8) -> Bench {
        let mut datapath = UserDatapath::new(Options {
            fast_path: None,
            without: Default::default(),
            queues: None,
            workers: NonZeroUsize::new(1),
            notify: Arc::new(|_| {}),
        })
        .unwrap();
        let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let spec = TunnelSpec {
            id: TUNNEL,
            peer_id: TunnelId(PEER_TUNNEL.into()),
            version,
            encap: Encap::Udp {
                local: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                remote: peer.local_addr().unwrap(),
                checksum: UdpChecksum {
                    tx: TxChecksum::Spare,
                    rx: false,
                },
            },
            via: None,
            tuning: TunnelTuning::default(),
        };
        datapath.apply(&Change::AddTunnel(spec)).unwrap();
        let bound = datapath.inventory().tunnels[&TUNNEL].encap;
        let Encap::Udp { local, .. } = bound else {
            panic!("{bound:?}");
        };
        peer.connect(local).unwrap();
        Bench {
            ppp: datapath.ppp(),
            datapath,
            peer,
            version,
        }
    }

    /// Adds a PPP session, whose id at the peer is 100 more.
    pub(super) fn session(&mut self, id: u32) -> SessionKey {
        let key = SessionKey {
            tunnel: TUNNEL,
            session: SessionId(id),
        };
        let spec = SessionSpec::ppp(key, SessionId(id + 100));
        self.datapath.apply(&Change::AddSession(spec)).unwrap();
        key
    }

    pub(super) fn remove(&mut self, key: SessionKey) {
        self.datapath.apply(&Change::RemoveSession(key)).unwrap();
    }

    /// A program with the socket of a session.
    pub(super) fn connect(&self, key: SessionKey) -> Program {
        self.connect_until(key, Ending::Silent)
    }

    /// As `connect`; what becomes of its channel is up to `ending`.
    pub(super) fn connect_until(&self, key: SessionKey, ending: Ending) -> Program {
        let (end, mut program, on_close) = Program::new();
        program.channel = self.ppp.connect(key, end, ending, on_close).unwrap();
        program
    }

    /// A program with an open file.
    pub(super) fn open(&self) -> (File, Program) {
        let (end, program, on_close) = Program::new();
        (self.ppp.open(end, on_close).unwrap(), program)
    }

    /// The peer sends a frame in a session.
    pub(super) fn peer_sends(&self, session: u32, frame: &[u8]) {
        let header = match self.version {
            2 => vec![0, 2, 0, TUNNEL.0 as u8, 0, session as u8],
            _ => vec![0, 3, 0, 0, 0, 0, 0, session as u8],
        };
        self.peer.send(&[&header[..], frame].concat()).unwrap();
    }

    /// The next frame that the peer gets, by its session.
    pub(super) fn peer_gets(&self) -> (u32, Vec<u8>) {
        let mut packet = [0; 2048];
        let len = self.peer.recv(&mut packet).unwrap();
        let (header, session) = match self.version {
            2 => (6, u32::from(packet[5])),
            _ => (8, u32::from(packet[7])),
        };
        let expected = match self.version {
            2 => [0, 2, 0, PEER_TUNNEL as u8],
            _ => [0, 3, 0, 0],
        };
        assert_eq!(packet[..4], expected);
        (session, packet[header..len].to_vec())
    }

    pub(super) fn counters(&mut self, key: SessionKey) -> Counters {
        self.datapath.session_counters(key).unwrap()
    }

    /// The counters once so many packets were sent: that is counted after the peer has them.
    pub(super) fn wait_for_sent(&mut self, key: SessionKey, count: u64) -> Counters {
        let start = Instant::now();
        loop {
            let counters = self.counters(key);
            if counters.statistics.tx_packets == count {
                return counters;
            }
            assert!(start.elapsed() < PATIENCE, "{counters:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until a session has received so many packets.
    pub(super) fn wait_for_received(&mut self, key: SessionKey, count: u64) {
        let start = Instant::now();
        while self.counters(key).statistics.rx_packets != count {
            assert!(start.elapsed() < PATIENCE, "{:?}", self.counters(key));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until a session has dropped so many packets for this reason.
    pub(super) fn wait_for_drops(&mut self, key: SessionKey, reason: DropReason, count: u64) {
        let start = Instant::now();
        while self.counters(key).dropped(reason) != count {
            assert!(
                start.elapsed() < PATIENCE,
                "{reason:?}: {:?}",
                self.counters(key).drops
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Program {
    fn new() -> (End, Program, Box<dyn FnOnce() + Send>) {
        let (end, socket) = End::pair().unwrap();
        let socket = Socket::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let (tell, closed) = channel();
        let on_close = Box::new(move || {
            let _ = tell.send(());
        });
        let program = Program {
            socket,
            channel: 0,
            closed,
        };
        (end, program, on_close)
    }

    /// The next frame; empty at the end, and when there is nothing at the moment.
    pub(super) fn reads(&self) -> Vec<u8> {
        let mut frame = [0; 2048];
        let len = (&self.socket).read(&mut frame).unwrap();
        frame[..len].to_vec()
    }

    pub(super) fn writes(&self, frame: &[u8]) {
        assert_eq!((&self.socket).write(frame).unwrap(), frame.len());
    }

    /// Whether there is nothing to read.
    pub(super) fn is_dry(&self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        let read = (&self.socket).read(&mut [0; 8]);
        self.socket.set_nonblocking(false).unwrap();
        read.is_err()
    }

    /// Closes the end and returns once the data path has seen it.
    pub(super) fn closes(self) {
        drop(self.socket);
        self.closed.recv_timeout(PATIENCE).unwrap();
    }
}

/// A network namespace of this thread's own, and of those it starts, with its loopback up; false,
/// with a word, where the system does not allow one.
pub(crate) fn alone() -> bool {
    #[allow(deprecated)] // A thread may have a network namespace of its own.
    let made = rustix::thread::unshare(UnshareFlags::NEWNET);
    if let Err(error) = made {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!ci, "no network namespace: {error}");
        println!("skipped: no network namespace: {error}");
        return false;
    }
    ip("link set lo up");
    true
}

/// Runs `ip` and gives what it says.
pub(super) fn ip(words: &str) -> String {
    let words = words.split_whitespace();
    let output = std::process::Command::new("ip")
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
