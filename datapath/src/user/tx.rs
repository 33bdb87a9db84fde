//! From the devices to the network: one thread for a share of the sessions.

use crate::counters::DropReason;
use crate::spec::DebugMask;
use crate::sys::batch::{self, BATCH};
use crate::user::recursion::OwnOuter;
use crate::user::session::{MAX_HEADER, Port};
use crate::user::worker::{Poll, Work};
use crate::user::{Event, Notify};
use adit_wire::netlink::Stat;
use rustc_hash::FxHashMap;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;

/// Room for a header and the longest frame of a TAP device.
const SLOT: usize = (1 << 16) + 64;

/// Frames start here in a slot, so that any header fits in front.
const HEADROOM: usize = MAX_HEADER;

/// Batches that one device may have in a row before others get their turn.
const BATCHES_A_TURN: usize = 8;

/// What a sending thread can be told. Ports go by their number.
#[derive(Debug)]
pub(crate) enum TxOrder {
    /// Serve a device.
    Attach(u64, Arc<Port>),
    /// Serve it no longer.
    Detach(u64),
}

/// The sending thread's state.
pub(crate) struct Tx {
    ports: FxHashMap<u64, Arc<Port>>,
    batch: Batch,
    notify: Notify,
}

impl Tx {
    pub(crate) fn new(notify: Notify) -> Tx {
        Tx {
            ports: FxHashMap::default(),
            batch: Batch::new(),
            notify,
        }
    }
}

impl Work for Tx {
    type Order = TxOrder;

    fn obey(&mut self, poll: &Poll, order: TxOrder) {
        match order {
            TxOrder::Attach(number, port) => {
                if let Err(error) = poll.add(&port.tap, number) {
                    tracing::error!(%error, "cannot wait for a session's device");
                }
                self.ports.insert(number, port);
            }
            TxOrder::Detach(number) => {
                if let Some(port) = self.ports.remove(&number) {
                    poll.remove(&port.tap);
                }
            }
        }
    }

    fn serve(&mut self, poll: &Poll, token: u64) {
        let Some(port) = self.ports.get(&token) else {
            return;
        };
        for _ in 0..BATCHES_A_TURN {
            let supply = self.batch.fill(port);
            self.batch.send(port);
            match supply {
                Supply::More => {}
                Supply::Dry => return,
                Supply::Gone => {
                    if port.lose() {
                        (self.notify)(Event::DeviceLost(port.session.key));
                    }
                    poll.remove(&port.tap);
                    self.ports.remove(&token);
                    return;
                }
            }
        }
    }
}

/// Packets of one session on their way, each in its slot of the arena.
struct Batch {
    arena: Box<[u8]>,
    packets: Vec<Range<usize>>,
}

/// What a device has after a batch was taken from it.
enum Supply {
    More,
    Dry,
    /// The device was deleted.
    Gone,
}

impl Batch {
    fn new() -> Batch {
        Batch {
            arena: vec![0; BATCH * SLOT].into(),
            packets: Vec::with_capacity(BATCH),
        }
    }

    /// Reads frames from the device and puts the session's header in front of each.
    fn fill(&mut self, port: &Port) -> Supply {
        self.packets.clear();
        let udp = port.carrier.is_udp();
        let header = port.session.header_len(udp);
        let loops = OwnOuter::of(&port.carrier);
        for (slot, memory) in self.arena.chunks_exact_mut(SLOT).enumerate() {
            let len = match port.tap.read(&mut memory[HEADROOM..]) {
                Ok(len) => len,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Supply::Dry,
                Err(e) if e.raw_os_error() == Some(libc::EBADFD) => return Supply::Gone,
                Err(_) => return Supply::Dry,
            };
            if loops.matches(&memory[HEADROOM..HEADROOM + len]) {
                drop_unsent(port, DropReason::Recursion, 1);
                continue;
            }
            let start = HEADROOM - header;
            port.session.write_header(&mut memory[start..HEADROOM], udp);
            self.packets
                .push(slot * SLOT + start..slot * SLOT + HEADROOM + len);
        }
        Supply::More
    }

    /// Sends the packets; every one is counted, as sent or with the reason why not.
    fn send(&self, port: &Port) {
        if !port.carrier.has_peer() {
            return drop_unsent(port, DropReason::NoPeer, self.packets.len());
        }
        let mut slices = [IoSlice::new(&[]); BATCH];
        for (slice, packet) in slices.iter_mut().zip(&self.packets) {
            *slice = IoSlice::new(&self.arena[packet.clone()]);
        }
        let mut rest = &slices[..self.packets.len()];
        let mut retried = false;
        while !rest.is_empty() {
            match batch::send(port.carrier.as_fd(), rest) {
                Ok(sent) => {
                    let octets: usize = rest[..sent].iter().map(|packet| packet.len()).sum();
                    port.session.tx.add(Stat::TxPackets, sent as u64);
                    port.session.tx.add(Stat::TxBytes, octets as u64);
                    rest = &rest[sent..];
                    retried = false;
                }
                // The error may be an ICMP answer to an earlier packet, which asking clears.
                Err(_) if !retried => retried = true,
                Err(error) => {
                    let reason = reason_of(&error);
                    // A full buffer does not empty within a batch.
                    let lost = if reason == DropReason::SocketFull {
                        rest.len()
                    } else {
                        1
                    };
                    drop_unsent(port, reason, lost);
                    rest = &rest[lost..];
                    retried = false;
                }
            }
        }
    }
}

fn reason_of(error: &io::Error) -> DropReason {
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => DropReason::SocketFull,
        Some(libc::EMSGSIZE) => DropReason::TooBig,
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN) => DropReason::NoRoute,
        _ => DropReason::SocketError,
    }
}

fn drop_unsent(port: &Port, reason: DropReason, count: usize) {
    port.session.tx.drop(reason, count as u64);
    if count > 0 && port.session.logs(DebugMask::DATA, &port.carrier) {
        let key = &port.session.key;
        let reason = reason.name();
        tracing::debug!(tunnel = %key.tunnel, session = %key.session, count, reason, "dropped");
    }
}
