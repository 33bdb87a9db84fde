use super::*;
use crate::config::Config;
use crate::control::{Address, create_session, create_tunnel};
use crate::daemon::engine::Engine;
use crate::daemon::fake::Fake;
use crate::daemon::samples::{self, directory, session, udp};
use crate::daemon::store::Store;
use adit_datapath::spec::Change;
use adit_wire::netlink::{Answer as Reply, Attr, Command, Errno, Frames, Writer, flag};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketType, connect, recv, send, socket,
};
use std::os::fd::OwnedFd;
use std::path::Path;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// A client that waits no longer than ten seconds for anything.
struct Client(OwnedFd);

impl Client {
    fn connect(path: &Path) -> Client {
        let socket = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
        for direction in [Timeout::Recv, Timeout::Send] {
            set_socket_timeout(&socket, direction, Some(Duration::from_secs(60))).unwrap();
        }
        connect(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
        Client(socket)
    }

    fn send(&self, packet: &[u8]) {
        send(&self.0, packet, SendFlags::NOSIGNAL).unwrap();
    }

    fn receive(&self) -> Vec<u8> {
        let mut packet = vec![0; 64 << 10];
        let (_, octets) = recv(&self.0, &mut packet[..], RecvFlags::empty()).unwrap();
        packet.truncate(octets);
        packet
    }

    /// The errno of the answer that is due, `None` for an acknowledgement.
    fn errno(&self) -> Option<Errno> {
        let packet = self.receive();
        let frame = Frames::new(&packet).next().unwrap().unwrap();
        Reply::read(&frame).unwrap().errno
    }
}

/// Runs `clients`, in a thread of their own, against a server with `sessions` sessions.
fn serving(sessions: u16, clients: impl FnOnce(&Path) + Send + 'static) {
    let mut engine = Engine::new(Fake::default().boxed(), Store::none());
    engine.change(&Change::AddTunnel(udp(1))).unwrap();
    for id in 1..=sessions {
        engine.change(&Change::AddSession(session(1, id))).unwrap();
    }
    let state = samples::state(engine, |_| Ok(Config::default()));
    let state = Rc::new(RefCell::new(state));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async move {
        let dir = directory();
        let path = dir.path().join("socket");
        let listener = Rc::new(Listener::bind(&Address::Path(path.clone())).unwrap());
        spawn_local(serve(listener, state));
        let (done, finished) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            clients(&path);
            let _ = done.send(());
        });
        // Also ends, with an error, when the clients panic.
        let _ = finished.await;
        thread.join().unwrap();
    });
}

fn dump() -> Vec<u8> {
    Writer::command(Command::SessionGet, flag::REQUEST | flag::DUMP, 1, 0).finish()
}

fn noop() -> Vec<u8> {
    Writer::command(Command::Noop, flag::REQUEST, 1, 0).finish()
}

#[test]
fn a_client_that_does_not_read_keeps_nobody_waiting() {
    serving(3000, |path| {
        let slow = Client::connect(path);
        for _ in 0..8 {
            slow.send(&dump());
        }
        let quick = Client::connect(path);
        quick.send(&dump());
        let mut octets = 0;
        let done = Writer::done(1, 0).finish();
        loop {
            let packet = quick.receive();
            octets += packet.len();
            if packet.ends_with(&done) {
                break;
            }
        }
        assert!(octets > 500_000, "{octets}");
        // Nothing was lost on the one that did not read.
        assert!(!slow.receive().is_empty());
    });
}

#[test]
fn too_long_a_message_is_refused_and_the_next_is_heard() {
    serving(0, |path| {
        let client = Client::connect(path);
        client.send(&vec![0; REQUEST_OCTETS + 1]);
        assert_eq!(client.errno(), Some(Errno::EMSGSIZE));
        client.send(&noop());
        assert!(!client.receive().is_empty());
    });
}

#[test]
fn many_clients_are_served_at_once() {
    serving(0, |path| {
        let clients: Vec<_> = (0..UNPRIVILEGED).map(|_| Client::connect(path)).collect();
        for client in &clients {
            client.send(&noop());
        }
        for client in &clients {
            assert!(!client.receive().is_empty());
        }
    });
}

#[test]
fn those_who_look_do_not_shut_out_those_who_change() {
    let taken = Rc::new(Cell::new(0));
    let seats: Vec<_> = (0..3).map(|_| Seat::take(&taken, 2)).collect();
    assert_eq!(seats.iter().filter(|seat| seat.is_some()).count(), 2);
    drop(seats);
    assert!(Seat::take(&taken, 2).is_some());
}

#[test]
fn who_may_not_change_is_refused_and_may_look() {
    let capable = rustix::thread::capabilities(None).unwrap().effective;
    let capable = capable.contains(rustix::thread::CapabilitySet::NET_ADMIN);
    serving(1, move |path| {
        let client = Client::connect(path);
        client.send(&create_tunnel(&udp(2), 1));
        let refused = (!capable).then_some(Errno::EPERM);
        assert_eq!(client.errno(), refused);
        client.send(&create_session(&session(2, 1), 1));
        assert_eq!(client.errno(), refused);
        let get = Writer::command(Command::TunnelGet, flag::REQUEST, 1, 0);
        client.send(&get.word(Attr::ConnId, 1).finish());
        let packet = client.receive();
        let frame = Frames::new(&packet).next().unwrap().unwrap();
        assert_eq!(frame.genl().unwrap().0, Command::TunnelGet.number());
    });
}
