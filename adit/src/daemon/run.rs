//! From options to a running daemon, and its end.

use super::engine::Engine;
use super::host::{self, Namespace};
use super::lost::Lost;
use super::programs::{self, Closed, Programs};
use super::socket::Listener;
use super::state::State;
use super::{Options, news, server};
use crate::config::Config;
use adit_datapath::Error;
use adit_datapath::spec::Inventory;
use adit_datapath::user::{self, UserDatapath};
use adit_wire::netlink::Errno;
use sd_notify::NotifyState;
use std::cell::RefCell;
use std::future::pending;
use std::num::NonZeroUsize;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, broadcast};
use tokio::task::LocalSet;
use tokio::time::{Interval, MissedTickBehavior};

/// How often the sequence numbers in use are looked at, to be there for a successor.
const SAVING: Duration = Duration::from_secs(1);

/// Runs until told to end. Fails with a line for each thing that is wrong.
pub(super) fn run(options: Options) -> Result<(), Vec<String>> {
    let file = match &options.config {
        Some(path) => load(path)?,
        None => Inventory::default(),
    };
    serve(options, file).map_err(|refused| vec![refused.to_string()])
}

fn serve(options: Options, file: Inventory) -> Result<(), Error> {
    host::check()?;
    host::raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|err| Error::system(&err, "runtime", "cannot be started"))?;
    LocalSet::new().block_on(&runtime, daemon(options, file))
}

async fn daemon(options: Options, file: Inventory) -> Result<(), Error> {
    // Bound first of all: it is what keeps a second daemon away from the first one's state.
    let listener = Rc::new(Listener::bind(&options.socket)?);
    let mut signals = Signals::new()?;
    let namespace = Namespace::of(&listener);
    let namespace = namespace.map_err(|err| Error::system(&err, "namespace", "is unknown"))?;
    let (store, kept) = host::open_store(options.state.as_deref(), &namespace)?;
    let lost = Arc::new(Lost::default());
    let (closed, told) = unbounded_channel();
    let (datapath, backend) = datapath(options.workers, &lost, closed.clone())?;
    let programs = Programs::new(Some(datapath.ppp()), Some(namespace.cookie), closed);
    tracing::info!(
        "adit {}: {backend}, socket {}, network namespace {}, state {kept}",
        env!("CARGO_PKG_VERSION"),
        options.socket,
        namespace.inode,
    );
    let mut engine = Engine::new(Box::new(datapath), store);
    engine.restore(Instant::now())?;
    // Without a file nothing is the file's any more.
    engine.reload(&file, false, Instant::now()).log();
    let state = Rc::new(RefCell::new(State {
        engine,
        config: options.config,
        load,
        changed: Rc::new(Notify::new()),
        programs,
        news: broadcast::channel(news::BACKLOG).0,
    }));
    tokio::task::spawn_local(programs::attend(told, Rc::clone(&state)));
    tokio::task::spawn_local(server::serve(listener, Rc::clone(&state)));
    tell(&[NotifyState::Ready]);
    attend(&state, &lost, &mut signals).await;
    tell(&[NotifyState::Stopping]);
    state.borrow_mut().engine.shutdown()
}

/// Reads a configuration file, or says what is wrong with it, a line a fault.
fn load(path: &Path) -> Result<Inventory, Vec<String>> {
    match Config::load(path) {
        Ok(config) => Ok(config.inventory),
        Err(faults) => Err(faults.to_string().lines().map(str::to_owned).collect()),
    }
}

/// Starts the data path, and tells what to call it in the log.
fn datapath(
    workers: Option<usize>,
    lost: &Arc<Lost>,
    closed: UnboundedSender<Closed>,
) -> Result<(UserDatapath, String), Error> {
    let many = || {
        Error::new(
            Errno::EINVAL,
            "workers",
            "0 move no packet; give at least 1",
        )
    };
    let workers = workers.map(|count| NonZeroUsize::new(count).ok_or_else(many));
    let lost = Arc::clone(lost);
    let datapath = UserDatapath::new(user::Options {
        workers: workers.transpose()?,
        notify: Arc::new(move |event| match event {
            user::Event::DeviceLost(session) => lost.note(session),
            user::Event::TunnelClosed(tunnel) => {
                // At the end of the process nobody listens any more.
                let _ = closed.send(Closed::Tunnel(tunnel));
            }
        }),
    })?;
    let backend = format!("user-space data path, workers {}", datapath.workers());
    Ok((datapath, backend))
}

/// Does what comes from elsewhere than from clients; returns when the process shall end.
async fn attend(state: &RefCell<State>, lost: &Lost, signals: &mut Signals) {
    let changed = Rc::clone(&state.borrow().changed);
    let mut watchdog = sd_notify::watchdog_enabled().map(|limit| every(limit / 2));
    let mut numbers = every(SAVING);
    loop {
        let due = state.borrow().engine.deadline();
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.hangup.recv() => reload(&mut state.borrow_mut()),
            sessions = lost.take() => {
                let engine = &mut state.borrow_mut().engine;
                for session in sessions {
                    engine.device_lost(session, Instant::now());
                }
            }
            () = until(due) => state.borrow_mut().engine.retry(Instant::now()),
            () = tick(&mut watchdog) => tell(&[NotifyState::Watchdog]),
            _ = numbers.tick() => state.borrow_mut().engine.save_numbers(),
            () = changed.notified() => {}
        }
    }
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
fn tell(news: &[NotifyState<'_>]) {
    if let Err(err) = sd_notify::notify(news) {
        tracing::warn!("the service manager cannot be told: {err}");
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Signals, Error> {
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
