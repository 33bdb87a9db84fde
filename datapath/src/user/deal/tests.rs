use super::*;
use crate::spec::{Encap, SessionTuning, TxChecksum, UdpChecksum};
use crate::user::outer::Outer;
use crate::user::path::Paths;
use crate::user::session::Session;
use crate::user::session::tests::{spec, tunnel};
use crate::user::worker::{Handle, Poll, Work};
use std::net::Ipv4Addr;
use std::sync::mpsc::{Receiver, Sender, channel};

const LEN: usize = 1000;

/// A thread that only hoards what it is dealt.
struct Hoard(Sender<Box<Parcel>>);

impl Work for Hoard {
    type Order = RxOrder;

    fn obey(&mut self, _: &Poll, order: RxOrder) {
        if let RxOrder::Take(parcel) = order {
            let _ = self.0.send(parcel);
        }
    }

    fn serve(&mut self, _: &Poll, _: u64) {}
}

struct Rig {
    dealer: Dealer,
    hoard: Receiver<Box<Parcel>>,
    line: Line,
    next: u32,
    _thread: Handle<RxOrder>,
}

impl Rig {
    fn new() -> Rig {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (tx, rx) = (TxChecksum::Never, false);
        let encap = Encap::Udp {
            local,
            remote: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
            checksum: UdpChecksum { tx, rx },
        };
        let (tunnel, spec) = (tunnel(3), spec(SessionTuning::default()));
        let path = Paths::start().unwrap().of(&encap);
        let line = Line {
            session: Arc::new(Session::new(&tunnel, &spec, spec.sequencing())),
            carrier: Arc::new(Carrier::open(encap, 3).unwrap()),
            remote: None,
            outer: Arc::new(Outer::new(path)),
        };
        let (sender, hoard) = channel();
        let thread = Handle::start("hoard".to_owned(), Hoard(sender)).unwrap();
        let mut dealer = Dealer::default();
        dealer.meet(vec![Colleague::new(thread.mailbox())]);
        Rig {
            dealer,
            hoard,
            line,
            next: 0,
            _thread: thread,
        }
    }

    /// Deals numbered packets of a socket.
    fn deal(&mut self, socket: u64, count: usize) {
        for _ in 0..count {
            let mut packet = [0; LEN];
            packet[..4].copy_from_slice(&self.next.to_be_bytes());
            self.next += 1;
            let received = Received::default();
            let socket = (socket, &self.line.carrier);
            self.dealer.deal(0, socket, &packet, &received, &self.line);
        }
        self.dealer.send();
    }

    fn dropped(&self) -> u64 {
        self.line.session.rx.read().dropped(DropReason::Backlog)
    }
}

fn numbers(parcel: &Parcel) -> Vec<u32> {
    let number = |packet: &[u8]| u32::from_be_bytes(*packet.first_chunk().unwrap());
    let packets = parcel.packets();
    packets.map(|(packet, _)| number(packet)).collect()
}

#[test]
fn packets_stay_in_order_and_apart_by_socket() {
    let mut rig = Rig::new();
    rig.deal(1, 3);
    rig.deal(2, 2);
    let next = || rig.hoard.recv().unwrap();
    let (first, second) = (next(), next());
    assert_eq!((first.number, numbers(&first)), (1, vec![0, 1, 2]));
    assert_eq!((second.number, numbers(&second)), (2, vec![3, 4]));
    assert!(first.packets().all(|(packet, _)| packet.len() == LEN));
}

#[test]
fn what_a_slow_thread_leaves_is_bounded_and_what_is_beyond_is_counted() {
    let mut rig = Rig::new();
    let many = 2 * MAX_WAITING / LEN;
    rig.deal(1, many);
    let parcel = rig.hoard.recv().unwrap();
    let taken = parcel.packets().count();
    assert!(taken * LEN <= MAX_WAITING && taken > many / 4, "{taken}");
    assert_eq!(rig.dropped(), (many - taken) as u64);
    rig.deal(1, 1);
    assert!(rig.hoard.try_recv().is_err());
    drop(parcel);
    rig.deal(1, 1);
    assert_eq!(numbers(&rig.hoard.recv().unwrap()).len(), 1);
    assert_eq!(rig.dropped(), (many - taken) as u64 + 1);
}
