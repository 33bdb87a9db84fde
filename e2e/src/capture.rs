use adit_lab::Namespace;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, recv, socket_with};
use std::io;
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Everything that crosses the devices of a namespace, from the Ethernet header on.
#[derive(Debug)]
pub struct Capture {
    socket: OwnedFd,
}

impl Capture {
    /// Starts to listen.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW.
    pub fn new(namespace: &Namespace) -> io::Result<Capture> {
        /// ETH_P_ALL, in network order.
        const ALL: u32 = 3u16.to_be() as u32;
        let protocol = NonZeroU32::new(ALL).map(Protocol::from_raw);
        let (family, flags) = (AddressFamily::PACKET, SocketFlags::CLOEXEC);
        let open = || socket_with(family, SocketType::RAW, flags, protocol);
        let socket = namespace.run(open)?;
        Ok(Capture { socket })
    }

    /// The next frame of which `found` makes something; `None` when there is none for
    /// `patience`.
    pub fn find<T>(
        &self,
        patience: Duration,
        mut found: impl FnMut(&[u8]) -> Option<T>,
    ) -> io::Result<Option<T>> {
        let deadline = Instant::now() + patience;
        let mut buffer = vec![0; 1 << 17];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            set_socket_timeout(&self.socket, Timeout::Recv, Some(left))?;
            let length = match recv(&self.socket, &mut buffer[..], RecvFlags::empty()) {
                Ok((_, length)) => length.min(buffer.len()),
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if let Some(found) = found(&buffer[..length]) {
                return Ok(Some(found));
            }
        }
    }
}
