//! From options to a running daemon, and its end.

use super::attend::{self, Desk, Signals};
use super::devices::Devices;
use super::engine::Engine;
use super::host::{self, Namespace};
use super::plane::Plane;
use super::ppp::Endpoints;
use super::programs::{self, Closed, Programs};
use super::socket::Listener;
use super::state::State;
use super::{Options, server};
use crate::config::Config;
use adit_datapath::Error;
use adit_datapath::user::{self, UserDatapath};
use adit_wire::netlink::Errno;
use rustix::rand::GetRandomFlags;
use sd_notify::NotifyState;
use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

/// Runs until told to end. Fails with a line for each thing that is wrong.
pub(super) fn run(options: Options) -> Result<(), Vec<String>> {
    let file = match &options.config {
        Some(path) => load(path)?,
        None => Config::default(),
    };
    serve(options, file).map_err(|refused| vec![refused.to_string()])
}

fn serve(options: Options, file: Config) -> Result<(), Error> {
    host::check()?;
    host::raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|err| Error::system(&err, "runtime", "cannot be started"))?;
    LocalSet::new().block_on(&runtime, daemon(options, file))
}

async fn daemon(options: Options, file: Config) -> Result<(), Error> {
    // Bound first of all: it is what keeps a second daemon away from the first one's state.
    let listener = Rc::new(Listener::bind(&options.socket)?);
    let mut signals = Signals::new()?;
    let namespace = Namespace::of(&listener);
    let namespace = namespace.map_err(|err| Error::system(&err, "namespace", "is unknown"))?;
    let (store, kept) = host::open_store(options.state.as_deref(), &namespace)?;
    let devices = Arc::new(Devices::default());
    let (closed, told) = unbounded_channel();
    let (datapath, backend) = datapath(&options, &devices, closed.clone())?;
    let programs = Programs::new(Some(datapath.ppp()), Some(namespace.cookie), closed);
    let (ended, endings) = unbounded_channel();
    let endpoints = Endpoints::new(Some(datapath.ppp()), options.socket.clone(), ended);
    tracing::info!(
        "adit {}: {backend}, socket {}, network namespace {}, state {kept}",
        env!("CARGO_PKG_VERSION"),
        options.socket,
        namespace.inode,
    );
    let mut engine = Engine::new(Box::new(datapath), store);
    engine.restore(Instant::now())?;
    let (mut desk, sink) = Desk::new(devices, endings);
    let state = Rc::new(RefCell::new(State {
        engine,
        plane: Plane::new(seed()?, host::name(), sink),
        config: options.config,
        load,
        changed: Rc::new(Notify::new()),
        programs,
        endpoints,
        news: Vec::new(),
    }));
    // Without a file nothing is the file's any more.
    state.borrow_mut().apply(&file, false).log();
    tokio::task::spawn_local(programs::attend(told, Rc::clone(&state)));
    tokio::task::spawn_local(server::serve(listener, Rc::clone(&state)));
    attend::tell(&[NotifyState::Ready]);
    desk.attend(&state, &mut signals).await;
    attend::tell(&[NotifyState::Stopping]);
    desk.say_goodbye(&state).await;
    state.borrow_mut().engine.shutdown()
}

/// What nobody can guess.
fn seed() -> Result<[u8; 32], Error> {
    let mut seed = [0; 32];
    rustix::rand::getrandom(&mut seed, GetRandomFlags::empty()).map_err(|err| {
        let err = std::io::Error::from(err);
        Error::system(&err, "random", "cannot be had from the system")
    })?;
    Ok(seed)
}

/// Reads a configuration file, or says what is wrong with it, a line a fault.
fn load(path: &Path) -> Result<Config, Vec<String>> {
    match Config::load(path) {
        Ok(config) => Ok(config),
        Err(faults) => Err(faults.to_string().lines().map(str::to_owned).collect()),
    }
}

/// Starts the data path, and tells what to call it in the log.
fn datapath(
    options: &Options,
    devices: &Arc<Devices>,
    closed: UnboundedSender<Closed>,
) -> Result<(UserDatapath, String), Error> {
    let many = || {
        Error::new(
            Errno::EINVAL,
            "workers",
            "0 move no packet; give at least 1",
        )
    };
    let workers = options
        .workers
        .map(|count| NonZeroUsize::new(count).ok_or_else(many));
    let devices = Arc::clone(devices);
    let datapath = UserDatapath::new(user::Options {
        workers: workers.transpose()?,
        without: options.without,
        queues: options.queues.and_then(NonZeroUsize::new),
        fast_path: options.fast_path,
        notify: Arc::new(move |event| match event {
            user::Event::DeviceLost(session) => devices.lost(session),
            user::Event::DeviceSwitched(session, up) => devices.switched(session, up),
            user::Event::TunnelClosed(tunnel) => {
                // At the end of the process nobody listens any more.
                let _ = closed.send(Closed::Tunnel(tunnel));
            }
        }),
    })?;
    let backend = format!("user-space data path, workers {}", datapath.workers());
    Ok((datapath, backend))
}
