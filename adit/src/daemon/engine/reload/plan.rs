//! The way from the state to the file, found without touching either.

use super::words;
use crate::control::{create_session, create_tunnel};
use crate::daemon::engine::{Object, sessions_of};
use crate::daemon::genl;
use crate::daemon::store::Origin;
use adit_datapath::spec::{Change, Encap, Inventory, SessionKey, SessionSpec, TunnelSpec};
use adit_datapath::{Error, reconcile};
use adit_wire::netlink::{Attributes, Errno, Frames};
use std::collections::BTreeSet;

/// What to do so that the file's part of the state is what the file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// What the file asks for and cannot get, a line each.
    pub refused: Vec<String>,
}

/// One step of a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What to tell of it; nothing when it is part of another step.
    pub line: Option<String>,
    /// What to do.
    pub task: Task,
}

/// What a [`Step`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Makes a change; what it adds comes from there.
    Change(Change, Origin),
    /// Leaves an object as it is and counts it as the file's.
    Adopt(Object),
}

/// The steps that make the `configured` part of `state` what `file` says.
pub fn plan(file: &Inventory, state: &Inventory, configured: &BTreeSet<Object>) -> Plan {
    let mut planner = Planner {
        plan: Plan::default(),
        want: Inventory::default(),
        have: Inventory::default(),
        by_hand: BTreeSet::new(),
        state,
        configured,
    };
    for spec in file.tunnels.values() {
        planner.want_tunnel(spec);
    }
    for spec in file.sessions.values() {
        planner.want_session(spec);
    }
    planner.keep_by_hand();
    for change in reconcile::diff(&planner.want, &planner.have) {
        let line = words::line(&change, &planner.have, &planner.want);
        let task = Task::Change(change.clone(), planner.origin(&change));
        planner.plan.steps.push(Step { line, task });
    }
    planner.plan
}

/// Gathers the two sides of the comparison: `want` may differ from the file, and `have` from the
/// state, by what is refused or made by hand.
struct Planner<'a> {
    plan: Plan,
    want: Inventory,
    have: Inventory,
    /// Sessions in the file's tunnels that are not the file's.
    by_hand: BTreeSet<SessionKey>,
    state: &'a Inventory,
    configured: &'a BTreeSet<Object>,
}

impl Planner<'_> {
    fn want_tunnel(&mut self, spec: &TunnelSpec) {
        let object = Object::Tunnel(spec.id);
        let here = self.state.tunnels.get(&spec.id);
        let ours = self.configured.contains(&object);
        let spec = match (canonical_tunnel(spec, here), here) {
            (Ok(spec), Some(here)) if !ours && !tunable(&spec, here) => {
                let difference = words::tunnel_difference(here, &spec);
                return self.refuse(object, &words::by_hand(&difference));
            }
            (Ok(spec), _) => spec,
            (Err(refused), here) => {
                self.refuse(object, &refused.to_string());
                let Some(here) = here.filter(|_| ours) else {
                    return;
                };
                *here
            }
        };
        if here.is_some() && !ours {
            self.adopt(object);
        }
        self.have.tunnels.extend(here.map(|here| (here.id, *here)));
        self.want.tunnels.insert(spec.id, spec);
    }

    fn want_session(&mut self, spec: &SessionSpec) {
        let object = Object::Session(spec.key);
        let here = self.state.sessions.get(&spec.key);
        let ours = self.configured.contains(&object);
        if !self.want.tunnels.contains_key(&spec.key.tunnel) {
            return self.refuse(object, "its tunnel is refused");
        }
        let spec = match (canonical_session(spec), here) {
            (Ok(spec), Some(here))
                if !ours && !words::session_difference(here, &spec).is_empty() =>
            {
                let difference = words::session_difference(here, &spec);
                return self.refuse(object, &words::by_hand(&difference));
            }
            (Ok(spec), _) => spec,
            (Err(refused), here) => {
                self.refuse(object, &refused.to_string());
                let Some(here) = here.filter(|_| ours) else {
                    return;
                };
                here.clone()
            }
        };
        if here.is_some() && !ours {
            self.adopt(object);
        }
        self.want.sessions.insert(spec.key, spec);
    }

    /// Completes `have` with all that the file asked for before, and both sides with sessions
    /// made by hand: they stay, also in a tunnel that is replaced, and a tunnel that has some is
    /// not removed.
    fn keep_by_hand(&mut self) {
        let ours = |id| self.configured.contains(&Object::Tunnel(id));
        let tunnels = self.state.tunnels.iter().filter(|(id, _)| ours(**id));
        self.have
            .tunnels
            .extend(tunnels.map(|(id, spec)| (*id, *spec)));
        for (id, spec) in self.have.tunnels.clone() {
            for session in sessions_of(self.state, id) {
                self.have.sessions.insert(session.key, session.clone());
                let ours = self.configured.contains(&Object::Session(session.key));
                if ours || self.want.sessions.contains_key(&session.key) {
                    continue;
                }
                if !self.want.tunnels.contains_key(&id) {
                    self.refuse(Object::Tunnel(id), &words::inhabited(session.key));
                    self.want.tunnels.insert(id, spec);
                }
                self.want.sessions.insert(session.key, session.clone());
                self.by_hand.insert(session.key);
            }
        }
    }

    fn origin(&self, change: &Change) -> Origin {
        match change {
            Change::AddSession(spec) if self.by_hand.contains(&spec.key) => Origin::Hand,
            Change::AddTunnel(_)
            | Change::TuneTunnel(..)
            | Change::RemoveTunnel(_)
            | Change::AddSession(_)
            | Change::TuneSession(..)
            | Change::RemoveSession(_) => Origin::File,
        }
    }

    fn refuse(&mut self, object: Object, why: &str) {
        self.plan.refused.push(format!("{object}: refused: {why}"));
    }

    fn adopt(&mut self, object: Object) {
        self.plan.steps.push(Step {
            line: Some(format!("take over {object}, made by hand")),
            task: Task::Adopt(object),
        });
    }
}

/// `spec` as its create message would make it, so that an equal object made by hand is equal. A
/// free choice of the local port is satisfied by the port that `here` has.
fn canonical_tunnel(spec: &TunnelSpec, here: Option<&TunnelSpec>) -> Result<TunnelSpec, Error> {
    let mut spec = genl::tunnel_spec(&attributes(&create_tunnel(spec, 0))?)?;
    if let Encap::Udp { local, .. } = &mut spec.encap
        && local.port() == 0
        && let Some(Encap::Udp { local: bound, .. }) = here.map(|here| here.encap)
    {
        local.set_port(bound.port());
    }
    Ok(spec)
}

fn canonical_session(spec: &SessionSpec) -> Result<SessionSpec, Error> {
    genl::session_spec(&attributes(&create_session(spec, 0))?)
}

fn attributes(message: &[u8]) -> Result<Attributes, Error> {
    let malformed = |reason: String| Error::new(Errno::EINVAL, "message", reason);
    let frame = Frames::new(message).next().and_then(Result::ok);
    let genl = frame.and_then(|frame| frame.genl());
    let (_, _, attributes) = genl.ok_or_else(|| malformed("is too long".to_owned()))?;
    Attributes::read(attributes).map_err(|refused| malformed(refused.to_string()))
}

/// Whether `have` can become `want` in place.
fn tunable(want: &TunnelSpec, have: &TunnelSpec) -> bool {
    words::tunnel_difference(have, want).is_empty()
}
