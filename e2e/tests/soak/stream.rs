//! A stream, which has to arrive whatever happens below it.

use super::event::Event;
use super::walk::Walk;
use super::way::Link;
use adit_e2e::{Family, Side, Test};
use adit_lab::{Amount, tcp_transfer};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

/// A stream with events below it takes so long.
pub(super) const STREAM: Duration = Duration::from_millis(400);
/// By then the programs follow what has changed of a device.
pub(super) const FOLLOWED: Duration = Duration::from_millis(1300);

impl Walk<'_> {
    /// A stream one way or the other, and much that happens meanwhile.
    pub(super) fn stream(&mut self, time: Duration) -> Test {
        let family = [Family::V4, Family::V6][self.random.below(2)];
        let (from, to) = match self.random.one_in(2) {
            true => (Side::A, Side::B),
            false => (Side::B, Side::A),
        };
        let address = SocketAddr::new(to.inner(family), 0);
        let mut random = self.random.clone();
        let this = &*self;
        let moved = thread::scope(|scope| {
            let transfer = || {
                tcp_transfer(this.host(from), this.host(to), address, Amount::For(time))
                    .map_err(|error| format!("{} {from:?} {family:?}: {error}", this.way.name))
            };
            let transfer = scope.spawn(transfer);
            while !transfer.is_finished() {
                thread::sleep(Duration::from_millis(random.below(80) as u64));
                let event = Event::random(&mut random);
                event
                    .happen(&this.sites.pair, &this.sites.far)
                    .map_err(|error| error.to_string())?;
                thread::sleep(Duration::from_millis(random.below(20) as u64));
                event
                    .pass(&this.sites.pair)
                    .map_err(|error| error.to_string())?;
            }
            transfer
                .join()
                .unwrap_or_else(|_| Err("it panicked".into()))
        });
        self.random = random;
        self.figures.octets += moved
            .map_err(|error| format!("seed {}: {error}", self.seed))?
            .octets;
        self.figures.streams += 1;
        self.rest()
    }

    /// Lets a stream's last packets pass, and what it has changed.
    fn rest(&mut self) -> Test {
        Event::Tune(false).happen(&self.sites.pair, &self.sites.far)?;
        self.await_fast("active");
        if !self.way.fast.is_empty() && self.link == Link::Cable {
            thread::sleep(FOLLOWED);
        }
        self.sites.arrivals_within(Duration::from_millis(20), 1)?;
        if let Some(wire) = &self.wire {
            wire.take();
        }
        self.more_drops();
        Ok(())
    }
}
