//! Supervisors that are no good: what the daemon makes of their packets and of the descriptors
//! beside them.

use adit_kapi::protocol::{
    Answer, Ask, Connect, Descriptor, HELLO, Ids, NetlinkMessage, PACKET_OCTETS, PppAsk, Question,
    Say, SocketAsk, decode, encode,
};
use adit_lab::{CapabilitySet, Namespace};
use rustix::event::{EventfdFlags, eventfd};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, connect, listen, recv, sendmsg, socket, socketpair,
};
use std::env;
use std::fs::{self, File};
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::net::UdpSocket;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon in a namespace of its own; none, and a word why, where there can be no such.
struct Daemon {
    child: Child,
    directory: TempDir,
    namespace: Namespace,
}

impl Daemon {
    fn start() -> Option<Daemon> {
        let capable = rustix::thread::capabilities(None)
            .expect("capget")
            .effective;
        if !capable.contains(CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN) {
            assert!(env::var("CI").as_deref() != Ok("true"), "not root");
            eprintln!("skipped: network namespaces need root");
            return None;
        }
        let namespace = Namespace::new("supervisors").expect("a namespace");
        let directory = tempfile::tempdir().expect("a directory");
        let log = File::create(directory.path().join("log")).expect("a file");
        let child = namespace
            .command(env!("CARGO_BIN_EXE_adit"))
            .args(["run", "--socket"])
            .arg(directory.path().join("socket"))
            .arg("--state")
            .arg(directory.path().join("state"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a daemon");
        let daemon = Daemon {
            child,
            directory,
            namespace,
        };
        eventually("the daemon listens", || daemon.socket().exists());
        Some(daemon)
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn descriptors(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        open.expect("the daemon lives").count()
    }

    /// A UDP socket of the daemon's namespace, as a program may give it a tunnel.
    fn udp(&self) -> UdpSocket {
        let bound = self.namespace.run(|| UdpSocket::bind("127.0.0.1:0"));
        bound.expect("a socket")
    }

    /// The daemon serves its command line, and has nothing.
    fn is_well(&self) {
        for kind in ["tunnel", "session"] {
            let client = Command::new(env!("CARGO_BIN_EXE_adit"))
                .arg("--socket")
                .arg(self.socket())
                .args(["show", kind])
                .output()
                .expect("a client");
            assert!(client.status.success(), "{client:?}");
            assert!(client.stdout.is_empty(), "{client:?}");
        }
        let log = fs::read_to_string(self.directory.path().join("log")).expect("a log");
        assert!(!log.contains("panicked"), "{log}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn seqpacket() -> (OwnedFd, OwnedFd) {
    let flags = SocketFlags::CLOEXEC;
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).expect("a pair")
}

/// A supervisor of no program.
struct Supervisor {
    socket: OwnedFd,
    last: u32,
}

impl Supervisor {
    fn connect(daemon: &Daemon) -> Supervisor {
        let socket = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).expect("a socket");
        for direction in [Timeout::Recv, Timeout::Send] {
            set_socket_timeout(&socket, direction, Some(PATIENCE)).expect("a timeout");
        }
        let address = SocketAddrUnix::new(daemon.socket()).expect("a short path");
        connect(&socket, &address).expect("the daemon listens");
        let supervisor = Supervisor { socket, last: 0 };
        assert!(supervisor.send(HELLO, &[]));
        supervisor
    }

    /// Sends a packet; false when the daemon has hung up.
    fn send(&self, packet: &[u8], descriptors: &[BorrowedFd<'_>]) -> bool {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(descriptors));
        let pieces = [IoSlice::new(packet)];
        sendmsg(&self.socket, &pieces, &mut control, SendFlags::NOSIGNAL).is_ok()
    }

    /// The answer to a question, behind whatever else is said.
    fn ask(&mut self, ask: Ask, descriptors: &[BorrowedFd<'_>]) -> Say {
        self.last += 1;
        let id = self.last;
        assert!(self.send(&encode(&Question { id, ask }), descriptors));
        let mut packet = vec![0; PACKET_OCTETS];
        loop {
            let (_, octets) =
                recv(&self.socket, &mut packet[..], RecvFlags::empty()).expect("an answer");
            let answer = decode::<Answer>(&packet[..octets]).expect("an answer");
            if answer.id == id {
                return answer.say;
            }
        }
    }
}

const OPEN: Ask = Ask::OpenPpp { privileged: true };

fn connecting(tunnel: u32, session: u32, socket: Descriptor) -> Ask {
    Ask::Connect(Connect {
        privileged: true,
        version: 3,
        process: 0,
        fd: -1,
        ids: Ids {
            tunnel,
            session,
            peer_tunnel: tunnel,
            peer_session: session,
        },
        socket,
    })
}

#[test]
fn nobody_is_answered_about_anothers_objects() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let (mut one, mut other) = (Supervisor::connect(&daemon), Supervisor::connect(&daemon));
    let (ours, _theirs) = seqpacket();
    let Say::Object(number) = one.ask(OPEN, &[ours.as_fd()]) else {
        panic!("/dev/ppp cannot be opened");
    };
    assert!(matches!(
        one.ask(Ask::Ppp(number, PppAsk::NewUnit(None)), &[]),
        Say::Number(_)
    ));
    for ask in [PppAsk::Unit, PppAsk::SetMru(1280), PppAsk::Debug] {
        let refused = Say::Refused(libc::EBADF);
        assert_eq!(
            other.ask(Ask::Ppp(number, ask.clone()), &[]),
            refused,
            "{ask:?}"
        );
    }
    assert_eq!(one.ask(Ask::Ppp(number, PppAsk::Unit), &[]), Say::Number(0));
    for ask in [
        SocketAsk::Name,
        SocketAsk::SetOption(2, 1),
        SocketAsk::Channel,
    ] {
        let refused = Say::Refused(libc::ENOTCONN);
        assert_eq!(other.ask(Ask::Socket(number, ask), &[]), refused, "{ask:?}");
    }
}

/// Whatever comes as the end of a program's socket, nobody waits for it and nobody keeps it.
#[test]
fn descriptors_that_are_no_ends_are_given_back() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let mut supervisor = Supervisor::connect(&daemon);
    assert_eq!(supervisor.ask(Ask::Subscribe, &[]), Say::End);
    let before = daemon.descriptors();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let stream = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .expect("a pair");
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    listen(&listener, 1).expect("a listener");
    let odd: [OwnedFd; 8] = [
        reader.into(),
        writer.into(),
        stream.0,
        listener,
        File::open("/").expect("a directory").into(),
        File::open("/dev/zero").expect("a device").into(),
        eventfd(1, EventfdFlags::CLOEXEC).expect("a counter"),
        daemon.udp().into(),
    ];
    for fd in &odd {
        let fd = fd.as_fd();
        let refused = Say::Refused(libc::EBADF);
        assert_eq!(supervisor.ask(OPEN, &[fd]), refused, "{fd:?}");
        for session in [0, 1] {
            let ask = connecting(7, session, Descriptor::Sent);
            assert!(
                matches!(supervisor.ask(ask, &[fd, fd]), Say::Refused(_)),
                "{fd:?}"
            );
        }
    }
    for ask in [
        OPEN,
        connecting(7, 0, Descriptor::Sent),
        connecting(7, 1, Descriptor::None),
    ] {
        assert!(matches!(supervisor.ask(ask, &[]), Say::Refused(_)));
    }
    // An end that its maker has block again, and never writes to, keeps nobody waiting.
    let (ours, theirs) = seqpacket();
    assert!(matches!(
        supervisor.ask(OPEN, &[ours.as_fd()]),
        Say::Object(_)
    ));
    rustix::fs::fcntl_setfl(&ours, rustix::fs::OFlags::empty()).expect("a flag");
    rustix::io::write(&theirs, &[0; 4]).expect("a frame");
    let (second, _peer) = seqpacket();
    assert!(matches!(
        supervisor.ask(OPEN, &[second.as_fd()]),
        Say::Object(_)
    ));
    drop((ours, theirs, second, _peer));
    eventually("all are given back", || daemon.descriptors() <= before);
    daemon.is_well();
}

/// Packets drawn at random, questions with an octet changed, descriptors that nobody asked for,
/// ends in the middle: the same in every run.
#[test]
fn whatever_is_said_the_daemon_serves_on() {
    let Some(daemon) = Daemon::start() else {
        return;
    };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut first = Supervisor::connect(&daemon);
    assert_eq!(first.ask(Ask::Subscribe, &[]), Say::End);
    let before = daemon.descriptors();
    let carrier = daemon.udp();
    let mut supervisor = Supervisor::connect(&daemon);
    for _ in 0..4000 {
        let (ours, theirs) = seqpacket();
        let mut packet = encode(&Question {
            id: random.next() as u32,
            ask: any(&mut random),
        });
        match random.below(4) {
            0 => {
                let at = random.below(packet.len());
                packet[at] = random.next() as u8;
            }
            1 => packet.truncate(1 + random.below(packet.len())),
            2 => {
                packet = (0..1 + random.below(64))
                    .map(|_| random.next() as u8)
                    .collect()
            }
            _ => {}
        }
        let beside = [ours.as_fd(), carrier.as_fd(), theirs.as_fd()];
        let lives = supervisor.send(&packet, &beside[..random.below(4)]);
        if !lives || random.below(64) == 0 {
            supervisor = Supervisor::connect(&daemon);
        }
        hear(&supervisor);
    }
    // Longer than any packet may be, and nobody who reads the answers.
    let deaf = Supervisor::connect(&daemon);
    deaf.send(&vec![0; PACKET_OCTETS + 1], &[]);
    drop((first, supervisor, deaf, carrier));
    eventually("all is given back", || daemon.descriptors() <= before);
    daemon.is_well();
}

/// Reads what there is to read.
fn hear(supervisor: &Supervisor) {
    let mut packet = vec![0; PACKET_OCTETS];
    while matches!(
        recv(&supervisor.socket, &mut packet[..], RecvFlags::DONTWAIT),
        Ok((1.., _))
    ) {}
}

fn any(random: &mut Random) -> Ask {
    let number = random.below(8) as u32;
    let word = random.next() as u32;
    match random.below(8) {
        0 => Ask::Netlink(NetlinkMessage {
            privileged: true,
            port: word,
            extended: random.below(2) == 0,
            capped: random.below(2) == 0,
            message: (0..random.below(96)).map(|_| random.next() as u8).collect(),
            process: word as i32,
            socket: [Descriptor::None, Descriptor::Sent][random.below(2)],
        }),
        1 => Ask::Subscribe,
        2 => connecting(
            number,
            word & 3,
            [Descriptor::None, Descriptor::Sent][random.below(2)],
        ),
        3 => Ask::Socket(
            number,
            SocketAsk::SetOption(word as i32 & 7, random.next() as i32),
        ),
        4 => OPEN,
        5 => Ask::Ppp(number, PppAsk::NewUnit(Some(word & 3))),
        6 => Ask::Ppp(number, PppAsk::AttachChannel(word & 7)),
        _ => Ask::Ppp(number, PppAsk::Connect(word & 3)),
    }
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }
}
