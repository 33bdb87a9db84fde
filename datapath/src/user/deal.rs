//! The sessions of one socket are spread over the receiving threads. The thread that reads the
//! socket deals out the packets of others' sessions, a parcel a batch, so that each session's
//! packets pass one thread in the order in which they came.
//!
//! The kernel could choose among several sockets by the session id (SO_REUSEPORT with a filter),
//! but it joins datagrams of several sessions into one before it chooses, and then they would
//! overtake each other.

use crate::counters::DropReason;
use crate::sys::batch::Received;
use crate::user::carrier::Carrier;
use crate::user::line::Line;
use crate::user::rx::RxOrder;
use crate::user::worker::Mailbox;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// Octets that may wait for a thread, about what a socket's buffer holds.
const MAX_WAITING: usize = 4 << 20;

/// A parcel's first room.
const FIRST: usize = 1 << 16;

/// What a packet takes besides its octets.
const PACKET: usize = size_of::<Packet>();

/// Packets of one socket for the sessions of one thread, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// The socket's number.
    pub(crate) number: u64,
    pub(crate) carrier: Arc<Carrier>,
    /// The packets, one behind the other.
    octets: Vec<u8>,
    packets: Vec<Packet>,
    /// What waits for the thread, this included.
    waiting: Arc<AtomicUsize>,
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    /// Where it ends in the parcel.
    end: usize,
    from: Option<SocketAddr>,
    class: u8,
}

/// What deals out packets. Threads go by their place among all.
#[derive(Debug, Default)]
pub(crate) struct Dealer {
    colleagues: Vec<Colleague>,
}

/// Another receiving thread.
#[derive(Debug)]
pub(crate) struct Colleague {
    mailbox: Mailbox<RxOrder>,
    waiting: Arc<AtomicUsize>,
    parcel: Option<Box<Parcel>>,
}

impl Parcel {
    /// The packets, as [`Dealer::deal`] was given them.
    pub(crate) fn packets(&self) -> impl Iterator<Item = (&[u8], Received)> {
        let starts = std::iter::once(0).chain(self.packets.iter().map(|packet| packet.end));
        starts.zip(&self.packets).map(|(start, packet)| {
            let received = Received {
                len: packet.end - start,
                from: packet.from,
                class: packet.class,
                ..Received::default()
            };
            (&self.octets[start..packet.end], received)
        })
    }

    fn size(&self) -> usize {
        self.octets.len() + self.packets.len() * PACKET
    }
}

/// What is delivered, or lost with a thread that has ended, no longer waits.
impl Drop for Parcel {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.size(), Relaxed);
    }
}

impl Dealer {
    /// Deals to all of these from now on.
    pub(crate) fn meet(&mut self, colleagues: Vec<Colleague>) {
        self.colleagues = colleagues;
    }

    /// Takes a packet that came `received` to the socket of this number, for the thread that has
    /// the session. One that would wait behind too many others is dropped and counted.
    pub(crate) fn deal(
        &mut self,
        home: usize,
        (number, carrier): (u64, &Arc<Carrier>),
        packet: &[u8],
        received: &Received,
        line: &Line,
    ) {
        let colleague = &mut self.colleagues[home];
        if colleague.waiting.load(Relaxed) + packet.len() + PACKET > MAX_WAITING {
            return line.drop_received(DropReason::Backlog, 1, None);
        }
        if colleague
            .parcel
            .as_ref()
            .is_some_and(|open| open.number != number)
        {
            colleague.send();
        }
        let waiting = &colleague.waiting;
        waiting.fetch_add(packet.len() + PACKET, Relaxed);
        let parcel = colleague.parcel.get_or_insert_with(|| {
            Box::new(Parcel {
                number,
                carrier: carrier.clone(),
                octets: Vec::with_capacity(FIRST),
                packets: Vec::new(),
                waiting: waiting.clone(),
            })
        });
        parcel.octets.extend_from_slice(packet);
        parcel.packets.push(Packet {
            end: parcel.octets.len(),
            from: received.from,
            class: received.class,
        });
    }

    /// Sends on what was dealt.
    pub(crate) fn send(&mut self) {
        self.colleagues.iter_mut().for_each(Colleague::send);
    }
}

impl Colleague {
    /// The thread with this mailbox, as those see it that deal to it. All copies count together
    /// what waits.
    pub(crate) fn new(mailbox: Mailbox<RxOrder>) -> Colleague {
        Colleague {
            mailbox,
            waiting: Arc::default(),
            parcel: None,
        }
    }

    /// Another copy, with nothing in its hands.
    pub(crate) fn copy(&self) -> Colleague {
        Colleague {
            mailbox: self.mailbox.clone(),
            waiting: self.waiting.clone(),
            parcel: None,
        }
    }

    fn send(&mut self) {
        if let Some(parcel) = self.parcel.take() {
            self.mailbox.order(RxOrder::Take(parcel));
        }
    }
}

#[cfg(test)]
mod tests;
