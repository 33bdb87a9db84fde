//! What the tasks of the daemon share.

use super::answer::{Answer, Given, Manner};
use super::engine::{Engine, Object, Report};
use super::genl::{self, Extra, Header, Order};
use super::plane::{Plane, Target};
use super::ppp::Endpoints;
use super::programs::Programs;
use crate::config::Config;
use adit_datapath::spec::{Change, SessionKey};
use adit_datapath::{Departure, Error};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::Errno;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;

/// Reads a configuration file, or says what is wrong with it, a line a fault.
pub(super) type Load = fn(&Path) -> Result<Config, Vec<String>>;

/// The engine and what it takes to reload.
pub(super) struct State {
    pub(super) engine: Engine,
    pub(super) plane: Plane,
    pub(super) config: Option<PathBuf>,
    pub(super) load: Load,
    /// Told after every request that may have changed what is due when.
    pub(super) changed: Rc<Notify>,
    /// What supervised programs hold.
    pub(super) programs: Programs,
    /// Those who speak PPP on calls.
    pub(super) endpoints: Endpoints,
    /// What is told to members of the family's multicast group.
    pub(super) news: Vec<Sender<adit_kapi::protocol::Answer>>,
}

impl State {
    /// Does what `packet` asks for. It may be answered once the devices are gone that this has
    /// removed, for their names are free then.
    pub(super) fn obey(
        &mut self,
        packet: &[u8],
        manner: Manner,
        given: Given,
    ) -> (Answer, Departure) {
        self.changed.notify_one();
        // What went before is nothing to wait for.
        drop(self.engine.departure());
        let answer = Answer::to(packet, manner, given, self);
        (answer, self.engine.departure())
    }

    /// Applies the difference between the configuration file and the state, or only tells it. A
    /// file that cannot be read changes nothing.
    pub(super) fn reload(&mut self, dry_run: bool) -> Result<Report, Error> {
        let Some(path) = &self.config else {
            let text = "the daemon has no configuration file; start it with --config FILE";
            return Err(Error::new(Errno::EINVAL, "config", text));
        };
        let report = match (self.load)(path) {
            Ok(file) => self.apply(&file, dry_run),
            Err(faults) => Report::of_faults(faults),
        };
        if !dry_run {
            report.log();
        }
        Ok(report)
    }

    /// Makes the state what `file` says, or only tells what that takes.
    pub(super) fn apply(&mut self, file: &Config, dry_run: bool) -> Report {
        let State { engine, plane, .. } = self;
        let mut report = engine.reload(&file.inventory, dry_run, Instant::now());
        report
            .lines
            .extend(plane.reload(&file.policy, dry_run, engine));
        report
    }

    /// The message that tells of a tunnel.
    pub(super) fn tunnel_message(&mut self, header: Header, id: TunnelId) -> Option<Vec<u8>> {
        let details = self.plane.tunnel_details(id);
        self.engine.tunnel_message(header, id, details)
    }

    /// The message that tells of a session.
    pub(super) fn session_message(&mut self, header: Header, key: SessionKey) -> Option<Vec<u8>> {
        let details = self.plane.session_details(key);
        self.engine.session_message(header, key, details)
    }

    /// The message that tells of what Linux makes of a tunnel's management socket.
    pub(super) fn management_message(&mut self, header: Header, id: TunnelId) -> Option<Vec<u8>> {
        let spec = self.programs.management_session(id)?;
        let tunnel = self.engine.desired().tunnels.get(&id)?;
        let nothing = Extra::default();
        Some(genl::session(header, tunnel, &spec, None, &nothing))
    }

    /// Does what is asked to a tunnel or call that is set up by protocol.
    pub(super) fn control(&mut self, order: Order, target: &Target) -> Result<(), Error> {
        let State { engine, plane, .. } = self;
        match order {
            Order::Start => plane.start(target, engine),
            Order::Stop => plane.stop(target, engine),
            Order::Drain => plane.drain(target, engine),
        }
    }

    /// Whether a change is about what a control protocol has set up and may not be made without
    /// its peer.
    pub(super) fn is_negotiated(&self, change: &Change) -> bool {
        let tunnel = match change {
            Change::RemoveTunnel(id) => *id,
            Change::RemoveSession(key) => key.tunnel,
            Change::AddSession(spec) => spec.key.tunnel,
            Change::AddTunnel(_) | Change::TuneTunnel(..) | Change::TuneSession(..) => {
                return false;
            }
        };
        self.engine.is_negotiated(Object::Tunnel(tunnel))
    }

    /// Makes such a change by the control protocol.
    pub(super) fn control_by_change(&mut self, change: &Change) -> Result<(), Error> {
        let target = match change {
            Change::RemoveTunnel(id) => Target::Tunnel(*id),
            Change::RemoveSession(key) => Target::Session(*key),
            Change::AddSession(_)
            | Change::AddTunnel(_)
            | Change::TuneTunnel(..)
            | Change::TuneSession(..) => {
                let text = "the tunnel was set up by protocol, and so are its sessions; \
                            add the call to the configuration file";
                return Err(Error::new(Errno::EINVAL, "tunnel_id", text));
            }
        };
        self.control(Order::Stop, &target)
    }
}
