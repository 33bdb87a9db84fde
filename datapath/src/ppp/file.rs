use super::channel::{Channel, Stage};
use super::end::End;
use super::filter::Filter;
use super::registry::Ppp;
use super::route::NpMode;
use super::unit::{FilterKind, Idle, Unit};
use super::worker::EndOrder;
use adit_wire::netlink::Errno;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// One open `/dev/ppp`: a program's frames and, by these calls, its orders. Each refusal is the
/// kernel's. Dropped, it is closed.
#[derive(Debug)]
pub struct File {
    shared: Arc<Shared>,
    ppp: Ppp,
}

/// What a file is attached to, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    None,
    /// A channel.
    Channel(u32),
    /// A unit.
    Unit(u32),
}

/// A file as the thread that reads it knows it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) number: u64,
    pub(super) end: Arc<End>,
    role: RwLock<Role>,
}

/// What a file is attached to.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    None,
    Channel(Arc<Channel>),
    /// With `true` the unit ends with the file.
    Unit(Arc<Unit>, bool),
    Closed,
}

impl File {
    pub(super) fn new(shared: Arc<Shared>, ppp: Ppp) -> File {
        File { shared, ppp }
    }

    /// What the file is attached to.
    pub fn kind(&self) -> Kind {
        match &*self.shared.role() {
            Role::None | Role::Closed => Kind::None,
            Role::Channel(channel) => Kind::Channel(channel.number()),
            Role::Unit(unit, _) => Kind::Unit(unit.index),
        }
    }

    /// Attaches the file to a channel (PPPIOCATTCHAN). ENOTTY when it is attached, ENXIO when there
    /// is no such channel.
    pub fn attach_channel(&self, number: u32) -> Result<(), Errno> {
        let registry = self.ppp.lock();
        self.unattached()?;
        let channel = registry.channels.get(&number).ok_or(Errno::ENXIO)?;
        self.shared.enter(Role::Channel(channel.clone()));
        let Shared { number, end, .. } = &*self.shared;
        channel.readers.add(*number, end.clone());
        Ok(())
    }

    /// Makes a unit, which ends with the file (PPPIOCNEWUNIT): of this number, or of the lowest
    /// that is free. Gives its number. ENOTTY when the file is attached, EEXIST when the unit
    /// exists.
    ///
    /// The device is made in the network namespace of the calling thread.
    pub fn new_unit(&self, wanted: Option<u32>) -> Result<u32, Errno> {
        self.unattached()?;
        let unit = self.ppp.make_unit(wanted)?;
        let mut registry = self.ppp.lock();
        let attached = self.unattached();
        match attached {
            Ok(()) => self.attach(&unit, true),
            // Closed or attached meanwhile, by another thread.
            Err(_) => self.ppp.end_unit(&mut registry, &unit),
        }
        attached.map(|()| unit.index)
    }

    /// Attaches the file to a unit that another one made (PPPIOCATTACH). ENOTTY when it is
    /// attached, ENXIO when there is no such unit.
    pub fn attach_unit(&self, number: u32) -> Result<(), Errno> {
        let registry = self.ppp.lock();
        self.unattached()?;
        let unit = registry.units.get(&number).ok_or(Errno::ENXIO)?;
        self.attach(unit, false);
        Ok(())
    }

    fn attach(&self, unit: &Arc<Unit>, owner: bool) {
        let Shared { number, end, .. } = &*self.shared;
        unit.readers.add(*number, end.clone());
        if owner {
            unit.belong_to(end.clone());
        }
        self.shared.enter(Role::Unit(unit.clone(), owner));
    }

    fn unattached(&self) -> Result<(), Errno> {
        match &*self.shared.role() {
            Role::None => Ok(()),
            Role::Channel(_) | Role::Unit(..) => Err(Errno::ENOTTY),
            Role::Closed => Err(Errno::EBADF),
        }
    }

