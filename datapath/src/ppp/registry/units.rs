//! Units of the registry: made, joined by channels, ended.

use super::{PATIENCE, Ppp, Registry};
use crate::ppp::channel::{Channel, Stage};
use crate::ppp::end::End;
use crate::ppp::unit::Unit;
use crate::user::devices::Devices;
use crate::user::port::{Interface, Port};
use crate::user::tx::{Source, TxOrder};
use adit_wire::netlink::Errno;
use std::ops::RangeInclusive;
use std::sync::{Arc, MutexGuard, PoisonError};

impl Ppp {
    /// Makes unit and device of a number, or of the lowest that is free.
    pub(in crate::ppp) fn make_unit(&self, wanted: Option<u32>) -> Result<Arc<Unit>, Errno> {
        let workers = self.workers()?;
        let mut registry = self.wait_for(wanted);
        let mut index = wanted.unwrap_or_else(|| registry.lowest_from(0));
        if registry.units.contains_key(&index) {
            return Err(Errno::EEXIST);
        }
        let device = loop {
            match self.devices().make_unit(&format!("ppp{index}")) {
                // Somebody else's device has the name.
                Err(Errno::EEXIST) if wanted.is_none() => {
                    index = registry.lowest_from(index + 1);
                }
                made => break made?,
            }
        };
        let device = Arc::new(Interface::new(device.0, device.1));
        let unit = Arc::new(Unit::new(index, workers.device_number(), device.clone()));
        self.0.watched.add(device.clone());
        let source = Source::Idle(unit.clone(), device);
        let tx = workers.tx_of(unit.number);
        tx.order(TxOrder::Attach(unit.number, source));
        registry.units.insert(index, unit.clone());
        Ok(unit)
    }

    fn devices(&self) -> MutexGuard<'_, Devices> {
        let devices = self.0.devices.lock();
        devices.unwrap_or_else(PoisonError::into_inner)
    }

    /// The registry, once no former unit is in the way of a new one.
    fn wait_for(&self, wanted: Option<u32>) -> MutexGuard<'_, Registry> {
        let in_the_way = |registry: &mut Registry| match wanted {
            Some(index) => registry.is_any_ending(index..=index),
            None => registry.is_any_ending(0..=registry.lowest_from(0)),
        };
        let registry = self.lock();
        let waited = self
            .0
            .reaped
            .wait_timeout_while(registry, PATIENCE, in_the_way)
            .unwrap_or_else(PoisonError::into_inner);
        waited.0
    }

    /// Ends a unit: its channels lead nowhere until they are taken out of it, its device goes.
    pub(in crate::ppp) fn end_unit(&self, registry: &mut Registry, unit: &Arc<Unit>) {
        for channel in unit.channels().drain(..) {
            channel.enter(Stage::Ended);
        }
        registry.units.remove(&unit.index);
        unit.readers.hang_up();
        if let Ok(workers) = self.workers() {
            let tx = workers.tx_of(unit.number);
            tx.order(TxOrder::Detach(unit.number));
        }
        if let Some(device) = unit.end() {
            self.0.watched.remove(unit.ifindex);
            registry.dying.insert(unit.index);
            let _ = self.0.reaper.send((unit.index, device));
        }
    }

    /// Lets go of an ended unit's device once no thread uses it, and of the unit's number.
    pub(super) fn reap(&self, index: u32, device: Arc<Interface>) {
        if let Ok(workers) = self.workers() {
            workers.settle();
        }
        drop(device);
        self.lock().dying.remove(&index);
        self.0.reaped.notify_all();
    }

    /// Puts a free channel into a unit.
    pub(in crate::ppp) fn join(
        &self,
        channel: &Arc<Channel>,
        unit: &Arc<Unit>,
    ) -> Result<(), Errno> {
        let device = unit.device().ok_or(Errno::ENXIO)?;
        let port = Port::of_unit(channel.line.clone(), device, unit.clone());
        channel.enter(Stage::Unit(Arc::new(port)));
        unit.channels().push(channel.clone());
        self.redirect(unit)
    }

    /// Takes a channel, which has ceased to be in the unit of `port`, out of it.
    pub(in crate::ppp) fn leave(&self, channel: &Arc<Channel>, port: &Port) {
        let Some(unit) = port.unit() else { return };
        let mut channels = unit.channels();
        channels.retain(|other| !Arc::ptr_eq(other, channel));
        let empty = channels.is_empty();
        drop(channels);
        let _ = self.redirect(unit);
        if empty && !unit.loops() {
            unit.readers.pause();
        }
    }

    /// Has the unit's packets leave by the channel that it sends by, or go nowhere.
    pub(super) fn redirect(&self, unit: &Arc<Unit>) -> Result<(), Errno> {
        let first = unit.sender().map(|channel| channel.stage());
        let device = unit.device().ok_or(Errno::ENXIO)?;
        let source = match first {
            Some(Stage::Unit(port)) => Source::Port(port, 0),
            Some(_) | None => Source::Idle(unit.clone(), device),
        };
        let workers = self.workers()?;
        let tx = workers.tx_of(unit.number);
        tx.order(TxOrder::Detach(unit.number));
        tx.order(TxOrder::Attach(unit.number, source));
        tx.settle();
        Ok(())
    }
}

impl Registry {
    /// Whether one of these numbers will soon be free, as its unit or what is left of it goes.
    fn is_any_ending(&self, numbers: RangeInclusive<u32>) -> bool {
        let units = self.units.range(numbers.clone());
        let owners: Vec<&End> = units.filter_map(|(_, unit)| unit.owner()).collect();
        self.dying.range(numbers).next().is_some() || End::is_any_closed(&owners)
    }

    /// The lowest number from `lowest` on that no unit has.
    fn lowest_from(&self, mut lowest: u32) -> u32 {
        while self.units.contains_key(&lowest) {
            lowest += 1;
        }
        lowest
    }
}
