use crate::counters::DropReason;
use crate::fast::Held;
use crate::link::Link;
use crate::ppp::Unit;
use crate::spec::{Mss, SessionKey};
use crate::sys::tap::{Layer, Tap};
use crate::user::devices::ETHERNET;
use crate::user::inner::clamp::{self, Most};
use crate::user::inner::too_big;
use crate::user::line::Line;
use crate::user::offload::VirtioHeader;
use crate::user::session::Session;
use std::io::{self, IoSlice};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A device and the session that carries its frames to a peer.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) line: Arc<Line>,
    pub(crate) device: Arc<Interface>,
    /// For a device of PPP, whose packets it is.
    unit: Option<Arc<Unit>>,
    /// Held by the one of several sending threads that numbers packets.
    numbering: Mutex<()>,
}

impl Port {
    /// A session with a device of its own.
    pub(crate) fn new(line: Arc<Line>, device: Arc<Interface>) -> Port {
        Port {
            line,
            device,
            unit: None,
            numbering: Mutex::new(()),
        }
    }

    /// A PPP unit by one of its channels.
    pub(crate) fn of_unit(line: Arc<Line>, device: Arc<Interface>, unit: Arc<Unit>) -> Port {
        Port {
            line,
            device,
            unit: Some(unit),
            numbering: Mutex::new(()),
        }
    }

    /// What a sending thread holds from before it takes frames until their packets have left, where
    /// the session numbers packets and other threads send some of them.
    pub(crate) fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        let shared = self.device.tap.queues() > 1 && self.line.session.numbers();
        let turn = || {
            self.numbering
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        shared.then(turn)
    }

    /// Octets between the L2TP header and a frame of the device: PPP's Address, Control and
    /// Protocol.
    pub(crate) fn prefix_len(&self) -> usize {
        self.unit.as_ref().map_or(0, |_| 4)
    }

    /// Octets of the longest frame that may be sent, where that is known beforehand.
    pub(crate) fn longest_frame(&self) -> Option<usize> {
        let payload = self.line.longest_payload()?;
        Some(payload.saturating_sub(self.prefix_len()))
    }

    /// The PPP unit that the device is of.
    pub(crate) fn unit(&self) -> Option<&Arc<Unit>> {
        self.unit.as_ref()
    }

    /// What has to change of the segment size that a TCP SYN in `frame` names, where the session
    /// shall keep it to a bound.
    pub(crate) fn excess(&self, frame: &[u8]) -> Option<clamp::Place> {
        let most = match self.line.session.tuning.mss()? {
            Mss::Octets(octets) => Most::Size(octets),
            Mss::Auto => {
                let before = self.line.overhead() as u32
                    + match self.device.tap.layer() {
                        Layer::Ethernet => ETHERNET,
                        Layer::Ip => self.prefix_len() as u32,
                    };
                let admitted = self.line.outer.path.mtu().saturating_sub(before);
                Most::Mtu(admitted.min(self.device.mtu.load(Relaxed)))
            }
        };
        clamp::excess(self.device.tap.layer(), frame, most)
    }

    /// Drops `count` frames, of which `frame` is the first: they are longer than the path admits.
    /// Its sender is told by a frame back, if it is IP and there have not been many of late.
    pub(crate) fn refuse(&self, frame: &[u8], longest: usize, count: usize) {
        self.line.drop_unsent(DropReason::TooBig, count);
        let told = self.line.session.answers.take();
        let layer = self.device.tap.layer();
        if let Some(answer) = told
            .then(|| too_big::answer(layer, frame, longest))
            .flatten()
        {
            let virtio = VirtioHeader::PLAIN.write();
            // A device that is down or full takes none, and its sender will ask again.
            let _ = self
                .device
                .tap
                .write(&[IoSlice::new(&virtio), IoSlice::new(&answer)]);
        }
    }
}

