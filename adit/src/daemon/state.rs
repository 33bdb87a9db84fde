//! What the tasks of the daemon share.

use super::engine::{Engine, Report};
use super::programs::Programs;
use adit_datapath::Error;
use adit_datapath::spec::Inventory;
use adit_wire::netlink::Errno;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;
use tokio::sync::{Notify, broadcast};

/// Reads a configuration file, or says what is wrong with it, a line a fault.
pub(super) type Load = fn(&Path) -> Result<Inventory, Vec<String>>;

/// The engine and what it takes to reload.
pub(super) struct State {
    pub(super) engine: Engine,
    pub(super) config: Option<PathBuf>,
    pub(super) load: Load,
    /// Told after every request that may have changed what is due when.
    pub(super) changed: Rc<Notify>,
    /// What supervised programs hold.
    pub(super) programs: Programs,
    /// What is told to members of the family's multicast group.
    pub(super) news: broadcast::Sender<Rc<[u8]>>,
}

impl State {
    /// Applies the difference between the configuration file and the state, or only tells it. A
    /// file that cannot be read changes nothing.
    pub(super) fn reload(&mut self, dry_run: bool) -> Result<Report, Error> {
        let Some(path) = &self.config else {
            let text = "the daemon has no configuration file; start it with --config FILE";
            return Err(Error::new(Errno::EINVAL, "config", text));
        };
        let report = match (self.load)(path) {
            Ok(file) => self.engine.reload(&file, dry_run, Instant::now()),
            Err(faults) => Report::of_faults(faults),
        };
        if !dry_run {
            report.log();
        }
        Ok(report)
    }
}
