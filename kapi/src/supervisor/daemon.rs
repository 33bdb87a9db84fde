//! The daemon, as a supervisor speaks to it: one connection a namespace, any number of questions
//! at a time.

use super::netlink::NetlinkSocket;
use super::objects::Known;
use super::release::release;
use crate::protocol::{self, Answer, Ask, HELLO, HELLO_STRICT, PACKET_OCTETS, Question, Say};
use crate::sys::socket::{receive, watch};
use adit_wire::netlink::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, connect, send, sendmsg, socket_with,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::{Rc, Weak};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_local};

/// Where daemons listen.
#[derive(Debug, Clone)]
pub struct Daemon {
    /// A Unix address: an abstract name means another daemon in each network namespace.
    pub address: SocketAddrUnix,
    /// Whether programs are answered without what looks like accidents of Linux's.
    pub strict: bool,
}

impl Daemon {
    /// Whether there is one in the calling thread's network namespace, which is trusted.
    pub fn answers(&self) -> bool {
        self.connect().is_ok()
    }

    /// Connects to the daemon of the calling thread's network namespace. One that runs as neither
    /// root nor this process's user is not trusted.
    pub(crate) fn connect(&self) -> io::Result<OwnedFd> {
        let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        connect(&socket, &self.address)?;
        let uid = socket_peercred(&socket)?.uid;
        if !uid.is_root() && uid != rustix::process::geteuid() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let hello = match self.strict {
            true => HELLO_STRICT,
            false => HELLO,
        };
        send(&socket, hello, SendFlags::NOSIGNAL)?;
        Ok(socket)
    }
}

/// A connection to a daemon, closed when nobody has it any more.
pub(super) struct Link {
    line: Rc<Line>,
    reading: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

struct Line {
    socket: AsyncFd<OwnedFd>,
    last: Cell<u32>,
    waiting: RefCell<BTreeMap<u32, mpsc::UnboundedSender<Say>>>,
    /// Who is told of notifications.
    members: RefCell<Vec<Weak<NetlinkSocket>>>,
    subscribed: Cell<bool>,
    closed: Cell<bool>,
    /// What the daemon holds the other end of.
    objects: RefCell<BTreeMap<u32, Known>>,
}

impl Link {
    /// Takes over a connected socket.
    pub(super) fn start(socket: OwnedFd) -> io::Result<Rc<Link>> {
        let line = Rc::new(Line {
            socket: watch(socket)?,
            last: Cell::new(0),
            waiting: RefCell::default(),
            members: RefCell::default(),
            subscribed: Cell::new(false),
            closed: Cell::new(false),
            objects: RefCell::default(),
        });
        let read = Rc::clone(&line);
        let reading = spawn_local(async move {
            let ended = read.read().await;
            tracing::debug!("the daemon is gone: {ended:?}");
            read.closed.set(true);
            // Taken out first: what they drop may come back here.
            let waiting = read.waiting.take();
            let objects = read.objects.take();
            drop((waiting, objects));
        });
        Ok(Rc::new(Link { line, reading }))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.line.closed.get()
    }

