use super::end::{End, Readers};
use super::route::{Member, Route, route};
use super::terminal::Terminal;
use crate::counters::DropReason;
use crate::user::delivery::Delivery;
use crate::user::line::Line;
use crate::user::order::Payload;
use crate::user::port::Port;
use adit_wire::netlink::Stat;
use adit_wire::ppp::{self, protocol};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

/// A PPP session as PPP sees it.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) line: Arc<Line>,
    /// PPP's number of it, once somebody has claimed it.
    pub(super) index: OnceLock<u32>,
    stage: RwLock<Stage>,
    /// Whether its session has gone while its socket stays.
    cut: AtomicBool,
    pub(super) readers: Readers,
    /// Whether frames wait for whoever will speak PPP, and are not given to a socket before.
    expected: AtomicBool,
}

/// What becomes of a channel's frames.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// Nobody wants them yet.
    Unclaimed,
    /// They go to the session's socket.
    Socket(Arc<End>),
    /// They go to the file attached to the channel.
    Free,
    /// The channel is in the unit of this port.
    Unit(Arc<Port>),
    /// The unit that the channel is in has ended, and nobody has taken the channel out of it yet.
    Ended,
    /// They go to a program by this terminal, and the session's end forgets this number.
    Terminal(Arc<Terminal>, u64),
    /// They leave by another channel.
    Bridge(Arc<Channel>),
    /// The session is gone, and who used the channel has let go of it.
    Gone,
}

/// What becomes of a session's channel when the session ends before its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It stays as it is, without a way out, until the socket is closed: Linux's way with programs
    /// that speak L2TP themselves.
    Silent,
    /// It hangs up: its program cannot hear of the end otherwise.
    HangUp,
}

impl Channel {
    pub(crate) fn new(line: Arc<Line>) -> Channel {
        Channel {
            line,
            index: OnceLock::new(),
            stage: RwLock::new(Stage::Unclaimed),
            cut: AtomicBool::new(false),
            readers: Readers::default(),
            expected: AtomicBool::new(false),
        }
    }

    /// From now on the first frames wait until the channel is attached to a file.
    pub(super) fn expect(&self) {
        self.expected.store(true, Relaxed);
    }

    pub(super) fn stage(&self) -> Stage {
        self.read().clone()
    }

    /// Changes what becomes of its frames; gives what did before.
    pub(super) fn enter(&self, stage: Stage) -> Stage {
        let mut now = self.stage.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut now, stage)
    }

    /// PPP's number of it; 0 is none.
    pub(super) fn number(&self) -> u32 {
        self.index.get().copied().unwrap_or(0)
    }

    /// Its session is gone: nothing comes and nothing leaves any more.
    pub(super) fn cut(&self) {
        self.cut.store(true, Relaxed);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Relaxed)
    }

    /// The line that a frame of its users leaves by.
    pub(super) fn way_out(&self) -> Option<Arc<Line>> {
        match &*self.read() {
            _ if self.is_cut() => None,
            Stage::Gone => None,
            Stage::Unclaimed
            | Stage::Socket(_)
            | Stage::Free
            | Stage::Unit(_)
            | Stage::Ended
            | Stage::Terminal(..)
            | Stage::Bridge(_) => Some(self.line.clone()),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Stage> {
        self.stage.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a received frame, with or without Address and Control in front.
    pub(crate) fn receive<'a>(&self, mut frame: Payload<'a>, delivery: &mut Delivery<'a>) {
        let session = &*self.line.session;
        session.rx.add(Stat::RxPackets, 1);
        session.rx.add(Stat::RxBytes, frame.packet_len() as u64);
        frame.skip(frame.len() - ppp::strip_address_control(&frame).len());
        if let Err(reason) = self.pass(frame, delivery) {
            self.line.discard(reason, 1);
        }
    }

    fn pass<'a>(&self, frame: Payload<'a>, delivery: &mut Delivery<'a>) -> Result<(), DropReason> {
        let stage = self.read();
        let member = match &*stage {
            Stage::Unclaimed | Stage::Socket(_) if self.expected.load(Relaxed) => {
                return self.readers.give(&[&frame]);
            }
            Stage::Unclaimed | Stage::Gone => return Err(DropReason::PppUnclaimed),
            Stage::Socket(end) => {
                let given = end.give(&[&frame]);
                return given.then_some(()).ok_or(DropReason::PppReader);
            }
            Stage::Terminal(terminal, _) => {
                let given = terminal.give(&frame);
                return given.then_some(()).ok_or(DropReason::PppReader);
            }
            Stage::Free => Member::Free,
            Stage::Unit(_) | Stage::Ended => Member::OfUnit,
            Stage::Bridge(_) => Member::OfBridge,
        };
        let (number, information) = ppp::split(&frame).ok_or(DropReason::PppShort)?;
        let field = number.to_be_bytes();
        match (route(member, number), &*stage) {
            (Route::Bridge, Stage::Bridge(other)) if other.is_cut() => {
                Err(DropReason::PppUnclaimed)
            }
            (Route::Bridge, Stage::Bridge(other)) => {
                delivery.relay(&other.line, frame);
                Ok(())
            }
            (Route::Network(place), Stage::Unit(port)) => {
                let unit = port.unit().ok_or(DropReason::PppUnclaimed)?;
                unit.count_received(information.len());
                unit.admit(place, number, information)?;
                let before = frame.len() - information.len();
                delivery.take_packet(port, frame.behind(before));
                Ok(())
            }
            (Route::Decompressor, Stage::Unit(port)) => {
                let unit = port.unit().ok_or(DropReason::PppUnclaimed)?;
                let whole = unit.decompress(number, information)?;
                unit.count_received(whole.len());
                unit.admit(0, protocol::IPV4, &whole)?;
                delivery.take_packet(port, frame.replaced(whole));
                Ok(())
            }
            (Route::Network(_) | Route::Decompressor | Route::UnitFile, Stage::Ended) => {
                Err(DropReason::PppUnclaimed)
            }
            (Route::UnitFile, Stage::Unit(port)) => {
                let unit = port.unit().ok_or(DropReason::PppUnclaimed)?;
                unit.count_received(information.len());
                unit.readers.give(&[&field, information])
            }
            _ => self.readers.give(&[&field, information]),
        }
    }
}
