//! The thread that keeps the programs of sessions.

use super::cutter::Cutter;
use super::facts::{Ends, Facts};
use super::held::{Held, now};
use super::plan::{Plan, Reason, Scope, refused};
use super::state::Live;
use super::underlay::{Tables, Underlays};
use crate::user::gate::Gate;
use crate::user::port::Port;
use crate::user::worker::{Poll, Work};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Routes, devices and tunings change, and nobody tells. Ways are looked at this often, and so many
/// sessions' other facts; of the ways of as many peers no more are asked for at a time.
const EVERY: Duration = Duration::from_secs(1);
const MOST_A_TURN: usize = 256;

/// So long sessions are looked at before orders are.
const SLICE: Duration = Duration::from_millis(10);

/// What the keeper can be told.
#[derive(Debug)]
pub(crate) enum FastOrder {
    /// Let a session have its programs, as soon as and as long as it can.
    Keep(Arc<Port>),
    /// No longer; once obeyed, they take nothing, and the one at the device is parked there.
    Drop(Arc<Port>),
    /// Look at the session of a device: something about it has changed. Once obeyed, its programs do
    /// what it wants now.
    Look(u32),
    /// The same, as soon as there is time for it.
    Suspect(u32),
}

/// The keeper's state.
pub(crate) struct Keeper {
    scope: Scope,
    /// Passed before the kernel is kept busy.
    gate: Gate,
    facts: Facts,
    tables: Option<Tables>,
    underlays: Underlays,
    cutter: Cutter,
    /// By the interface index of its device.
    sessions: BTreeMap<u32, Kept>,
    /// Those to be looked at.
    suspects: BTreeSet<u32>,
    /// Whether there were IPsec policies in the last turn.
    policies: bool,
    /// The device that was looked at last.
    place: u32,
    next: Instant,
    /// Whether somebody was told that the kernel refuses.
    told: bool,
    /// And that it does not merge.
    told_unmerged: bool,
}

struct Kept {
    port: Arc<Port>,
    /// The program at the session's device. It stays when the session has no use for it.
    held: Option<Held>,
    /// What programs do; nothing when they leave all to user space.
    plan: Option<Plan>,
}

impl Keeper {
    /// A keeper for sessions of the namespace of the present thread, which waits at `gate`.
    pub(crate) fn open(scope: Scope, gate: Gate) -> io::Result<Keeper> {
        Ok(Keeper {
            scope,
            gate,
            facts: Facts::open()?,
            tables: None,
            underlays: Underlays::default(),
            cutter: Cutter::default(),
            sessions: BTreeMap::new(),
            suspects: BTreeSet::new(),
            policies: false,
            place: 0,
            next: Instant::now(),
            told: false,
            told_unmerged: false,
        })
    }

    /// Brings a session's programs in line with what it is now.
    fn look(&mut self, index: u32) {
        self.suspects.remove(&index);
        let Some(kept) = self.sessions.get(&index) else {
            return;
        };
        let plan = Plan::of(&kept.port, self.scope, &mut self.facts, &mut self.cutter);
        let done = match (&kept.plan, plan) {
            (Some(now), Ok(plan)) if *now == plan => return,
            (Some(now), Ok(plan)) if now.differs_by_way(&plan) => self.redirect(index, plan),
            (Some(_) | None, Ok(plan)) => self.install(index, plan),
            (Some(_) | None, Err(reason)) => Err(reason),
        };
        if let Err(reason) = done {
            self.tell(&reason);
            self.suspend(index, reason);
        }
    }

    /// Has a session's packets leave by another device.
    fn redirect(&mut self, index: u32, plan: Plan) -> Result<(), Reason> {
        let underlay = plan.underlay;
        self.join(underlay)?;
        let Some(kept) = self.sessions.get_mut(&index) else {
            return Ok(());
        };
        let opened = kept.held.as_ref().map(|held| held.open(underlay));
        if let Some(Err(error)) = opened {
            self.underlays.leave(underlay);
            return Err(refused("the kernel changes no program", &error));
        }
        if let Some(old) = kept.plan.replace(plan) {
            self.underlays.leave(old.underlay);
        }
        let unmerged = self.underlays.unmerged(underlay);
        kept.port.line.session.fast.remark(unmerged);
        Ok(())
    }

