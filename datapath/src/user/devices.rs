//! The devices of sessions: made, taken over, adjusted, removed.

use crate::Error;
use crate::limits::{Limit, Without};
use crate::link::{Link, Links};
use crate::spec::Device;
use crate::sys::tap::{Joins, Layer, Tap};
use crate::user::leaving::Leaving;
use crate::user::line::Line;
use crate::user::outbox::MAX_SEGMENTS;
use crate::user::port::Interface;
use adit_wire::netlink::Errno;
use netlink_packet_route::link::LinkAttribute;
use rustix::fs::fstat;
use std::io;

/// What Linux's own l2tpeth devices are called, before their number, and their queue length.
const PREFIX: &str = "l2tpeth";
const QUEUE: u32 = 1000;

/// Super-frames of at most so many octets and segments go into one UDP message, whose bound is 64
/// segments and 65,507 octets, with the headers that each segment gets.
const MAX_SUPER_FRAME: u32 = 60_000;

/// Ethernet's header.
pub(crate) const ETHERNET: u32 = 14;
/// The MTU that a route has when there is none.
const NO_ROUTE_MTU: u32 = 1500;
/// MTUs that a TAP device takes.
const MTU_RANGE: std::ops::RangeInclusive<u32> = 68..=65521;

/// Makes and adjusts devices in the namespace where it was made.
#[derive(Debug)]
pub(crate) struct Devices {
    links: Links,
    /// Frames that devices may join at most.
    joins: Joins,
    /// How many queues devices shall have, and how many they are made with.
    queues: (usize, usize),
    /// Every smaller number of an `l2tpethN` was taken when last looked at. The kernel could find
    /// the first free one, but it looks through all devices each time.
    first_free: u32,
}

impl Devices {
    /// Devices with so many queues.
    pub(crate) fn open(queues: usize, without: Without) -> io::Result<Devices> {
        let made_with = if without.queues { 1 } else { queues };
        Ok(Devices {
            links: Links::open()?,
            joins: match (without.tso, without.uso) {
                (true, _) => Joins::Nothing,
                (false, true) => Joins::Tcp,
                (false, false) => Joins::TcpAndUdp,
            },
            queues: (queues, made_with),
            first_free: 0,
        })
    }

    /// Makes the device of a session, under the first free `l2tpethN` when no name is asked for.
    /// A name that a device on its way out has is waited for. It ends with this process until it is
    /// kept. Nothing is left when it fails.
    pub(crate) fn make(
        &mut self,
        name: Option<&str>,
        mtu: u32,
        leaving: &Leaving,
    ) -> Result<(Tap, Link), Error> {
        check_mtu(mtu)?;
        let tap = match name {
            Some(name) => self.create(name, leaving),
            None => self.create_numbered(leaving),
        }?;
        let tap = self.restrict(tap);
        let link = self.adjust(&tap, vec![LinkAttribute::Mtu(mtu)]);
        let failed = |e| Error::system(&e, "name", "cannot set up the new device");
        link.map(|link| (tap, Link { mtu, ..link })).map_err(failed)
    }

    /// A device as it is now.
    pub(crate) fn look(&mut self, index: u32) -> io::Result<Link> {
        self.links.by_index(index)
    }

    /// Makes the device of a PPP unit. EEXIST when the name is taken.
    pub(crate) fn make_unit(&mut self, name: &str) -> Result<(Tap, Link), Errno> {
        let errno = |e: io::Error| match e.raw_os_error() {
            Some(libc::EBUSY) => Errno::EEXIST,
            number => Errno(number.unwrap_or(Errno::EIO.0)),
        };
        let tun = self.restrict(Tap::create_ppp(name).map_err(errno)?);
        let link = self.adjust(&tun, Vec::new()).map_err(errno)?;
        Ok((tun, link))
    }

    /// Has a device do without what it shall, and says what it lacks in the end.
    fn restrict(&self, mut tap: Tap) -> Tap {
        if let Err(error) = tap.restrict(self.joins) {
            tracing::warn!(%error, "a device keeps its offloads");
        }
        self.limits(&tap).into_iter().for_each(Limit::warn);
        tap
    }

    /// What a session's device has to do without.
    pub(crate) fn limits(&self, tap: &Tap) -> Vec<Limit> {
        let queues = tap.queues();
        let lacks = [
            (tap.joins() < Joins::Tcp).then_some(Limit::Tso),
            (tap.joins() < Joins::TcpAndUdp).then_some(Limit::Uso),
            (tap.layer() == Layer::Ethernet && queues < self.queues.0)
                .then_some(Limit::Queues(queues)),
        ];
        lacks.into_iter().flatten().collect()
    }

    fn create(&mut self, name: &str, leaving: &Leaving) -> Result<Tap, Error> {
        check_name(name)?;
        leaving.await_name(name);
        if self.links.by_name(name).is_ok() {
            return Err(name_taken(name));
        }
        Tap::create(name, self.queues.1).map_err(|e| match e.raw_os_error() {
            Some(libc::EBUSY) => name_taken(name),
            _ => Error::system(&e, "name", &format!("cannot make device {name}")),
        })
    }

    fn create_numbered(&mut self, leaving: &Leaving) -> Result<Tap, Error> {
        loop {
            match self.create(&format!("{PREFIX}{}", self.first_free), leaving) {
                Err(e) if e.errno == Errno::EEXIST => self.first_free += 1,
                made => return made,
            }
        }
    }

