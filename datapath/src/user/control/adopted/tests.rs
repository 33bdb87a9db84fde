use crate::counters::DropReason;
use crate::ppp::tests::bench::alone;
use crate::ppp::{End, Ending};
use crate::spec::*;
use crate::user::{Event, Options, UserDatapath};
use crate::{Datapath, Error};
use adit_wire::l2tp::{SessionId, TunnelId};
use adit_wire::netlink::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const LCP: [u8; 8] = [0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 4];
const SCCRQ: [u8; 12] = [0xc8, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0];

struct Bench {
    datapath: UserDatapath,
    events: Receiver<Event>,
    peer: UdpSocket,
}

fn bench(peer: &str) -> Option<Bench> {
    if !alone() {
        return None;
    }
    let (tell, events) = channel();
    let datapath = UserDatapath::new(Options {
        fast_path: None,
        without: Default::default(),
        queues: None,
        workers: NonZeroUsize::new(1),
        notify: Arc::new(move |event| {
            let _ = tell.send(event);
        }),
    });
    let peer = UdpSocket::bind(peer).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    Some(Bench {
        datapath: datapath.unwrap(),
        events,
        peer,
    })
}

/// A program's socket, which shares its port as xl2tpd's do.
fn program(local: SocketAddr, remote: Option<SocketAddr>) -> UdpSocket {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SockAddr::from(local)).unwrap();
    if let Some(remote) = remote {
        socket.connect(&SockAddr::from(remote)).unwrap();
    }
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

impl Bench {
    fn adopt(&mut self, id: u32, socket: &UdpSocket) -> Result<(), Error> {
        let local = socket.local_addr().unwrap();
        let any = SocketAddr::new(local.ip(), 0);
        let spec = TunnelSpec {
            id: TunnelId(id),
            peer_id: TunnelId(id + 10),
            version: 2,
            encap: Encap::Udp {
                local,
                remote: socket.peer_addr().unwrap_or(any),
                checksum: UdpChecksum {
                    tx: TxChecksum::Always,
                    rx: true,
                },
            },
            via: None,
            tuning: TunnelTuning::default(),
        };
        let copy = socket.as_fd().try_clone_to_owned().unwrap();
        self.datapath.adopt(&spec, Some(copy))
    }