    /// Has a device's packets unwrapped, for one more session.
    fn join(&mut self, underlay: u32) -> Result<(), Reason> {
        let tables = match self.tables.take() {
            Some(tables) => tables,
            None => Tables::create(self.scope)?,
        };
        let tables = self.tables.insert(tables);
        self.underlays.join(underlay, tables, self.facts.links())?;
        self.tell_unmerged(underlay);
        Ok(())
    }

    /// Has a session's programs do what `plan` says.
    fn install(&mut self, index: u32, plan: Plan) -> Result<(), Reason> {
        // First, lest the device's programs go and come back, for which some drivers reset it.
        self.join(plan.underlay)?;
        self.suspend(index, Reason::Ended);
        self.gate.pass();
        let unmerged = self.underlays.unmerged(plan.underlay);
        let done = match (self.sessions.get_mut(&index), &self.tables) {
            (Some(kept), Some(tables)) => kept.start(&plan, tables, unmerged),
            (None, _) | (_, None) => return Ok(()),
        };
        match done {
            Ok(()) => {
                if let Some(kept) = self.sessions.get_mut(&index) {
                    kept.plan = Some(plan);
                }
                Ok(())
            }
            Err(error) => {
                if let Some(tables) = &self.tables {
                    // Not there unless it was set.
                    let _ = tables.of(plan.family).remove(&plan.key);
                }
                self.underlays.leave(plan.underlay);
                Err(refused(
                    "the kernel takes no program for the device",
                    &error,
                ))
            }
        }
    }

    /// Has a session's programs, if it has any, leave everything to user space.
    fn suspend(&mut self, index: u32, reason: Reason) {
        let Some(kept) = self.sessions.get_mut(&index) else {
            return;
        };
        let fast = &kept.port.line.session.fast;
        let Some(plan) = kept.plan.take() else {
            return fast.end(reason);
        };
        // What cannot be closed has to go.
        kept.held = kept.held.take().filter(|held| held.close().is_ok());
        fast.end(reason);
        if let Some(tables) = &self.tables {
            // Gone only if nothing is there to remove.
            let _ = tables.of(plan.family).remove(&plan.key);
        }
        self.underlays.leave(plan.underlay);
    }

    /// Says once in the life of the process that the kernel or a device refuses.
    fn tell(&mut self, reason: &Reason) {
        if let Reason::Refused(_) = reason
            && !self.told
        {
            self.told = true;
            tracing::warn!("no fast path: {reason}");
        }
    }

    /// Says once in the life of the process that packets are not merged.
    fn tell_unmerged(&mut self, underlay: u32) {
        if !self.told_unmerged
            && let Some(why) = self.underlays.unmerged(underlay)
        {
            self.told_unmerged = true;
            tracing::warn!("what the fast path receives is not merged: {why}");
        }
    }

    /// Has all sessions over a device know how its packets are unwrapped now.
    fn remark(&mut self, underlay: u32) {
        self.tell_unmerged(underlay);
        let unmerged = self.underlays.unmerged(underlay);
        for kept in self.sessions.values() {
            if kept.plan.as_ref().map(|plan| plan.underlay) == Some(underlay) {
                kept.port.line.session.fast.remark(unmerged.clone());
            }
        }
    }

    /// Takes the programs from all sessions over a device that takes none any more.
    fn abandon(&mut self, underlay: u32, reason: &Reason) {
        let over = |kept: &Kept| kept.plan.as_ref().map(|plan| plan.underlay) == Some(underlay);
        let concerned = self.sessions.iter().filter(|(_, kept)| over(kept));
        let concerned: Vec<_> = concerned.map(|(index, _)| *index).collect();
        for index in concerned {
            self.suspend(index, reason.clone());
        }
    }

