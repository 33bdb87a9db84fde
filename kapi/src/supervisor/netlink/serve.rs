//! Moving messages between a program, the daemon and the kernel.

use super::NetlinkSocket;
use super::datagram::{messages, named_descriptor};
use crate::protocol::{Ask, Descriptor, NetlinkMessage, Say};
use crate::supervisor::authority::is_admin;
use crate::supervisor::ip::describe;
use crate::supervisor::pppox::borrow;
use crate::sys::socket::receive;
use adit_wire::netlink::controller::{self, Lookup};
use adit_wire::netlink::{Errno, FAMILY_ID, Frame, Frames, Writer, flag};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{SendFlags, send};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use tokio::io::Interest;

/// The longest datagram either way.
const DATAGRAM_OCTETS: usize = 128 << 10;
/// What may wait for a program that does not read; what is beyond is lost, as with the kernel.
const QUEUE_OCTETS: usize = 8 << 20;

/// Serves the socket until the program's last copy is closed.
pub(super) async fn serve(socket: &Rc<NetlinkSocket>) {
    let ended = tokio::select! {
        ended = from_program(socket) => ended,
        ended = from_kernel(socket) => ended,
        ended = to_program(socket) => ended,
    };
    tracing::debug!("a netlink socket ends: {ended:?}");
}

/// Answers what the program sends.
async fn from_program(socket: &NetlinkSocket) -> io::Result<()> {
    let mut buffer = vec![0; DATAGRAM_OCTETS];
    loop {
        let take = |fd: &OwnedFd| receive(fd, &mut buffer);
        let received = socket.ours.async_io(Interest::READABLE, take).await?;
        let datagram = buffer.get(..received.len).unwrap_or(&buffer);
        if datagram.is_empty() && has_hung_up(socket)? {
            return Ok(());
        }
        let sender = received.sender.filter(|pid| *pid > 0);
        for message in messages(datagram) {
            socket.take(message, sender).await?;
        }
    }
}

/// Hands on what the kernel answers.
async fn from_kernel(socket: &NetlinkSocket) -> io::Result<()> {
    let mut buffer = vec![0; DATAGRAM_OCTETS];
    loop {
        let take = |fd: &OwnedFd| receive(fd, &mut buffer);
        match socket.real.async_io(Interest::READABLE, take).await {
            Ok(received) => {
                let datagram = buffer.get(..received.len).unwrap_or(&buffer);
                socket.deliver(datagram.into());
            }
            // What was lost before is lost.
            Err(err) if err.raw_os_error() == Some(libc::ENOBUFS) => {}
            Err(err) => return Err(err),
        }
    }
}

/// Gives the program what is queued for it, as it makes room.
async fn to_program(socket: &NetlinkSocket) -> io::Result<()> {
    loop {
        let next = socket.queue.borrow_mut().pop_front();
        let Some(datagram) = next else {
            socket.filled.notified().await;
            continue;
        };
        socket.queued.set(socket.queued.get() - datagram.len());
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let give = |fd: &OwnedFd| Ok(send(fd, &datagram, flags)?);
        socket.ours.async_io(Interest::WRITABLE, give).await?;
    }
}

impl NetlinkSocket {
    /// Takes one message from `sender`.
    async fn take(&self, message: &[u8], sender: Option<i32>) -> io::Result<()> {
        let Some(Ok(frame)) = Frames::new(message).next() else {
            return Ok(());
        };
        let port = self.port(sender)?;
        let is_request = frame.flags & flag::REQUEST != 0;
        match Lookup::read(&frame) {
            _ if !is_request => self.relay(message).await,
            None if frame.kind != FAMILY_ID => self.relay(message).await,
            None => self.ask(message, sender, port).await,
            Some(lookup) => self.look_up(lookup, &frame, message, port).await,
        }
    }

    /// Answers a question to the controller, if there is a daemon to serve the family.
    async fn look_up(
        &self,
        lookup: Lookup,
        frame: &Frame<'_>,
        message: &[u8],
        port: u32,
    ) -> io::Result<()> {
        if self.namespace.link().await.is_none() {
            return self.relay(message).await;
        }
        if let Lookup::Policy(command) = lookup {
            let messages = controller::policies(command, frame.seq, port);
            messages
                .into_iter()
                .for_each(|message| self.deliver(message.into()));
            return Ok(());
        }
        let multi = lookup == Lookup::All;
        self.deliver(controller::family(multi, frame.seq, port).into());
        if multi {
            return self.relay(message).await;
        }
        if frame.flags & flag::ACK != 0 {
            self.deliver(Writer::answer(message, port, None, None).finish().into());
        }
        Ok(())
    }

    /// Has the daemon answer a message to the family; without one the family is unknown to the
    /// kernel, which says so.
    async fn ask(&self, message: &[u8], sender: Option<i32>, port: u32) -> io::Result<()> {
        let Some(link) = self.namespace.link().await else {
            return self.relay(message).await;
        };
        let sender_is_admin = sender.is_some_and(|pid| is_admin(pid, &*self.namespace));
        let (descriptor, tunnel) = self.tunnel_socket(message, sender);
        let ask = Ask::Netlink(NetlinkMessage {
            privileged: self.opener_is_admin && sender_is_admin,
            port,
            extended: self.extended.get(),
            capped: self.capped.get(),
            message: message.to_vec(),
            process: sender.unwrap_or_default(),
            socket: descriptor,
        });
        let descriptors: Vec<_> = tunnel.iter().map(AsFd::as_fd).collect();
        let mut said = link.ask(ask, &descriptors).await?;
        loop {
            match said.recv().await {
                Some(Say::Datagram(datagram)) => self.deliver(datagram.into()),
                Some(_) => return Ok(()),
                // The program waits for an answer that nobody will give: it is hung up.
                None => return Err(io::ErrorKind::ConnectionReset.into()),
            }
        }
    }

    /// The socket of `sender` that a message names.
    fn tunnel_socket(&self, message: &[u8], sender: Option<i32>) -> (Descriptor, Option<OwnedFd>) {
        let Some(fd) = named_descriptor(message) else {
            return (Descriptor::None, None);
        };
        let borrowed = match (sender, i32::try_from(fd)) {
            (Some(sender), Ok(fd)) => borrow(sender, fd),
            _ => Err(Errno::EBADF),
        };
        match borrowed {
            Ok(socket) => describe(socket, &self.objects, &self.namespace),
            Err(refused) => (Descriptor::Refused(refused.0), None),
        }
    }

    async fn relay(&self, message: &[u8]) -> io::Result<()> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let give = |fd: &OwnedFd| Ok(send(fd, message, flags)?);
        match self.real.async_io(Interest::WRITABLE, give).await {
            Ok(_) => Ok(()),
            Err(err) => {
                tracing::debug!("the kernel takes no message: {err}");
                Ok(())
            }
        }
    }

    /// Queues a datagram for the program.
    pub(super) fn deliver(&self, datagram: Rc<[u8]>) {
        let octets = self.queued.get() + datagram.len();
        if octets > QUEUE_OCTETS {
            tracing::debug!("a program does not read: a datagram is lost");
            return;
        }
        self.queued.set(octets);
        self.queue.borrow_mut().push_back(datagram);
        self.filled.notify_one();
    }
}

/// Whether the program will send no more; an empty datagram looks the same otherwise.
fn has_hung_up(socket: &NetlinkSocket) -> io::Result<bool> {
    let mut polled = [PollFd::new(&socket.ours, PollFlags::RDHUP)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut polled, Some(&now))?;
    let [polled] = polled;
    Ok(polled
        .revents()
        .intersects(PollFlags::HUP | PollFlags::RDHUP))
}