    fn channel(&self) -> Result<Arc<Channel>, Errno> {
        match &*self.shared.role() {
            Role::Channel(channel) => Ok(channel.clone()),
            Role::None | Role::Unit(..) => Err(Errno::ENOTTY),
            Role::Closed => Err(Errno::EBADF),
        }
    }

    fn of_unit(&self) -> Result<Arc<Unit>, Errno> {
        match &*self.shared.role() {
            Role::Unit(unit, _) => Ok(unit.clone()),
            Role::None | Role::Channel(_) => Err(Errno::ENOTTY),
            Role::Closed => Err(Errno::EBADF),
        }
    }

    /// Puts the channel into a unit (PPPIOCCONNECT). ENXIO when there is no such unit, EINVAL when
    /// the channel is in a unit or bridged, ENOTCONN when its session is gone.
    pub fn connect(&self, unit: u32) -> Result<(), Errno> {
        let channel = self.channel()?;
        let registry = self.ppp.lock();
        let unit = registry.units.get(&unit).ok_or(Errno::ENXIO)?;
        match channel.stage() {
            Stage::Unit(_) | Stage::Ended | Stage::Terminal(..) | Stage::Bridge(_) => {
                Err(Errno::EINVAL)
            }
            Stage::Gone => Err(Errno::ENOTCONN),
            Stage::Unclaimed | Stage::Socket(_) | Stage::Free => self.ppp.join(&channel, unit),
        }
    }