    /// Looks at what is true of many sessions, and finds those to be looked at themselves.
    fn turn(&mut self) {
        self.facts.forget();
        if let Some(tables) = &self.tables {
            for (underlay, news) in self.underlays.renew(tables, self.facts.links()) {
                match news {
                    Ok(()) => self.remark(underlay),
                    Err(reason) => {
                        self.tell(&reason);
                        self.abandon(underlay, &reason);
                    }
                }
            }
        }
        self.look_at_cutter();
        let policies = self.facts.has_policies();
        let changed = std::mem::replace(&mut self.policies, policies) != policies;
        let behind = self.sessions.range(self.place + 1..);
        let before = self.sessions.range(..=self.place);
        for (number, (index, kept)) in behind.chain(before).enumerate() {
            if number < MOST_A_TURN {
                self.place = *index;
            }
            if number < MOST_A_TURN || changed || kept.is_misled(&mut self.facts) {
                self.suspects.insert(*index);
            }
        }
    }

    /// Takes the cutter away when no session needs it, and sees that others have not.
    fn look_at_cutter(&mut self) {
        let Some(index) = self.cutter.present() else {
            return;
        };
        let needs = |kept: &Kept| {
            kept.plan
                .as_ref()
                .is_some_and(|p| p.egress.cutter == Some(index))
        };
        let needing = self.sessions.iter().filter(|(_, kept)| needs(kept));
        let needing: Vec<_> = needing.map(|(index, _)| *index).collect();
        match needing.is_empty() {
            true => self.cutter.close(self.facts.links()),
            false => self.cutter.check(self.facts.links()),
        }
        if self.cutter.present().is_none() {
            self.suspects.extend(needing);
        }
    }

    /// Looks at suspects for a while.
    fn look_at_suspects(&mut self) {
        let end = Instant::now() + SLICE;
        while let Some(index) = self.suspects.first().copied()
            && Instant::now() < end
        {
            self.look(index);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.cutter.close(self.facts.links());
    }
}

impl Kept {
    /// Attaches the session's program, or changes the one that is there, puts the session into the
    /// table, and has both go.
    fn start(
        &mut self,
        plan: &Plan,
        tables: &Tables,
        unmerged: Option<Arc<str>>,
    ) -> io::Result<()> {
        // Somebody else may have detached it.
        let changed = self.held.take();
        let changed = changed.filter(|held| held.change(&plan.egress).is_ok());
        let held = match changed {
            Some(held) => held,
            None => Held::attach(self.port.device.index, &plan.egress)?,
        };
        let held = self.held.insert(held);
        let sessions = tables.of(plan.family);
        sessions.set(&plan.key, &plan.entry.opened(now()))?;
        held.open(plan.underlay)?;
        self.port.line.session.fast.begin(Live {
            sent: held.sent().clone(),
            sessions: sessions.clone(),
            key: plan.key.clone(),
            unmerged,
        });
        Ok(())
    }

    /// Whether its packets leave by another device than the route says, as far as may be asked.
    fn is_misled(&self, facts: &mut Facts) -> bool {
        let Some(plan) = &self.plan else {
            return false;
        };
        facts.ways() < MOST_A_TURN && facts.way(&Ends::of(&self.port)) != Some(plan.underlay)
    }
}

impl Work for Keeper {
    type Order = FastOrder;

    fn obey(&mut self, _poll: &Poll, order: FastOrder) {
        match order {
            FastOrder::Keep(port) => {
                let index = port.device.index;
                let kept = Kept {
                    port,
                    held: None,
                    plan: None,
                };
                self.sessions.insert(index, kept);
                self.suspects.insert(index);
            }
            FastOrder::Drop(port) => {
                let index = port.device.index;
                self.suspend(index, Reason::Ended);
                if let Some(held) = self.sessions.remove(&index).and_then(|kept| kept.held) {
                    port.device.park(held);
                }
            }
            FastOrder::Look(index) => {
                self.facts.forget();
                self.look(index);
            }
            FastOrder::Suspect(index) => {
                self.suspects.insert(index);
            }
        }
    }

    fn serve(&mut self, _poll: &Poll, _token: u64) {}

    fn tick(&mut self, now: Instant) -> Option<Instant> {
        if now >= self.next {
            self.turn();
            self.next = now + EVERY;
        }
        self.look_at_suspects();
        match (self.suspects.is_empty(), self.sessions.is_empty()) {
            (false, _) => Some(now),
            (true, false) => Some(self.next),
            // The last one is gone, and the cutter may go too.
            (true, true) => self.cutter.present().map(|_| self.next),
        }
    }
}