    /// Makes a device again that somebody deleted, with the name and address it had.
    pub(crate) fn remake(&mut self, lost: &Link, leaving: &Leaving) -> Result<(Tap, Link), Error> {
        let (tap, link) = self.make(Some(&lost.name), lost.mtu, leaving)?;
        let address = LinkAttribute::Address(lost.address.clone());
        match self.links.set(link.index, vec![address]) {
            Ok(()) => Ok((
                tap,
                Link {
                    address: lost.address.clone(),
                    ..link
                },
            )),
            Err(error) => {
                tracing::warn!(%error, device = lost.name, "the new device has a new address");
                Ok((tap, link))
            }
        }
    }

    /// Takes over the persistent device that an earlier process left for a session.
    pub(crate) fn adopt(&mut self, device: &Device) -> Result<(Tap, Link), Error> {
        let (name, index) = (&device.name, device.index);
        let failed = |e| Error::system(&e, "name", &format!("cannot take over {name} ({index})"));
        let link = self.links.by_index(index).map_err(failed)?;
        let tap = self.restrict(Tap::adopt(&link.name, self.queues.1).map_err(failed)?);
        let link = self.adjust(&tap, Vec::new()).map_err(failed)?;
        Ok((tap, link))
    }

    /// The persistent device that an earlier process left, to be removed. One that has gone, or whose
    /// index is no free TAP device's, is nothing to remove.
    pub(crate) fn left(&mut self, device: &Device) -> Result<Option<Interface>, Error> {
        let Ok(link) = self.links.by_index(device.index) else {
            return Ok(None);
        };
        let tap = match Tap::adopt(&link.name, 1) {
            Ok(tap) => tap,
            Err(e) if matches!(e.raw_os_error(), Some(libc::EBUSY | libc::EINVAL)) => {
                return Ok(None);
            }
            Err(e) => {
                let what = format!("cannot remove {} ({})", link.name, link.index);
                return Err(Error::system(&e, "name", &what));
            }
        };
        Ok(Some(Interface::new(tap, link)))
    }

    /// Sets the queue length and `more`.
    fn adjust(&mut self, tap: &Tap, more: Vec<LinkAttribute>) -> io::Result<Link> {
        let adjusted = tap.name().and_then(|name| {
            let link = self.links.by_name(&name)?;
            let mut attributes = vec![
                LinkAttribute::TxQueueLen(QUEUE),
                LinkAttribute::GsoMaxSize(MAX_SUPER_FRAME),
                LinkAttribute::GsoMaxSegs(MAX_SEGMENTS as u32),
            ];
            attributes.extend(more);
            self.links.set(link.index, attributes)?;
            Ok(link)
        });
        if adjusted.is_err() {
            // The descriptor is about to close, and the device shall go with it.
            let _ = tap.forget();
        }
        adjusted
    }

    /// Sets a device's MTU.
    pub(crate) fn set_mtu(&mut self, device: &Interface, mtu: u32) -> Result<(), Error> {
        check_mtu(mtu)?;
        if device.is_away() {
            let text = format!(
                "{mtu} cannot be set from here, the device is in another network namespace; \
                 set it there, with ip link"
            );
            return Err(Error::new(Errno::ENODEV, "mtu", text));
        }
        self.links
            .set(device.index, vec![LinkAttribute::Mtu(mtu)])
            .map_err(|e| Error::system(&e, "mtu", &format!("cannot set MTU {mtu}")))
    }

    /// Notes that a device is on its way out, whose name will be free.
    pub(crate) fn release(&mut self, device: &Interface) {
        let name = device.link().name;
        if let Some(number) = name.strip_prefix(PREFIX).and_then(|n| n.parse().ok()) {
            self.first_free = self.first_free.min(number);
        }
    }
}

/// The MTU of a session's device by Linux's rule: what the path leaves behind all headers, or
/// 1500 minus these where it is too small.
pub(crate) fn mtu_of(line: &Line, path_mtu: u32) -> u32 {
    let overhead = line.overhead() as u32 + ETHERNET;
    let fits = path_mtu
        .checked_sub(overhead)
        .filter(|mtu| MTU_RANGE.contains(mtu));
    fits.unwrap_or(NO_ROUTE_MTU - overhead)
}

fn check_mtu(mtu: u32) -> Result<(), Error> {
    if MTU_RANGE.contains(&mtu) {
        return Ok(());
    }
    let (low, high) = (MTU_RANGE.start(), MTU_RANGE.end());
    let text = format!("{mtu} is out of range; give one from {low} to {high}");
    Err(Error::new(Errno::EINVAL, "mtu", text))
}

fn check_name(name: &str) -> Result<(), Error> {
    let legal = |c: char| !c.is_whitespace() && !matches!(c, '/' | ':' | '%' | '\0');
    if matches!(name.len(), 1..=15) && !matches!(name, "." | "..") && name.chars().all(legal) {
        return Ok(());
    }
    let text = format!(
        "{name:?} is no interface name; use 1 to 15 characters without blanks, '/', ':' and '%'"
    );
    Err(Error::new(Errno::EINVAL, "name", text))
}

fn name_taken(name: &str) -> Error {
    let text = format!("an interface {name} exists; choose another name or delete it");
    Error::new(Errno::EEXIST, "name", text)
}

/// Whether a device's index means it.
pub(crate) fn is_near(device: &Interface) -> bool {
    !device.is_away() && is_here(&device.tap)
}

/// Whether the device is in this process's namespace.
pub(crate) fn is_here(tap: &Tap) -> bool {
    let there = tap.namespace().and_then(|ns| Ok(fstat(ns)?));
    let here = std::fs::File::open("/proc/thread-self/ns/net").and_then(|ns| Ok(fstat(ns)?));
    match (there, here) {
        (Ok(there), Ok(here)) => (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino),
        (Err(_), _) | (_, Err(_)) => false,
    }
}
