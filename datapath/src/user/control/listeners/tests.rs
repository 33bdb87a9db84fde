use super::super::Options;
use super::*;
use crate::Datapath;
use crate::counters::DropReason;
use crate::spec::{TxChecksum, UdpChecksum};
use std::net::{Ipv4Addr, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The header of a v2 control message without AVPs, for tunnel 1.
const ZLB: [u8; 12] = [0xc8, 2, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0];

fn datapath() -> UserDatapath {
    UserDatapath::new(Options {
        fast_path: None,
        without: Default::default(),
        queues: None,
        workers: NonZeroUsize::new(1),
        notify: Arc::new(|_| {}),
    })
    .unwrap()
}

fn spec(local: Ipv4Addr) -> ListenerSpec {
    ListenerSpec {
        id: ListenerId(7),
        local: ListenerAddress::Udp((local, 0).into()),
        interface: None,
        checksum: UdpChecksum {
            tx: TxChecksum::Spare,
            rx: false,
        },
        marks: false,
    }
}

/// What came: from where, to which address, which octets.
type Came = (SocketAddr, Option<IpAddr>, Vec<u8>);

fn sink() -> (ControlSink, Receiver<Came>, Arc<AtomicBool>) {
    let (to, came) = channel();
    let room = Arc::new(AtomicBool::new(true));
    let has_room = room.clone();
    let sink: ControlSink = Arc::new(move |id, message| {
        assert_eq!(id, ListenerId(7));
        let octets = message.octets.to_vec();
        let taken = has_room.load(Relaxed);
        let told = to.send((message.peer, message.local, octets));
        told.is_ok() && taken
    });
    (sink, came, room)
}

fn port(address: ListenerAddress) -> u16 {
    match address {
        ListenerAddress::Udp(local) => local.port(),
        ListenerAddress::Ip(_) => panic!("{address:?}"),
    }
}

#[test]
fn control_messages_go_up_and_down_with_their_addresses() {
    let mut datapath = datapath();
    let (sink, came, room) = sink();
    let bound = datapath.listen(&spec(Ipv4Addr::UNSPECIFIED), sink).unwrap();
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let at: Ipv4Addr = [127, 0, 0, 2].into();
    peer.send_to(&ZLB, (at, port(bound))).unwrap();
    let (from, to, octets) = came.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(from, peer.local_addr().unwrap());
    assert_eq!((to, octets), (Some(at.into()), ZLB.to_vec()));

    let answer = ControlMessage {
        peer: from,
        local: to,
        mark: 0,
        octets: &ZLB,
    };
    datapath.send_control(ListenerId(7), &[answer; 70]);
    let mut buffer = [0; 64];
    for _ in 0..70 {
        let (len, from) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..len], from.ip()), (&ZLB[..], at.into()));
    }

    room.store(false, Relaxed);
    peer.send_to(&ZLB, (at, port(bound))).unwrap();
    came.recv_timeout(Duration::from_secs(60)).unwrap();
    let mut overflow = || {
        let counters = datapath.listener_counters(ListenerId(7)).unwrap();
        counters.dropped(DropReason::ControlOverflow)
    };
    let counted = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        overflow() == 1
    });
    assert!(counted);
}

#[test]
fn a_listener_is_opened_once_and_closed() {
    let mut datapath = datapath();
    let (sink, _came, _) = sink();
    let spec = spec(Ipv4Addr::LOCALHOST);
    let bound = datapath.listen(&spec, sink.clone()).unwrap();
    assert_eq!(datapath.listen(&spec, sink.clone()).unwrap(), bound);
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, port(bound)));
    assert!(taken.is_err());
    let other = ListenerSpec {
        interface: Some("lo".into()),
        ..spec.clone()
    };
    let refused = datapath.listen(&other, sink).unwrap_err();
    assert_eq!(refused.errno.0, libc::EEXIST);
    let local = IpAddr::from(Ipv4Addr::LOCALHOST);
    let route = datapath.route(spec.id, local).unwrap();
    assert_eq!(route.local, local);
    datapath.unlisten(spec.id).unwrap();
    assert!(datapath.listener_counters(spec.id).is_err());
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port(bound))).unwrap();
}

#[test]
fn what_cannot_be_bound_is_named() {
    let mut datapath = datapath();
    let (sink, _came, _) = sink();
    let elsewhere = spec(Ipv4Addr::new(192, 0, 2, 9));
    let refused = datapath.listen(&elsewhere, sink.clone()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "local: 192.0.2.9:0: Cannot assign requested address (os error 99); \
         give an address of this host"
    );
    let device = ListenerSpec {
        interface: Some("none7".into()),
        ..spec(Ipv4Addr::LOCALHOST)
    };
    let refused = datapath.listen(&device, sink).unwrap_err();
    assert_eq!(refused.field, "interface");
}
