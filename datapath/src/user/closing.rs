//! A thread that hears when programs close the sockets that their tunnels are on.

use crate::user::{Event, Notify};
use adit_wire::l2tp::TunnelId;
use netlink_sys::{Socket, SocketAddr};
use rustc_hash::FxHashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// NETLINK_SOCK_DIAG, and its groups that tell of UDP sockets' ends, for IPv4 and IPv6.
const SOCK_DIAG: isize = 4;
const DESTROYED: u32 = 1 << 1 | 1 << 3;

/// Where an inet_diag_msg has the socket's cookie, behind the netlink header.
const COOKIE: usize = 16 + 4 + 40;

/// The sockets that are followed, by their cookies, which no two sockets ever share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Closing {
    sockets: Arc<Mutex<FxHashMap<u64, TunnelId>>>,
}

impl Closing {
    /// Starts the thread. It lives as long as the process.
    pub(crate) fn follow(&self, notify: Notify) -> io::Result<()> {
        let mut socket = Socket::new(SOCK_DIAG)?;
        // Many may close at once, and each counts.
        let _ = socket.set_rx_buf_sz(4 << 20);
        socket.bind(&SocketAddr::new(0, DESTROYED))?;
        let closing = self.clone();
        let hear = move || {
            loop {
                match socket.recv_from_full() {
                    Ok((octets, _)) => closing.hear(&octets, &notify),
                    Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => {
                        tracing::warn!("sockets were closed faster than could be followed");
                    }
                    Err(_) => return,
                }
            }
        };
        std::thread::Builder::new()
            .name("closing".into())
            .spawn(hear)?;
        Ok(())
    }

    /// Follows the socket of a tunnel; false when it carries another one already.
    pub(crate) fn add(&self, cookie: u64, tunnel: TunnelId) -> bool {
        let mut sockets = self.lock();
        let free = !sockets.contains_key(&cookie);
        if free {
            sockets.insert(cookie, tunnel);
        }
        free
    }

    /// Follows the socket of a tunnel no longer.
    pub(crate) fn remove(&self, tunnel: TunnelId) {
        self.lock().retain(|_, other| *other != tunnel);
    }

    fn hear(&self, octets: &[u8], notify: &Notify) {
        let cookie = octets.get(COOKIE..).and_then(<[u8]>::first_chunk);
        let closed = cookie.and_then(|cookie| self.lock().remove(&u64::from_ne_bytes(*cookie)));
        if let Some(tunnel) = closed {
            notify(Event::TunnelClosed(tunnel));
        }
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<u64, TunnelId>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