    /// A program with the socket of a new session.
    fn session(&mut self, tunnel: u32) -> Socket {
        let key = SessionKey {
            tunnel: TunnelId(tunnel),
            session: SessionId(1),
        };
        let spec = SessionSpec::ppp(key, SessionId(2));
        self.datapath.apply(&Change::AddSession(spec)).unwrap();
        let (end, socket) = End::pair().unwrap();
        let ppp = self.datapath.ppp();
        ppp.connect(key, end, Ending::Silent, Box::new(|| {}))
            .unwrap();
        let socket = Socket::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// The peer sends a frame to a tunnel at `to`; it must come out at `session`.
    fn receives(&self, to: SocketAddr, tunnel: u8, mut session: &Socket) {
        let packet = [&[0, 2, 0, tunnel, 0, 1], &LCP[..]].concat();
        self.peer.send_to(&packet, to).unwrap();
        let mut frame = [0; 16];
        let len = session.read(&mut frame).unwrap();
        assert_eq!(frame[..len], LCP[2..]);
    }

    /// What is sent in the session comes to the peer from there.
    fn sends(&self, from: SocketAddr, tunnel: u8, mut session: &Socket) {
        session.write_all(&LCP[2..]).unwrap();
        let mut packet = [0; 32];
        let (len, sender) = self.peer.recv_from(&mut packet).unwrap();
        assert_eq!(sender, from);
        assert_eq!(
            packet[..len],
            [&[0, 2, 0, tunnel + 10, 0, 2], &LCP[..]].concat()
        );
    }
}

#[test]
fn a_program_keeps_what_cannot_be_data() {
    for peer in ["127.0.0.1:0", "[::1]:0"] {
        let Some(mut bench) = bench(peer) else { return };
        let remote = bench.peer.local_addr().unwrap();
        let socket = program(SocketAddr::new(remote.ip(), 0), Some(remote));
        let local = socket.local_addr().unwrap();
        bench.adopt(1, &socket).unwrap();
        let session = bench.session(1);
        bench.receives(local, 1, &session);
        bench.sends(local, 1, &session);
        let data = [&[0, 2, 0, 1, 0, 1], &LCP[..]].concat();
        let other_version = [&[0, 3], &data[2..]].concat();
        let mut message = [0; 32];
        for kept in [
            &SCCRQ[..],
            &data[..13],
            &data[..6],
            &[0],
            &[],
            &other_version,
        ] {
            bench.peer.send_to(&data, local).unwrap();
            bench.peer.send_to(kept, local).unwrap();
            let len = socket.recv(&mut message).unwrap();
            assert_eq!(&message[..len], kept);
            let len = (&session).read(&mut message).unwrap();
            assert_eq!(message[..len], LCP[2..]);
        }
        socket.send(&SCCRQ).unwrap();
        let (len, from) = bench.peer.recv_from(&mut message).unwrap();
        assert_eq!((&message[..len], from), (&SCCRQ[..], local));
    }
}

#[test]
fn its_end_ends_the_tunnel() {
    let Some(mut bench) = bench("127.0.0.1:0") else {
        return;
    };
    let remote = bench.peer.local_addr().unwrap();
    let socket = program("127.0.0.1:0".parse().unwrap(), Some(remote));
    let local = socket.local_addr().unwrap();
    bench.adopt(1, &socket).unwrap();
    assert_eq!(bench.adopt(1, &socket).unwrap_err().errno, Errno::EEXIST);
    assert_eq!(bench.adopt(2, &socket).unwrap_err().errno, Errno::EBUSY);
    assert!(bench.events.try_recv().is_err());
    drop(socket);
    let closed = bench.events.recv_timeout(PATIENCE).unwrap();
    assert_eq!(closed, Event::TunnelClosed(TunnelId(1)));
    bench
        .datapath
        .apply(&Change::RemoveTunnel(TunnelId(1)))
        .unwrap();
    // Nothing of the tunnel is in the way of a socket that minds.
    UdpSocket::bind(local).unwrap();
}

#[test]
fn tunnels_share_a_port() {
    let Some(mut bench) = bench("127.0.0.1:0") else {
        return;
    };
    let remote = bench.peer.local_addr().unwrap();
    let listening = program("0.0.0.0:1701".parse().unwrap(), None);
    let other: SocketAddr = "127.0.0.2:1701".parse().unwrap();
    let first = program("127.0.0.1:1701".parse().unwrap(), Some(remote));
    let second = program(other, Some(remote));
    bench.adopt(1, &first).unwrap();
    bench.adopt(2, &second).unwrap();
    let sessions = [bench.session(1), bench.session(2)];
    for (n, local) in [(1, first.local_addr().unwrap()), (2, other)] {
        let session = &sessions[usize::from(n) - 1];
        bench.receives(local, n, session);
        bench.sends(local, n, session);
    }
    // The third socket of the port gets what no other does, data included.
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(&SCCRQ, "127.0.0.3:1701").unwrap();
    assert_eq!(listening.recv(&mut [0; 32]).unwrap(), SCCRQ.len());
    // From elsewhere nothing gets into a connected tunnel.
    let packet = [&[0, 2, 0, 1, 0, 1], &LCP[..]].concat();
    stranger
        .send_to(&packet, first.local_addr().unwrap())
        .unwrap();
    let key = SessionKey {
        tunnel: TunnelId(1),
        session: SessionId(1),
    };
    let start = Instant::now();
    loop {
        let counters = bench.datapath.session_counters(key).unwrap();
        if counters.dropped(DropReason::PeerAddress) == 1 {
            break;
        }
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_socket_that_is_not_connected_receives_and_sends_nothing() {
    let Some(mut bench) = bench("127.0.0.1:0") else {
        return;
    };
    let socket = program("127.0.0.1:0".parse().unwrap(), None);
    bench.adopt(1, &socket).unwrap();
    let session = bench.session(1);
    bench.receives(socket.local_addr().unwrap(), 1, &session);
    (&session).write_all(&LCP[2..]).unwrap();
    let key = SessionKey {
        tunnel: TunnelId(1),
        session: SessionId(1),
    };
    let start = Instant::now();
    while bench
        .datapath
        .session_counters(key)
        .unwrap()
        .dropped(DropReason::NoPeer)
        == 0
    {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
}
