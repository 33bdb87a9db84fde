//! `/dev/ppp`. The daemon has our end from the beginning; frames pass by themselves, and requests
//! are asked of it.

mod units;

pub(super) use units::counters;

use super::asked::Asked;
use super::caller::{Caller, errno};
use super::daemon::Link;
use super::namespace::Namespace;
use super::objects::Object;
use super::{Reply, Supervisor, requests};
use crate::protocol::{Ask, PppAsk, Say};
use crate::sys::seccomp::Outcome;
use adit_wire::netlink::Errno;
use rustix::fs::{OFlags, fcntl_setfl, fstat};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::cell::{Cell, OnceCell};
use std::os::fd::AsFd;
use std::rc::Rc;

const ENOTTY: Errno = Errno(libc::ENOTTY);

/// A program's open `/dev/ppp`.
pub(super) struct PppFile {
    /// Keeps the connection to the daemon.
    _namespace: Rc<Namespace>,
    link: Rc<Link>,
    /// By which the daemon knows it.
    number: OnceCell<u32>,
    kind: Cell<Kind>,
}

/// What a file has been attached to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    Channel,
    Unit,
}

/// Answers open of `/dev/ppp`, if there is a daemon to serve it.
pub(super) async fn open(
    supervisor: &Supervisor,
    caller: &Caller<'_>,
    flags: i32,
) -> Result<Reply, Errno> {
    let file = caller.network_namespace().map_err(|err| errno(&err))?;
    let namespace = supervisor.namespaces.get(file).map_err(|err| errno(&err))?;
    let Some(link) = namespace.link().await else {
        return Ok(Reply::So(Outcome::Continue));
    };
    let privileged = caller.is_admin(&*namespace);
    if !privileged {
        return Err(Errno::EPERM);
    }
    let pair = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    );
    let (ours, theirs) = pair.map_err(|err| errno(&err.into()))?;
    if flags & libc::O_NONBLOCK != 0 {
        fcntl_setfl(&theirs, OFlags::NONBLOCK).map_err(|err| errno(&err.into()))?;
    }
    let inode = fstat(&theirs).map_err(|err| errno(&err.into()))?.st_ino;
    let file = Rc::new(PppFile {
        _namespace: namespace,
        link: Rc::clone(&link),
        number: OnceCell::new(),
        kind: Cell::new(Kind::Nothing),
    });
    let object = Object::Ppp(Rc::clone(&file));
    let known = supervisor.objects.add(inode, object);
    let number = link
        .make(Ask::OpenPpp { privileged }, &[ours.as_fd()], known)
        .await?;
    let _ = file.number.set(number);
    caller.give(&theirs, flags & libc::O_CLOEXEC != 0)?;
    Ok(Reply::Done)
}

impl PppFile {
    /// Answers a call on the file.
    pub(super) async fn answer(&self, caller: &Caller<'_>, asked: Asked) -> Result<Reply, Errno> {
        match asked {
            Asked::Ioctl {
                request, argument, ..
            } => {
                self.control(caller, request, argument).await?;
                Ok(Reply::So(Outcome::Value(0)))
            }
            // It is no socket, whatever it is behind.
            Asked::Connect { .. }
            | Asked::Bind { .. }
            | Asked::Stream { .. }
            | Asked::Name { .. }
            | Asked::SetOption { .. }
            | Asked::GetOption { .. }
            | Asked::Send { .. }
            | Asked::SendMessage { .. } => Err(Errno(libc::ENOTSOCK)),
            Asked::Socket { .. } | Asked::Socketpair { .. } | Asked::Open { .. } => {
                Ok(Reply::So(Outcome::Continue))
            }
        }
    }

    async fn ask(&self, ask: PppAsk) -> Result<Say, Errno> {
        let number = *self.number.get().ok_or(Errno::EIO)?;
        self.link.settle(Ask::Ppp(number, ask), &[]).await
    }

    async fn number(&self, ask: PppAsk) -> Result<u32, Errno> {
        let Say::Number(number) = self.ask(ask).await? else {
            return Err(Errno::EPROTO);
        };
        Ok(number as u32)
    }

    async fn control(&self, caller: &Caller<'_>, request: u32, argument: u64) -> Result<(), Errno> {
        match self.kind.get() {
            Kind::Nothing => self.attach(caller, request, argument).await,
            Kind::Channel | Kind::Unit if request == requests::DETACH => Err(Errno::EINVAL),
            Kind::Channel => self.control_channel(caller, request, argument).await,
            Kind::Unit => self.control_unit(caller, request, argument).await,
        }
    }

    async fn attach(&self, caller: &Caller<'_>, request: u32, argument: u64) -> Result<(), Errno> {
        let word = || caller.array(argument).map(u32::from_ne_bytes);
        match request {
            requests::NEWUNIT => {
                // Any negative number asks for the first free one.
                let wanted = i32::try_from(word()?).is_ok().then_some(word()?);
                let unit = self.number(PppAsk::NewUnit(wanted)).await?;
                self.kind.set(Kind::Unit);
                caller.write(argument, &unit.to_ne_bytes())
            }
            requests::ATTACH => {
                self.ask(PppAsk::AttachUnit(word()?)).await?;
                self.kind.set(Kind::Unit);
                Ok(())
            }
            requests::ATTCHAN => {
                self.ask(PppAsk::AttachChannel(word()?)).await?;
                self.kind.set(Kind::Channel);
                Ok(())
            }
            _ => Err(ENOTTY),
        }
    }

    async fn control_channel(
        &self,
        caller: &Caller<'_>,
        request: u32,
        argument: u64,
    ) -> Result<(), Errno> {
        let word = || caller.array(argument).map(u32::from_ne_bytes);
        let ask = match request {
            requests::CONNECT => PppAsk::Connect(word()?),
            requests::DISCONN => PppAsk::Disconnect,
            requests::BRIDGECHAN => PppAsk::Bridge(word()?),
            requests::UNBRIDGECHAN => PppAsk::Unbridge,
            _ => return Err(ENOTTY),
        };
        self.ask(ask).await.map(drop)
    }
}
