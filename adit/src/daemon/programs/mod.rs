//! What supervised programs hold of the data path: PPPoL2TP sockets, open `/dev/ppp`s, and sockets
//! of their own that carry tunnels.
//!
//! Each belongs to a program as long as any copy of its descriptor is open, whatever becomes of the
//! supervisor. When the last is closed the data path says so, and what hung on it goes. Of sockets
//! of protocol 115 the supervisor says so, and they go with it.

mod files;
mod ip;
mod managed;
mod remains;
mod seen;
mod sockets;

use super::engine::Engine;
use super::state::State;
use adit_datapath::ppp::{File, OnClose, Ppp};
use adit_datapath::spec::{Change, SessionKey, SessionTuning};
use adit_kapi::protocol::{Ask, Question, Say, TunnelSocket};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::Errno;
use ip::IpSocket;
use remains::Remains;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// A supervisor, as what its programs hold knows it. Nobody else may ask about their objects: numbers
/// are easy to guess.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    /// Takes what has become of what its programs have.
    pub(super) told: UnboundedSender<Told>,
    /// Whether its programs are answered without Linux's accidents.
    pub(super) strict: bool,
}

impl Owner {
    /// Tells what has become of something; the supervisor may have gone before its programs.
    fn tell(&self, told: Told) {
        let _ = self.told.send(told);
    }

    fn is(&self, other: &Owner) -> bool {
        self.told.same_channel(&other.told)
    }
}

/// What a supervisor is told unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The object of this number has been closed.
    Closed(u32),
    /// A socket carries its tunnel no longer.
    Released(TunnelSocket),
}

/// What programs hold.
pub(super) struct Programs {
    /// None where the data path has no PPP.
    ppp: Option<Ppp>,
    /// Tells this network namespace from others.
    netns_cookie: Option<u64>,
    sockets: BTreeMap<u32, Socket>,
    /// The sockets that manage tunnels which are there.
    managers: BTreeMap<TunnelId, Manager>,
    files: BTreeMap<u32, OpenFile>,
    ips: BTreeMap<u32, IpSocket>,
    /// The tunnels that programs' UDP sockets carry, by the cookie that tells a socket from others.
    adopted: BTreeMap<u64, Adopted>,
    last: u32,
    closed: UnboundedSender<Closed>,
}

/// What a program has closed its last copy of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// The object of this number.
    Object(u32),
    /// The socket that carries this tunnel.
    Tunnel(TunnelId),
}

/// A connected PPPoL2TP socket.
struct Socket {
    tunnel: TunnelId,
    /// Its session; none where it manages the tunnel.
    session: Option<SessionKey>,
    /// The number of its PPP channel; none where it manages the tunnel.
    channel: Option<u32>,
    /// Our end, where it manages the tunnel.
    end: Option<Rc<AsyncFd<OwnedFd>>>,
    /// Left of its session or tunnel once that has been removed under it.
    remains: Option<Remains>,
    owner: Owner,
}

/// The socket that manages a tunnel.
struct Manager {
    number: u32,
    /// How the session is tuned that Linux makes of it.
    tuning: SessionTuning,
}

/// A tunnel that a program's socket carries.
#[derive(Debug, Clone, Copy)]
struct Managed {
    tunnel: TunnelId,
    /// The socket's descriptor, as the program numbers it.
    fd: i32,
}

/// A program's UDP socket that carries a tunnel.
struct Adopted {
    carried: Managed,
    socket: TunnelSocket,
    /// Whether the program has closed the socket.
    is_closed: bool,
    /// Whose program it is.
    owner: Option<Owner>,
}

struct OpenFile {
    file: Arc<File>,
    owner: Owner,
}

impl Programs {
    /// None yet. What is closed is told through `closed`, for [`attend`].
    pub(super) fn new(
        ppp: Option<Ppp>,
        netns_cookie: Option<u64>,
        closed: UnboundedSender<Closed>,
    ) -> Programs {
        Programs {
            ppp,
            netns_cookie,
            sockets: BTreeMap::new(),
            managers: BTreeMap::new(),
            files: BTreeMap::new(),
            ips: BTreeMap::new(),
            adopted: BTreeMap::new(),
            last: 0,
            closed,
        }
    }

    fn ppp(&self) -> Result<Ppp, Errno> {
        self.ppp.clone().ok_or(Errno::EOPNOTSUPP)
    }

    /// What the data path is to call when the program has closed an object.
    fn on_close(&self, number: u32) -> OnClose {
        let closed = self.closed.clone();
        Box::new(move || {
            // At the end of the process nobody listens any more.
            let _ = closed.send(Closed::Object(number));
        })
    }

    /// The socket of this number manages the tunnel no longer.
    fn dismiss(&mut self, number: u32, tunnel: TunnelId) {
        let manager = self.managers.get(&tunnel);
        if manager.is_some_and(|manager| manager.number == number) {
            self.managers.remove(&tunnel);
        }
    }

