//! Decisions to moving packets.
//!
//! [`spec`] says what there should be, [`Datapath`] makes it so, [`reconcile::diff`] tells the
//! changes between what should be and what is, [`counters`] counts every packet, dropped ones by
//! [`DropReason`](counters::DropReason). [`user`] is the data path in user space.
#![deny(unsafe_code)]

pub mod counters;
pub mod reconcile;
pub mod spec;
pub mod user;

mod error;
mod link;
mod sys;

pub use error::Error;

use adit_wire::l2tp::TunnelId;
use counters::Counters;
use spec::{Change, Device, Inventory, Sequencing, SessionKey, SessionSpec};

/// Something that moves packets as told: in user space today.
///
/// Every call returns when its effect is there; packets never wait for it.
pub trait Datapath: Send {
    /// Makes `change` true. Applied twice it is applied once: what is already so stays untouched,
    /// and a session whose device has gone gets it back.
    fn apply(&mut self, change: &Change) -> Result<(), Error>;

    /// Adds a session that an earlier process had, numbering its packets from `from` on: on
    /// `device`, which that process left behind (ENODEV when it is not there), or on a new one. A
    /// session that is there already goes on numbering by itself.
    fn resume(
        &mut self,
        session: &SessionSpec,
        device: Option<&Device>,
        from: Sequencing,
    ) -> Result<(), Error>;

    /// Removes `device`, which an earlier process left behind and no session wants. One that has
    /// gone, or that is no longer what it was, is nothing to remove.
    fn discard(&mut self, device: &Device) -> Result<(), Error>;

    /// Removes sessions together, which may take no longer than removing one.
    fn remove_sessions(&mut self, sessions: &[SessionKey]) -> Result<(), Error> {
        sessions
            .iter()
            .try_for_each(|key| self.apply(&Change::RemoveSession(*key)))
    }

    /// What is really there: a tunnel with its socket, a session with its device.
    fn inventory(&mut self) -> Inventory;

    /// The device of a session, if it is of a kind that has one.
    fn device(&mut self, session: SessionKey) -> Result<Option<Device>, Error>;

    /// How a session numbers its packets now.
    fn sequencing(&mut self, session: SessionKey) -> Result<Sequencing, Error>;

    /// The counters of a tunnel: the sums over its sessions past and present, and what belonged
    /// to none of them.
    fn tunnel_counters(&mut self, tunnel: TunnelId) -> Result<Counters, Error>;

    /// The counters of a session.
    fn session_counters(&mut self, session: SessionKey) -> Result<Counters, Error>;
}