/// A network device whose other side is here.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) tap: Tap,
    /// Interface index, in the namespace where the device was made.
    pub(crate) index: u32,
    pub(crate) mtu: AtomicU32,
    /// The MTU that it was last given without being asked; 0 when somebody asked for one.
    automatic: AtomicU32,
    /// The largest of these.
    largest: AtomicU32,
    /// The device as it was last seen.
    link: Mutex<Link>,
    lost: AtomicBool,
    /// It is in another namespace, or was and came back under another index.
    away: AtomicBool,
    /// It shall outlive the process.
    kept: AtomicBool,
    /// The session that it is of; a device of PPP's is of none.
    session: Option<Arc<Session>>,
    /// The program at it, once the session has no use for it.
    parked: Mutex<Option<Held>>,
}

impl Interface {
    pub(crate) fn new(tap: Tap, link: Link) -> Interface {
        Interface {
            tap,
            index: link.index,
            mtu: AtomicU32::new(link.mtu),
            automatic: AtomicU32::new(0),
            largest: AtomicU32::new(0),
            link: Mutex::new(link),
            lost: AtomicBool::new(false),
            away: AtomicBool::new(false),
            kept: AtomicBool::new(false),
            session: None,
            parked: Mutex::default(),
        }
    }

    /// The device of a session.
    pub(crate) fn of_session(mut self, session: Arc<Session>) -> Interface {
        self.session = Some(session);
        self
    }

    /// The device as it was last seen.
    pub(crate) fn link(&self) -> Link {
        self.link
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets the device outlive the process, as long as it is where a later one would look for it.
    pub(crate) fn keep(&self) -> io::Result<()> {
        self.kept.store(true, Relaxed);
        match self.is_away() {
            true => Ok(()),
            false => self.tap.keep(),
        }
    }

    /// Whether the interface index says nothing, for the device is in another namespace.
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Relaxed)
    }

    /// Notes that the device has gone to another namespace, or has come back from there.
    pub(crate) fn move_away(&self, away: bool) {
        if self.away.swap(away, Relaxed) == away || !self.kept.load(Relaxed) {
            return;
        }
        let done = match away {
            true => self.tap.forget(),
            false => self.tap.keep(),
        };
        if let Err(error) = done {
            let device = self.link().name;
            tracing::warn!(%error, device, "whether the device outlives the daemon is not settled");
        }
    }

    /// Leaves the program at the device to whoever removes that, for it takes the kernel a while to
    /// detach it.
    pub(crate) fn park(&self, program: Held) {
        *self.parked.lock().unwrap_or_else(PoisonError::into_inner) = Some(program);
    }

    /// The program that was left.
    pub(crate) fn unpark(&self) -> Option<Held> {
        self.parked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Notes what the device is now. Gives the session whose device has been brought up or down.
    pub(crate) fn see(&self, link: Link) -> Option<SessionKey> {
        self.mtu.store(link.mtu, Relaxed);
        let up = link.up;
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = link;
        let session = self.session.as_ref().filter(|session| session.switch(up));
        session.map(|session| session.key)
    }

    /// Notes that it has this MTU because the path admits it.
    pub(crate) fn set_automatic(&self, mtu: u32) {
        self.mtu.store(mtu, Relaxed);
        self.automatic.store(mtu, Relaxed);
        self.largest.fetch_max(mtu, Relaxed);
    }

    /// Notes that somebody asked for this MTU.
    pub(crate) fn set_by_hand(&self, mtu: u32) {
        self.automatic.store(0, Relaxed);
        self.mtu.store(mtu, Relaxed);
    }

    /// Whether its MTU may follow the path: nobody has asked for one, nor set one on the device.
    pub(crate) fn is_automatic(&self) -> bool {
        self.automatic.load(Relaxed) == self.mtu.load(Relaxed)
    }

    /// The longest packets taken from the peer. The MTU that follows the path to the peer says
    /// nothing about the path from there. What it is in another namespace is not known.
    pub(crate) fn receive_mtu(&self) -> u32 {
        if self.is_away() {
            return u16::MAX.into();
        }
        let mtu = self.mtu.load(Relaxed);
        match self.is_automatic() {
            true => mtu.max(self.largest.load(Relaxed)),
            false => mtu,
        }
    }

    /// Notes that the device has gone; true the first time.
    pub(crate) fn lose(&self) -> bool {
        !self.lost.swap(true, Relaxed)
    }

    /// Whether the device has gone. One in another namespace has not.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Relaxed) || self.tap.name().is_err()
    }
}
