mod text;

use super::{Address, Answers};
use adit_wire::netlink::{Attributes, Errno};
use rustix::fd::{AsFd, OwnedFd};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv,
    send, socket_with,
};
use rustix::process::Uid;
use std::io;
use std::time::Duration;

/// How long an answer may take. Making or removing thousands of devices takes the kernel of a slow
/// machine minutes; a daemon that is gone is noticed at once.
const PATIENCE: Duration = Duration::from_secs(600);

/// Twice the most that a daemon puts into one packet.
const PACKET: usize = 64 * 1024;

/// A connection to a daemon. One request is under way at a time.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
}

/// Why a request was not answered, or refused.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens at the address.
    #[error("{}", no_daemon(.0))]
    NoDaemon(Address),
    /// The address cannot be used.
    #[error("socket: {address}: {error}; name the daemon's socket by --socket or ADIT_SOCKET")]
    Connect {
        /// Where.
        address: Address,
        /// The operating system's refusal.
        error: io::Error,
    },
    /// The daemon runs as a user whose word does not count.
    #[error("socket: {address}: its daemon runs as user {uid}; only root's or your own is trusted")]
    Untrusted {
        /// Where.
        address: Address,
        /// The daemon's user.
        uid: u32,
    },
    /// No answer came in time.
    #[error("daemon: no answer within {} seconds; see its log", .0.as_secs())]
    Silent(Duration),
    /// The daemon closed the connection before its answer was complete.
    #[error("daemon: it closed the connection before it had answered; see its log")]
    Closed,
    /// What came is no answer.
    #[error("daemon: {0}; check that it is of the same version")]
    Garbled(String),
    /// The operating system failed the connection.
    #[error("socket: {0}; see the daemon's log")]
    Io(io::Error),
    /// The daemon says no.
    #[error("{text}")]
    Refused {
        /// The errno that Linux's driver would answer with.
        errno: Errno,
        /// The field, what is wrong with it, and the remedy.
        text: String,
    },
}

impl Client {
    /// Connects to the daemon at `address` and checks that it runs as root or as this user.
    pub fn connect(address: &Address) -> Result<Client, ClientError> {
        let failed = |errno: rustix::io::Errno| match errno {
            rustix::io::Errno::CONNREFUSED | rustix::io::Errno::NOENT => {
                ClientError::NoDaemon(address.clone())
            }
            other => ClientError::Connect {
                address: address.clone(),
                error: other.into(),
            },
        };
        let place = match address {
            Address::Namespace(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
            Address::Path(path) => SocketAddrUnix::new(path.as_path()),
        };
        let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None).map_err(failed)?;
        for direction in [Timeout::Recv, Timeout::Send] {
            sockopt::set_socket_timeout(&socket, direction, Some(PATIENCE)).map_err(failed)?;
        }
        connect(&socket, &place.map_err(failed)?).map_err(failed)?;
        let uid = sockopt::socket_peercred(socket.as_fd())
            .map_err(failed)?
            .uid;
        if !is_trusted(uid, rustix::process::geteuid()) {
            return Err(ClientError::Untrusted {
                address: address.clone(),
                uid: uid.as_raw(),
            });
        }
        Ok(Client { socket })
    }

    /// Sends one encoded request and collects the objects that answer it, up to the
    /// acknowledgement or the end of the dump.
    pub fn request(&mut self, message: &[u8]) -> Result<Vec<Attributes>, ClientError> {
        let mut objects = Vec::new();
        self.follow(message, |object| objects.push(object))?;
        Ok(objects)
    }

    /// As [`Client::request`], with each object handed to `each` when it comes: those before a
    /// refusal are not lost.
    pub fn follow(
        &mut self,
        message: &[u8],
        mut each: impl FnMut(Attributes),
    ) -> Result<(), ClientError> {
        send(&self.socket, message, SendFlags::NOSIGNAL).map_err(|e| self.failed(e))?;
        let answers = Answers::to(message);
        let mut packet = vec![0; PACKET];
        loop {
            let len = self.receive(&mut packet)?;
            if answers.read(packet.get(..len).unwrap_or_default(), &mut each)? {
                return Ok(());
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn from_socket(socket: OwnedFd) -> Client {
        Client { socket }
    }

    fn receive(&self, packet: &mut [u8]) -> Result<usize, ClientError> {
        loop {
            // With TRUNC the length is that of the packet, even where the buffer is shorter.
            match recv(&self.socket, &mut *packet, RecvFlags::TRUNC) {
                Ok((_, 0)) => return Err(ClientError::Closed),
                Ok((_, len)) if len > packet.len() => {
                    let text = format!("a packet of {len} octets where {PACKET} are the most");
                    return Err(ClientError::Garbled(text));
                }
                Ok((_, len)) => return Ok(len),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(self.failed(errno)),
            }
        }
    }

    fn failed(&self, errno: rustix::io::Errno) -> ClientError {
        match errno {
            rustix::io::Errno::AGAIN => {
                let set = sockopt::socket_timeout(&self.socket, Timeout::Recv);
                ClientError::Silent(set.ok().flatten().unwrap_or(PATIENCE))
            }
            rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET => ClientError::Closed,
            other => ClientError::Io(other.into()),
        }
    }
}

/// Whether a daemon of user `theirs` is one to believe and to hand requests to.
fn is_trusted(theirs: Uid, own: Uid) -> bool {
    theirs.is_root() || theirs == own
}

fn no_daemon(address: &Address) -> String {
    match address {
        Address::Namespace(_) => format!(
            "socket: no daemon answers on {address} in this network namespace; \
             start one with: adit run"
        ),
        Address::Path(path) => {
            let path = path.display();
            format!("socket: no daemon answers on {path}; start one with: adit run --socket {path}")
        }
    }
}

#[cfg(test)]
mod tests;