    /// Asks; what is said comes through the channel, which ends early when the daemon goes.
    pub(super) async fn ask(
        &self,
        ask: Ask,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<mpsc::UnboundedReceiver<Say>> {
        let line = &self.line;
        let id = line.last.get().wrapping_add(1).max(1);
        line.last.set(id);
        let (say, said) = mpsc::unbounded_channel();
        line.waiting.borrow_mut().insert(id, say);
        let packet = protocol::encode(&Question { id, ask });
        let give = |fd: &OwnedFd| send_with(fd, &packet, descriptors);
        let sent = line.socket.async_io(Interest::WRITABLE, give).await;
        if let Err(err) = sent {
            line.waiting.borrow_mut().remove(&id);
            return Err(err);
        }
        Ok(said)
    }

    /// Asks what is answered by one word.
    pub(super) async fn settle(
        &self,
        ask: Ask,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Say, Errno> {
        let gone = Errno(libc::EIO);
        let mut said = self.ask(ask, descriptors).await.map_err(|_| gone)?;
        match said.recv().await {
            Some(Say::Refused(errno)) => Err(Errno(errno)),
            Some(say) => Ok(say),
            None => Err(gone),
        }
    }

    /// Asks for a text, and puts its pieces together.
    pub(super) async fn text(&self, ask: Ask) -> Result<Vec<u8>, Errno> {
        let gone = Errno(libc::EIO);
        let mut said = self.ask(ask, &[]).await.map_err(|_| gone)?;
        let mut text = Vec::new();
        loop {
            match said.recv().await {
                Some(Say::Text(piece)) => text.extend(piece),
                Some(Say::End) => return Ok(text),
                Some(Say::Refused(errno)) => return Err(Errno(errno)),
                Some(_) => return Err(Errno::EPROTO),
                None => return Err(gone),
            }
        }
    }

    /// Has the daemon make an object of what comes with the question, to be known as long as the
    /// program has its end.
    pub(super) async fn make(
        &self,
        ask: Ask,
        descriptors: &[BorrowedFd<'_>],
        known: Known,
    ) -> Result<u32, Errno> {
        let Say::Object(number) = self.settle(ask, descriptors).await? else {
            return Err(Errno::EPROTO);
        };
        self.keep(number, known);
        Ok(number)
    }

    /// Keeps an object known until the daemon says that its program has closed it.
    pub(super) fn keep(&self, number: u32, known: Known) {
        self.line.objects.borrow_mut().insert(number, known);
    }

    /// Tells `member` of notifications to the family's multicast group from now on.
    pub(super) async fn join(&self, member: &Rc<NetlinkSocket>) -> Result<(), Errno> {
        let line = &self.line;
        {
            let members = &mut line.members.borrow_mut();
            members.retain(|member| member.strong_count() > 0);
            members.push(Rc::downgrade(member));
        }
        if !line.subscribed.replace(true) {
            self.settle(Ask::Subscribe, &[]).await?;
        }
        Ok(())
    }
}

impl Line {
    /// Hands out what the daemon says, until it goes.
    async fn read(&self) -> io::Result<()> {
        let mut buffer = vec![0; PACKET_OCTETS];
        loop {
            let take = |fd: &OwnedFd| receive(fd, &mut buffer);
            let received = self.socket.async_io(Interest::READABLE, take).await?;
            let Some(packet) = buffer
                .get(..received.len)
                .filter(|packet| !packet.is_empty())
            else {
                return Ok(());
            };
            let Some(Answer { id, say }) = protocol::decode(packet) else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            self.hand_out(id, say);
        }
    }

    /// Tells the members at once, so that who asked for a change hears of it before it is done.
    fn notify(&self, message: &[u8]) {
        let message: Rc<[u8]> = message.into();
        self.members.borrow_mut().retain(|member| {
            let member = member.upgrade();
            if let Some(member) = &member {
                member.hear(&message);
            }
            member.is_some()
        });
    }

    fn hand_out(&self, id: u32, say: Say) {
        let is_last = match &say {
            Say::Notification(message) => {
                self.notify(message);
                return;
            }
            Say::Closed(number) => {
                let object = self.objects.borrow_mut().remove(number);
                drop(object);
                return;
            }
            Say::Released(socket) => {
                release(*socket);
                return;
            }
            Say::Datagram(_) | Say::Text(_) => false,
            Say::End
            | Say::Refused(_)
            | Say::Object(_)
            | Say::Number(_)
            | Say::Name(_)
            | Say::Endpoint(_)
            | Say::Counters(_)
            | Say::Idle(..) => true,
        };
        let mut waiting = self.waiting.borrow_mut();
        if let Some(asker) = waiting.get(&id) {
            // The asker may have gone with its program.
            let _ = asker.send(say);
        }
        if is_last {
            waiting.remove(&id);
        }
    }
}

/// Sends a packet, and at most two descriptors beside it.
fn send_with(socket: &OwnedFd, packet: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sendmsg(socket.as_fd(), &[IoSlice::new(packet)], &mut control, flags)?;
    Ok(())
}
