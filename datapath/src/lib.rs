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
use spec::{Change, Device, Inventory, SessionKey, SessionSpec};

/// Something that moves packets as told: in user space today.
///
/// Every call returns when its effect is there; packets never wait for it.
pub trait Datapath: Send {
    /// Makes `change` true. Applied twice it is applied once: what is already so stays untouched,
    /// and a session whose device has gone gets it back.
    fn apply(&mut self, change: &Change) -> Result<(), Error>;

    /// Adds a session whose device an earlier process left behind. ENODEV when it is not there.
    fn adopt(&mut self, session: &SessionSpec, device: &Device) -> Result<(), Error>;

    /// Removes `device`, which an earlier process left behind and no session wants. One that has
    /// gone, or that is no longer what it was, is nothing to remove.
    fn discard(&mut self, device: &Device) -> Result<(), Error>;

    /// What is really there: a tunnel with its socket, a session with its device.
    fn inventory(&mut self) -> Inventory;

    /// The device of a session.
    fn device(&mut self, session: SessionKey) -> Result<Device, Error>;

    /// Whether a session sends sequence numbers now: as it was told to, or as it has followed its
    /// peer since.
    fn send_seq(&mut self, session: SessionKey) -> Result<bool, Error>;

    /// The counters of a tunnel: the sums over its sessions past and present, and what belonged
    /// to none of them.
    fn tunnel_counters(&mut self, tunnel: TunnelId) -> Result<Counters, Error>;

    /// The counters of a session.
    fn session_counters(&mut self, session: SessionKey) -> Result<Counters, Error>;
}