    /// Takes the channel out of its unit (PPPIOCDISCONN), be that there still or not. EINVAL when it
    /// is in none.
    pub fn disconnect(&self) -> Result<(), Errno> {
        let channel = self.channel()?;
        let _registry = self.ppp.lock();
        match channel.stage() {
            Stage::Unit(port) => {
                channel.enter(Stage::Free);
                self.ppp.leave(&channel, &port);
            }
            Stage::Ended => drop(channel.enter(Stage::Free)),
            Stage::Unclaimed
            | Stage::Socket(_)
            | Stage::Free
            | Stage::Terminal(..)
            | Stage::Bridge(_)
            | Stage::Gone => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// Has all frames of the channel leave by another one, and the other way round
    /// (PPPIOCBRIDGECHAN): a tunnel switch. ENXIO when there is no such channel, EALREADY when
    /// either is in a unit or bridged.
    pub fn bridge(&self, other: u32) -> Result<(), Errno> {
        let channel = self.channel()?;
        let registry = self.ppp.lock();
        let other = registry.channels.get(&other).ok_or(Errno::ENXIO)?;
        for one in [&channel, other] {
            match one.stage() {
                Stage::Unit(_) | Stage::Ended | Stage::Terminal(..) | Stage::Bridge(_) => {
                    return Err(Errno::EALREADY);
                }
                Stage::Gone => return Err(Errno::ENOTCONN),
                Stage::Unclaimed | Stage::Socket(_) | Stage::Free => {}
            }
        }
        if Arc::ptr_eq(&channel, other) {
            return Err(Errno::EALREADY);
        }
        channel.enter(Stage::Bridge(other.clone()));
        other.enter(Stage::Bridge(channel.clone()));
        Ok(())
    }

    /// Ends a bridge (PPPIOCUNBRIDGECHAN). EINVAL when there is none.
    pub fn unbridge(&self) -> Result<(), Errno> {
        let channel = self.channel()?;
        let _registry = self.ppp.lock();
        let Stage::Bridge(other) = channel.stage() else {
            return Err(Errno::EINVAL);
        };
        channel.enter(Stage::Free);
        other.enter(Stage::Free);
        Ok(())
    }

    /// The number of the unit (PPPIOCGUNIT). This and all that follow give ENOTTY for a file that
    /// is not attached to a unit.
    pub fn unit(&self) -> Result<u32, Errno> {
        self.of_unit().map(|unit| unit.index)
    }

    /// The name of the unit's device, as it is now. ENXIO when the unit has ended.
    pub fn device_name(&self) -> Result<String, Errno> {
        let device = self.of_unit()?.device().ok_or(Errno::ENXIO)?;
        Ok(device.link().name)
    }

    /// The unit's flags (PPPIOCGFLAGS).
    pub fn flags(&self) -> Result<u32, Errno> {
        self.of_unit().map(|unit| unit.flags())
    }

    /// Sets those flags that a program may set (PPPIOCSFLAGS).
    pub fn set_flags(&self, flags: u32) -> Result<(), Errno> {
        self.of_unit().map(|unit| unit.set_flags(flags))
    }

    /// The unit's MRU in octets (PPPIOCGMRU). It is kept for who asks: longer frames are taken.
    pub fn mru(&self) -> Result<u32, Errno> {
        self.of_unit().map(|unit| unit.mru())
    }

    /// Sets the unit's MRU (PPPIOCSMRU).
    pub fn set_mru(&self, mru: u32) -> Result<(), Errno> {
        self.of_unit().map(|unit| unit.set_mru(mru))
    }

    /// The unit's debug level (PPPIOCGDEBUG), which is kept for who asks.
    pub fn debug(&self) -> Result<u32, Errno> {
        self.of_unit().map(|unit| unit.debug())
    }

    /// Sets the unit's debug level (PPPIOCSDEBUG).
    pub fn set_debug(&self, debug: u32) -> Result<(), Errno> {
        self.of_unit().map(|unit| unit.set_debug(debug))
    }

    /// What becomes of the packets of a network protocol (PPPIOCGNPMODE). EINVAL for a protocol
    /// that has no mode.
    pub fn np_mode(&self, protocol: u16) -> Result<NpMode, Errno> {
        self.of_unit()?.mode(protocol)
    }

    /// Sets what becomes of the packets of a network protocol (PPPIOCSNPMODE).
    pub fn set_np_mode(&self, protocol: u16, mode: NpMode) -> Result<(), Errno> {
        self.of_unit()?.set_mode(protocol, mode)
    }

    /// Takes TCP with compressed headers (RFC 1144) from now on, by the word of PPPIOCSMAXCID: the
    /// largest id of a connection to receive in its high half, where 0 means 15, and the largest
    /// to send in its low half, of which no use is made. EINVAL when either is beyond 254.
    pub fn set_max_connections(&self, word: u32) -> Result<(), Errno> {
        let unit = self.of_unit()?;
        let (receive, send) = match word >> 16 {
            0 => (15, word),
            receive => (receive, word & 0xffff),
        };
        if receive.max(send) > 254 {
            return Err(Errno::EINVAL);
        }
        unit.decompress_up_to(receive as u8);
        Ok(())
    }

    /// How long the unit has carried nothing that counts (PPPIOCGIDLE).
    pub fn idle(&self) -> Result<Idle, Errno> {
        self.of_unit().map(|unit| unit.idle())
    }

    /// Sets or clears a filter (PPPIOCSPASS, PPPIOCSACTIVE).
    pub fn set_filter(&self, kind: FilterKind, filter: Option<Filter>) -> Result<(), Errno> {
        self.of_unit().map(|unit| unit.set_filter(kind, filter))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.ppp.release(&self.shared);
        if let Ok(workers) = self.ppp.workers() {
            workers.ends.order(EndOrder::Forget(self.shared.number));
        }
    }
}

impl Shared {
    pub(super) fn new(number: u64, end: End) -> Shared {
        Shared {
            number,
            end: Arc::new(end),
            role: RwLock::new(Role::None),
        }
    }

    pub(super) fn role(&self) -> RwLockReadGuard<'_, Role> {
        self.role.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what the file is attached to; gives what it was. A closed file stays closed.
    pub(super) fn enter(&self, role: Role) -> Role {
        let mut now = self.role.write().unwrap_or_else(PoisonError::into_inner);
        match &*now {
            Role::Closed => Role::Closed,
            Role::None | Role::Channel(_) | Role::Unit(..) => std::mem::replace(&mut now, role),
        }
    }
}