    /// What carries a tunnel, if that is a program's socket.
    fn carrier_of(&self, tunnel: TunnelId) -> Option<&Managed> {
        let ips = self
            .ips
            .values()
            .filter_map(|socket| socket.carries.as_ref());
        let adopted = self.adopted.values().map(|adopted| &adopted.carried);
        let mut all = adopted.chain(ips);
        all.find(|managed| managed.tunnel == tunnel)
    }

    /// A number that no object has.
    fn number(&mut self) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1);
            let number = &self.last;
            let sockets = self.sockets.contains_key(number) || self.ips.contains_key(number);
            if !sockets && !self.files.contains_key(number) {
                return self.last;
            }
        }
    }
}

/// Makes a change that no program asked for by netlink, so that nobody is told of it but the peer
/// with which a session was set up by protocol.
fn change(change: &Change, state: &mut State) -> Result<(), Errno> {
    let lost = lost_by(change, state);
    let made = match state.is_negotiated(change) {
        true => state.control_by_change(change),
        false => state.engine.change(change),
    };
    made.map_err(|refused| {
        tracing::debug!("refused: {refused}");
        refused.errno
    })?;
    state.programs.note(change, lost);
    Ok(())
}

/// Ends what hung on what programs have closed; never ends itself.
pub(super) async fn attend(mut told: UnboundedReceiver<Closed>, state: Rc<RefCell<State>>) {
    while let Some(closed) = told.recv().await {
        let state = &mut state.borrow_mut();
        match closed {
            Closed::Object(number) => object_closed(number, state),
            Closed::Tunnel(tunnel) => tunnel_closed(tunnel, state),
        }
    }
}

fn object_closed(number: u32, state: &mut State) {
    if let Some(socket) = state.programs.sockets.remove(&number) {
        state.programs.dismiss(number, socket.tunnel);
        if let (Some(session), None) = (socket.session, &socket.remains) {
            match state.plane.with_endpoint(session) {
                Some(key) => state.endpoints.closed(key),
                None => drop(change(&Change::RemoveSession(session), state)),
            }
            state.changed.notify_one();
        }
        socket.owner.tell(Told::Closed(number));
    }
    if let Some(file) = state.programs.files.remove(&number) {
        file.owner.tell(Told::Closed(number));
    }
}

fn tunnel_closed(tunnel: TunnelId, state: &mut State) {
    let mut adopted = state.programs.adopted.values_mut();
    if let Some(adopted) = adopted.find(|adopted| adopted.carried.tunnel == tunnel) {
        adopted.is_closed = true;
        let _ = change(&Change::RemoveTunnel(tunnel), state);
    }
}

/// Answers a question about what programs hold. `privileged` says whether the supervisor has
/// CAP_NET_ADMIN itself.
pub(super) async fn answer(
    question: Question,
    mut descriptors: Vec<OwnedFd>,
    privileged: bool,
    owner: Owner,
    state: &Rc<RefCell<State>>,
) -> Result<Say, Errno> {
    match question.ask {
        Ask::Connect(connect) => {
            let socket = (descriptors.len() > 1).then(|| descriptors.pop()).flatten();
            let end = descriptors.pop();
            let privileged = privileged && connect.privileged;
            let state = &mut state.borrow_mut();
            sockets::connect(connect, end, socket, privileged, owner, state).map(Say::Object)
        }
        Ask::Socket(number, ask) => sockets::answer(number, ask, &owner, &mut state.borrow_mut()),
        Ask::OpenPpp { privileged: asked } => {
            let end = descriptors.pop().ok_or(Errno::EBADF)?;
            let state = &mut state.borrow_mut();
            files::open(end, privileged && asked, owner, state).map(Say::Object)
        }
        Ask::Ppp(number, ask) => files::answer(number, ask, &owner, state).await,
        Ask::OpenIp { program } => {
            let end = descriptors.pop().ok_or(Errno::EBADF)?;
            let state = &mut state.borrow_mut();
            ip::open(end, program, privileged, owner, state).map(Say::Object)
        }
        Ask::Ip(number, ask) => ip::answer(number, ask, &owner, &mut state.borrow_mut()),
        Ask::UnitCounters(index) => files::counters(index, &state.borrow()),
        Ask::Netlink(_) | Ask::Subscribe | Ask::Dump { .. } => Err(Errno::EINVAL),
    }
}

/// Sockets end with their supervisor here.
pub(super) use ip::forget;
/// The namespace's tunnels that programs' sockets carry are made here.
pub(super) use managed::{Wanted, adopt};
pub(super) use remains::{detach_management, lost_by};

/// Whether a session is there.
fn is_there(session: SessionKey, engine: &Engine) -> bool {
    engine.desired().sessions.contains_key(&session)
}
