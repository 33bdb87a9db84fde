//! The process that answers a program's calls.
//!
//! One thread takes calls from the listener and gives each a task, so that no call waits for
//! another's answer. What a program holds is one end of a Unix socket pair, made here and put into
//! its table; calls on it that move messages are the kernel's own and never come here. An object
//! is known by its socket's inode, which stays the same however often it is duplicated, passed on
//! or renumbered, and it is gone when the last copy of the program's end is closed.

mod asked;
mod authority;
mod caller;
mod daemon;
mod dumps;
mod files;
mod ip;
mod mapping;
mod namespace;
mod netlink;
mod objects;
mod ppp;
mod pppox;
mod release;
mod requests;
mod taken;

pub use daemon::Daemon;
pub use ip::L2tpIpAddress;
pub(crate) use ip::may_be_made as may_make_room;
pub use netlink::{messages, named_descriptor};
pub use pppox::PppoxAddress;
pub(crate) use taken::Word;

use crate::filter::{Architecture, Scope};
use crate::sys::seccomp::{self, Notification, Outcome};
use crate::sys::socket::watch;
use adit_wire::netlink::Errno;
use asked::Asked;
use caller::Caller;
use namespace::Namespaces;
use objects::{Object, Objects};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use taken::Taken;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::OnceCell;
use tokio::task::{LocalSet, spawn_local};

/// What a socket's type is without its flags.
const SOCK_TYPE: i32 = 0xf;

/// What all calls share.
struct Supervisor {
    listener: AsyncFd<OwnedFd>,
    native: Option<Architecture>,
    /// What the filter matches.
    scope: Scope,
    namespaces: Namespaces,
    objects: Objects,
    /// Where sockets of protocol 115 live.
    room: OnceCell<Rc<ip::Room>>,
    taken: Taken,
}

/// How a call ends.
enum Reply {
    /// So.
    So(Outcome),
    /// It has been answered already.
    Done,
}

/// Answers the calls that `listener` tells of until no program is left, and leaves word of those
/// that wait. `ready` is called once calls are heard.
pub(crate) fn run(
    listener: OwnedFd,
    daemon: Daemon,
    scope: Scope,
    word: Word,
    ready: impl FnOnce(),
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async {
        let supervisor = Rc::new(Supervisor {
            listener: watch(listener)?,
            native: Architecture::NATIVE,
            scope,
            namespaces: Namespaces::new(daemon)?,
            objects: Objects::default(),
            room: OnceCell::new(),
            taken: Taken::new(word),
        });
        ready();
        listen(&supervisor).await
    })
}

async fn listen(supervisor: &Rc<Supervisor>) -> io::Result<()> {
    let listener = &supervisor.listener;
    loop {
        let mut ready = listener.ready(Interest::READABLE).await?;
        // Taking a call that is not there would block, and the event may be an old one.
        let mut polled = [PollFd::new(listener, PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut polled, Some(&now))?;
        let [polled] = polled;
        let events = polled.revents();
        if events.contains(PollFlags::IN) {
            match seccomp::receive(listener.as_fd()) {
                Ok(call) => {
                    supervisor.taken.note(call.id);
                    spawn(supervisor, call);
                }
                // Its caller has been killed meanwhile.
                Err(err) if err.raw_os_error() == Some(libc::ENOENT) => {}
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(err),
            }
        } else if events.contains(PollFlags::HUP) {
            return Ok(());
        } else {
            ready.clear_ready();
        }
    }
}

/// Answers a call in a task of its own.
fn spawn(supervisor: &Rc<Supervisor>, call: Notification) {
    let supervisor = Rc::clone(supervisor);
    spawn_local(async move {
        let caller = Caller::new(supervisor.listener.as_fd(), call);
        let outcome = match supervisor.answer(&caller).await {
            Ok(Reply::Done) => None,
            Ok(Reply::So(outcome)) => Some(outcome),
            Err(errno) => Some(Outcome::Error(errno.0)),
        };
        if let Some(outcome) = outcome {
            // A caller that was killed meanwhile wants no answer.
            let _ = seccomp::respond(supervisor.listener.as_fd(), caller.id(), outcome);
        }
        supervisor.taken.settle(caller.id());
    });
}

impl Supervisor {
    async fn answer(&self, caller: &Caller<'_>) -> Result<Reply, Errno> {
        let asked = caller.asked(self.native);
        tracing::trace!(tid = caller.tid(), ?asked, "called");
        match asked {
            Some(Asked::Socket {
                domain,
                kind,
                protocol,
            }) => self.socket(caller, domain, kind, protocol).await,
            Some(Asked::Socketpair {
                domain: libc::AF_PPPOX,
                kind,
                protocol,
            }) => pppox::pair(self, caller, kind, protocol).await,
            None => Ok(Reply::So(Outcome::Continue)),
            Some(Asked::Open { path, flags }) => files::open(self, caller, path, flags).await,
            // Of what is no socket the kernel says so.
            Some(Asked::Ioctl {
                fd,
                request: request @ requests::SIOCGPPPSTATS..=requests::SIOCGPPPCSTATS,
                argument,
            }) if caller.socket(fd).is_some() => {
                ppp::counters(self, caller, request, argument).await
            }
            // Calls that move packets of others shall not be slower than they must.
            Some(Asked::Send { .. } | Asked::SendMessage { .. }) if !self.has_ip_sockets() => {
                Ok(Reply::So(Outcome::Continue))
            }
            Some(on) => match on.descriptor().and_then(|fd| self.object(caller, fd)) {
                Some(object) => object.answer(caller, on).await,
                None => Ok(Reply::So(Outcome::Continue)),
            },
        }
    }

    fn has_ip_sockets(&self) -> bool {
        self.room.get().is_some_and(|room| !room.is_empty())
    }

    /// The object behind a program's descriptor.
    fn object(&self, caller: &Caller<'_>, fd: i32) -> Option<Object> {
        // Not one object, and no need to look at the program.
        if self.objects.is_empty() {
            return None;
        }
        self.objects.get(caller.socket(fd)?)
    }

    async fn socket(
        &self,
        caller: &Caller<'_>,
        domain: i32,
        kind: i32,
        protocol: i32,
    ) -> Result<Reply, Errno> {
        match (domain, protocol) {
            (libc::AF_NETLINK, libc::NETLINK_GENERIC) => netlink::open(self, caller, kind).await,
            (libc::AF_PPPOX, protocol) => pppox::open(self, caller, kind, protocol).await,
            (libc::AF_INET | libc::AF_INET6, _) if kind & SOCK_TYPE == libc::SOCK_DGRAM => {
                ip::open(self, caller, domain, kind).await
            }
            _ => Ok(Reply::So(Outcome::Continue)),
        }
    }
}
