//! The thread that keeps the programs of sessions.

use super::plan::{Plan, Reason, Scope, refused};
use super::program::{SENT, egress};
use super::state::Live;
use super::underlay::{Tables, Underlays};
use crate::link::Links;
use crate::sys::bpf::{Hook, Map, MapKind, attach, load};
use crate::user::port::Port;
use crate::user::worker::{Poll, Work};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Routes, devices and tunings change, and nobody tells: sessions are looked at this often, so many
/// at a time.
const EVERY: Duration = Duration::from_secs(1);
const MOST_A_TURN: usize = 256;

/// What the keeper can be told.
#[derive(Debug)]
pub(crate) enum FastOrder {
    /// Let a session have its programs, as soon as and as long as it can.
    Keep(Arc<Port>),
    /// No longer; once obeyed, they are gone.
    Drop(Arc<Port>),
    /// Look at the session of a device now: something about it has changed.
    Look(u32),
}

/// The keeper's state.
pub(crate) struct Keeper {
    scope: Scope,
    links: Links,
    tables: Option<Tables>,
    underlays: Underlays,
    /// By the interface index of its device.
    sessions: BTreeMap<u32, Kept>,
    /// The device that was looked at last.
    place: u32,
    next: Instant,
    /// Whether somebody was told that the kernel refuses.
    told: bool,
}

struct Kept {
    port: Arc<Port>,
    installed: Option<Installed>,
}

struct Installed {
    plan: Plan,
    /// Holds the program at the session's device.
    egress: OwnedFd,
}

impl Keeper {
    /// A keeper for sessions of the namespace of the present thread.
    pub(crate) fn open(scope: Scope) -> io::Result<Keeper> {
        Ok(Keeper {
            scope,
            links: Links::open()?,
            tables: None,
            underlays: Underlays::default(),
            sessions: BTreeMap::new(),
            place: 0,
            next: Instant::now(),
            told: false,
        })
    }

    /// Brings a session's programs in line with what it is now.
    fn look(&mut self, index: u32) {
        let Some(kept) = self.sessions.get(&index) else {
            return;
        };
        let port = kept.port.clone();
        let plan = Plan::of(&port, self.scope, &mut self.links);
        let now = kept.installed.as_ref().map(|installed| &installed.plan);
        if now.is_some() && now == plan.as_ref().ok() {
            return;
        }
        let outcome = plan.and_then(|plan| {
            self.remove(index, Reason::Ended);
            self.install(&port, plan)
        });
        match outcome {
            Ok(installed) => {
                if let Some(kept) = self.sessions.get_mut(&index) {
                    kept.installed = Some(installed);
                }
            }
            Err(reason) => {
                self.tell(&reason);
                self.remove(index, reason);
            }
        }
    }

    /// Loads and attaches a session's programs. When that fails nothing is left of them.
    fn install(&mut self, port: &Port, plan: Plan) -> Result<Installed, Reason> {
        let tables = match self.tables.take() {
            Some(tables) => tables,
            None => Tables::create(self.scope)?,
        };
        let tables = self.tables.insert(tables);
        let underlay = plan.egress.underlay;
        self.underlays.join(underlay, tables, &mut self.links)?;
        let sessions = tables.of(plan.family).clone();
        let made = attach_session(port, &plan, &sessions);
        match made {
            Ok((sent, link)) => {
                let key = plan.key.clone();
                port.line.session.fast.begin(Live {
                    sent,
                    sessions,
                    key,
                });
                Ok(Installed { plan, egress: link })
            }
            Err(error) => {
                // Not there unless it was set.
                let _ = sessions.remove(&plan.key);
                self.underlays.leave(underlay);
                Err(refused(
                    "the kernel takes no program for the device",
                    &error,
                ))
            }
        }
    }

    /// Detaches a session's programs, if it has any.
    fn remove(&mut self, index: u32, reason: Reason) {
        let Some(kept) = self.sessions.get_mut(&index) else {
            return;
        };
        let fast = &kept.port.line.session.fast;
        let Some(Installed { plan, egress }) = kept.installed.take() else {
            return fast.end(reason);
        };
        drop(egress);
        fast.end(reason);
        if let Some(tables) = &self.tables {
            // Gone only if nothing is there to remove.
            let _ = tables.of(plan.family).remove(&plan.key);
        }
        self.underlays.leave(plan.egress.underlay);
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

    /// Takes the programs from all sessions over a device that takes none any more.
    fn abandon(&mut self, underlay: u32, reason: &Reason) {
        let over = |kept: &Kept| {
            let installed = kept.installed.as_ref();
            installed.is_some_and(|installed| installed.plan.egress.underlay == underlay)
        };
        let concerned = self.sessions.iter().filter(|(_, kept)| over(kept));
        let concerned: Vec<_> = concerned.map(|(index, _)| *index).collect();
        for index in &concerned {
            self.remove(*index, reason.clone());
        }
    }

    /// Looks at sessions, each in its turn.
    fn turn(&mut self) {
        if let Some(tables) = &self.tables {
            for (underlay, reason) in self.underlays.renew(tables, &mut self.links) {
                self.tell(&reason);
                self.abandon(underlay, &reason);
            }
        }
        let behind = self.sessions.range(self.place + 1..);
        let before = self.sessions.range(..=self.place);
        let turn: Vec<_> = behind
            .chain(before)
            .map(|(index, _)| *index)
            .take(MOST_A_TURN)
            .collect();
        for index in turn {
            self.place = index;
            self.look(index);
        }
    }
}

/// Puts a session into the table and attaches the program of its device. Gives where that counts,
/// and what holds it.
fn attach_session(port: &Port, plan: &Plan, sessions: &Map) -> io::Result<(Arc<Map>, OwnedFd)> {
    let sent = Map::create(MapKind::Array, 4, SENT, 1)?;
    let program = egress(&plan.egress, sent.number());
    let program = load(Hook::Egress, &program.code)?;
    sessions.set(&plan.key, &plan.entry.write())?;
    let link = attach(program.as_fd(), Hook::Egress, port.device.index)?;
    Ok((Arc::new(sent), link))
}

impl Work for Keeper {
    type Order = FastOrder;

    fn obey(&mut self, _poll: &Poll, order: FastOrder) {
        match order {
            FastOrder::Keep(port) => {
                let index = port.device.index;
                let installed = None;
                self.sessions.insert(index, Kept { port, installed });
                self.look(index);
            }
            FastOrder::Drop(port) => {
                self.remove(port.device.index, Reason::Ended);
                self.sessions.remove(&port.device.index);
            }
            FastOrder::Look(index) => self.look(index),
        }
    }

    fn serve(&mut self, _poll: &Poll, _token: u64) {}

    fn tick(&mut self, now: Instant) -> Option<Instant> {
        if self.sessions.is_empty() {
            return None;
        }
        if now >= self.next {
            self.turn();
            self.next = now + EVERY;
        }
        Some(self.next)
    }
}
