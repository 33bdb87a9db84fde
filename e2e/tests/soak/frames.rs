//! Frames one by one: what became of each.

use super::account::Account;
use super::event::Event;
use super::stream::FOLLOWED;
use super::walk::Walk;
use super::way::Link;
use crate::differential::{Sites, mixed};
use crate::fast_path::shown;
use adit_e2e::superframe::expand;
use adit_e2e::{Pinned, Side, Test, Wire};
use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

/// Frames on their way at a time: no queue overflows.
const WINDOW: usize = 150;
/// A frame that has not arrived by then does not.
const PATIENCE: Duration = Duration::from_secs(15);
/// From one frame to the next while something happens.
const PACE: Duration = Duration::from_micros(200);
/// So long the test waits for a frame before it looks for other fates.
const GLANCE: Duration = Duration::from_millis(5);
/// How long nothing arrives before that is believed, where something may be missing.
const SILENCE: Duration = Duration::from_millis(300);

impl Walk<'_> {
    /// Generated frames from A to B, and something that happens meanwhile.
    pub(super) fn frames(&mut self) -> Test {
        // Programs cut super-frames of TCP shorter for a cable; streams tell whether they do it well.
        let cut = self.link == Link::Cable && !self.way.fast.is_empty();
        let together = self.random.one_in(2) && !cut;
        let frames = mixed(&mut self.random, together, 12);
        let event = Event::random(&mut self.random);
        let at = self.random.below(frames.len());
        let what = format!(
            "{} {:?} seed {} step {} {event:?} at {at} of {} together {together}",
            self.way.name,
            self.link,
            self.seed,
            self.steps,
            frames.len(),
        );
        let mut next = 0;
        while next < frames.len() {
            let begin = next;
            let mut account = Account::default();
            next = self.send(&frames, begin, (event, at), &mut account)?;
            if begin <= at && at < next {
                account.excused = event.loses(self.way, self.link);
                account.disordered = event.disorders(self.way);
                account.unread = event.is_misread(self.way, self.link);
            }
            self.collect(&mut account, &what)?;
            if begin <= at && at < next {
                event.pass(&self.sites.pair)?;
                self.settle(event)?;
            }
        }
        Ok(())
    }

    /// Sends frames from the one of number `next` on, as many as may be on their way together. When it
    /// is the turn of frame `at` the event happens, while more are sent. Gives the number of the next.
    fn send(
        &mut self,
        frames: &[Vec<u8>],
        mut next: usize,
        (event, at): (Event, usize),
        account: &mut Account,
    ) -> Result<usize, Box<dyn Error>> {
        let Sites {
            pair, near, far, ..
        } = &mut self.sites;
        let (pair, far) = (&*pair, &*far);
        let pinned = Pinned::here();
        thread::scope(|scope| {
            let mut happens = None;
            while next < frames.len() {
                let parts = expand(&frames[next]);
                if account.sent.len() + parts.len() > WINDOW && !account.sent.is_empty() {
                    break;
                }
                account.sent.extend(parts);
                if next == at {
                    let happen = move || event.happen(pair, far).map_err(|e| e.to_string());
                    happens = Some(scope.spawn(happen));
                }
                near.send(&frames[next])?;
                if happens.as_ref().is_some_and(|event| !event.is_finished()) {
                    thread::sleep(PACE);
                }
                next += 1;
            }
            if let Some(event) = happens {
                event.join().map_err(|_| "an event panicked")??;
            }
            drop(pinned);
            Ok(next)
        })
    }

    /// Waits for what is to arrive, and holds it against what was sent.
    fn collect(&mut self, account: &mut Account, what: &str) -> Test {
        let start = Instant::now();
        let mut heard = start;
        loop {
            let lost = self.wire.as_ref().map_or(0, Wire::lost);
            let left = account
                .sent
                .len()
                .saturating_sub(lost + account.arrived.len());
            if left == 0 {
                break;
            }
            let arrived = self.sites.arrivals_within(GLANCE, left)?;
            if !arrived.is_empty() {
                account.arrived.extend(arrived);
                heard = Instant::now();
                continue;
            }
            if heard.elapsed() < 8 * GLANCE {
                continue;
            }
            account.drops += self.more_drops();
            let all = account.drops as usize >= left;
            let silent = account.excused && heard.elapsed() > SILENCE;
            if all || silent || start.elapsed() > PATIENCE {
                break;
            }
        }
        // One too many is not to be missed.
        account
            .arrived
            .extend(self.sites.arrivals_within(Duration::from_millis(1), 1)?);
        account.passage = self.wire.as_ref().map(Wire::take).unwrap_or_default();
        self.figures.frames += account.sent.len();
        self.figures.lost += account.passage.lost.len();
        self.figures.drops += account.drops;
        let settled = account.settle(self.way, self.link);
        self.figures.uncounted += settled.map_err(|fault| {
            let paths = [Side::A, Side::B].map(|side| shown(self.host(side)));
            format!(
                "{what}: {fault}; {:?}; fast paths {paths:?}",
                self.reasons()
            )
        })?;
        Ok(())
    }

    /// Waits until the ends can understand each other.
    fn settle(&mut self, event: Event) -> Test {
        match event {
            Event::Tune(on) => {
                self.await_fast(if on { "no, mss is set" } else { "active" });
            }
            Event::Down(_) => self.await_again(),
            Event::Merge(..) if self.link == Link::Cable && !self.way.fast.is_empty() => {
                self.stream(FOLLOWED)?;
            }
            Event::Near(_) | Event::Far(_) | Event::Send(..) | Event::Merge(..) => {}
        }
        Ok(())
    }
}
