//! The daemon's loop: signals, lost devices, repetitions, and the control protocol.

use super::devices::{Devices, News};
use super::plane::{Letter, Lookup, Resolved};
use super::ppp::Ended;
use super::state::State;
use adit_datapath::{ControlSink, Error};
use sd_notify::NotifyState;
use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, timeout};

/// How often the sequence numbers in use are looked at, to be there for a successor.
const SAVING: Duration = Duration::from_secs(1);
/// Control messages that wait to be read; more are dropped and counted.
const MAIL: usize = 4096;
/// Control messages read in a row before others get their turn.
const LETTERS: usize = 64;
/// How long the end waits for peers to acknowledge it.
const GOODBYE: Duration = Duration::from_secs(3);
/// How long a name may take to be looked up.
const PATIENCE: Duration = Duration::from_secs(10);

/// What comes from elsewhere than from clients.
pub(super) struct Desk {
    devices: Arc<Devices>,
    mail: mpsc::Receiver<Letter>,
    answers: mpsc::UnboundedReceiver<Resolved>,
    /// For those who look names up.
    asked: mpsc::UnboundedSender<Resolved>,
    ended: mpsc::UnboundedReceiver<Ended>,
}

impl Desk {
    /// A desk, and where control messages go to get there. `ended` tells of PPP endpoints.
    pub(super) fn new(
        devices: Arc<Devices>,
        ended: mpsc::UnboundedReceiver<Ended>,
    ) -> (Desk, ControlSink) {
        let (post, mail) = mpsc::channel(MAIL);
        let (asked, answers) = mpsc::unbounded_channel();
        let sink: ControlSink = Arc::new(move |listener, message| {
            let letter = Letter {
                listener,
                peer: message.peer,
                local: message.local,
                mark: message.mark,
                octets: message.octets.into(),
            };
            post.try_send(letter).is_ok()
        });
        let desk = Desk {
            devices,
            mail,
            answers,
            asked,
            ended,
        };
        (desk, sink)
    }

    /// Does what comes; returns when the process shall end: it is told so, or was drained.
    pub(super) async fn attend(&mut self, state: &RefCell<State>, signals: &mut Signals) {
        let changed = Rc::clone(&state.borrow().changed);
        let devices = Arc::clone(&self.devices);
        let mut watchdog = sd_notify::watchdog_enabled().map(|limit| every(limit / 2));
        let mut numbers = every(SAVING);
        while !state.borrow().plane.is_retired() {
            let due = state.borrow().engine.deadline();
            tokio::select! {
                _ = signals.terminate.recv() => return,
                _ = signals.interrupt.recv() => return,
                _ = signals.hangup.recv() => reload(&mut state.borrow_mut()),
                news = devices.take() => handle(&news, &mut state.borrow_mut()),
                () = self.protocol(state) => {}
                () = until(due) => state.borrow_mut().engine.retry(Instant::now()),
                () = tick(&mut watchdog) => tell(&[NotifyState::Watchdog]),
                _ = numbers.tick() => state.borrow_mut().engine.save_numbers(),
                () = changed.notified() => {
                    let state = &mut *state.borrow_mut();
                    state.plane.reserve(&state.engine);
                }
            }
            self.delegate(&mut state.borrow_mut());
        }
    }

    /// Tells every peer that this is the end, and waits for a while until they have heard it.
    pub(super) async fn say_goodbye(&mut self, state: &RefCell<State>) {
        {
            let State { engine, plane, .. } = &mut *state.borrow_mut();
            plane.shut_down(engine);
        }
        self.delegate(&mut state.borrow_mut());
        let is_over = || {
            let state = state.borrow();
            state.plane.is_drained() && state.endpoints.is_empty()
        };
        let all = async {
            while !is_over() {
                self.protocol(state).await;
            }
        };
        if timeout(GOODBYE, all).await.is_err() {
            tracing::warn!("not every peer has acknowledged the end, nor every pppd ended");
        }
    }

    /// Waits for what the control protocol has to do, and does it.
    async fn protocol(&mut self, state: &RefCell<State>) {
        let due = state.borrow().plane.deadline();
        let mut letters = Vec::new();
        tokio::select! {
            _ = self.mail.recv_many(&mut letters, LETTERS) => {
                let State { engine, plane, .. } = &mut *state.borrow_mut();
                plane.receive(letters, engine);
            }
            Some(answer) = self.answers.recv() => {
                let State { engine, plane, .. } = &mut *state.borrow_mut();
                plane.resolved(&answer, engine);
            }
            Some(ended) = self.ended.recv() => {
                let State { engine, plane, endpoints, .. } = &mut *state.borrow_mut();
                endpoints.forget(&ended);
                plane.ppp_ended(ended.key, ended.code, engine);
            }
            () = until(due) => {
                let State { engine, plane, .. } = &mut *state.borrow_mut();
                plane.tick(engine);
            }
        }
        self.delegate(&mut state.borrow_mut());
    }

    /// Gives away what takes time.
    fn delegate(&self, state: &mut State) {
        let limit = state.plane.max_pppd();
        for news in state.plane.take_ppp() {
            state.endpoints.hear(news, limit);
        }
        for lookup in state.plane.take_lookups() {
            let asked = self.asked.clone();
            tokio::task::spawn_local(async move {
                // Nobody waits for it when the process ends.
                let _ = asked.send(look_up(lookup).await);
            });
        }
    }
}

/// Heeds what others did to sessions' devices.
fn handle(news: &News, state: &mut State) {
    let State { engine, plane, .. } = state;
    for session in &news.lost {
        engine.device_lost(*session, Instant::now());
        plane.device_switched(*session, false, engine);
    }
    for (session, up) in &news.switched {
        plane.device_switched(*session, *up, engine);
    }
}

async fn look_up(lookup: Lookup) -> Resolved {
    let found = tokio::net::lookup_host((lookup.name.clone(), 0));
    let outcome = match timeout(PATIENCE, found).await {
        Ok(Ok(addresses)) => Ok(addresses.map(|address| address.ip()).collect()),
        Ok(Err(err)) => Err(err.to_string()),
        Err(_) => Err("no answer from the name service".to_owned()),
    };
    Resolved { lookup, outcome }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => pending().await,
    }
}

/// Ticks with at least `period` in between, however long the work of one takes.
fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => pending().await,
    }
}

fn reload(state: &mut State) {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(err) => tracing::warn!("the service manager is not told of the reload: {err}"),
    }
    match state.reload(false) {
        Ok(report) if report.lines.is_empty() => tracing::info!("configuration: as it was"),
        Ok(_) => {}
        Err(refused) => tracing::error!("{refused}"),
    }
    tell(&[NotifyState::Ready]);
}

/// Tells the service manager, where there is one.
pub(super) fn tell(news: &[NotifyState<'_>]) {
    if let Err(err) = sd_notify::notify(news) {
        tracing::warn!("the service manager cannot be told: {err}");
    }
}

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Catches them from now on.
    pub(super) fn new() -> Result<Signals, Error> {
        let caught = |kind| {
            let caught = signal(kind);
            caught.map_err(|err| Error::system(&err, "signal", "cannot be caught"))
        };
        Ok(Signals {
            terminate: caught(SignalKind::terminate())?,
            interrupt: caught(SignalKind::interrupt())?,
            hangup: caught(SignalKind::hangup())?,
        })
    }
}
