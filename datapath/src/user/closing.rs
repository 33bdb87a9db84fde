//! A thread that hears when programs close the sockets that their tunnels are on.

use crate::user::{Event, Notify};
use adit_wire::l2tp::TunnelId;
use netlink_sys::{Socket, SocketAddr};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
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
    sockets: Arc<Mutex<FxHashMap<u64, Followed>>>,
}

#[derive(Debug, Clone, Copy)]
struct Followed {
    tunnel: TunnelId,
    /// Whether it is bound, as only then the kernel lists it.
    is_listed: bool,
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
                    // More were closed at once than there was room for.
                    Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => closing.look(&notify),
                    Err(_) => return,
                }
            }
        };
        std::thread::Builder::new()
            .name("closing".into())
            .spawn(hear)?;
        Ok(())
    }

    /// Follows the socket of a tunnel, which is bound if `is_listed`; false when it carries another
    /// tunnel already.
    pub(crate) fn add(&self, cookie: u64, tunnel: TunnelId, is_listed: bool) -> bool {
        let mut sockets = self.lock();
        let free = !sockets.contains_key(&cookie);
        if free {
            sockets.insert(cookie, Followed { tunnel, is_listed });
        }
        free
    }

    /// Follows the socket of a tunnel no longer.
    pub(crate) fn remove(&self, tunnel: TunnelId) {
        self.lock().retain(|_, other| other.tunnel != tunnel);
    }

    fn hear(&self, octets: &[u8], notify: &Notify) {
        let cookie = octets.get(COOKIE..).and_then(<[u8]>::first_chunk);
        let closed = cookie.and_then(|cookie| self.lock().remove(&u64::from_ne_bytes(*cookie)));
        if let Some(closed) = closed {
            notify(Event::TunnelClosed(closed.tunnel));
        }
    }

    /// Looks which sockets are there, after news were lost.
    fn look(&self, notify: &Notify) {
        // What is followed only now may be missing from the list.
        let before: Vec<u64> = self.lock().keys().copied().collect();
        let there = match there() {
            Ok(there) => there,
            Err(error) => {
                tracing::error!(%error, "cannot tell which sockets were closed");
                return;
            }
        };
        for cookie in before.iter().filter(|cookie| !there.contains(cookie)) {
            let mut sockets = self.lock();
            let is_listed = |followed: &Followed| followed.is_listed;
            if sockets.get(cookie).is_some_and(is_listed)
                && let Some(closed) = sockets.remove(cookie)
            {
                drop(sockets);
                notify(Event::TunnelClosed(closed.tunnel));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<u64, Followed>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cookies of all bound UDP sockets of the namespace.
fn there() -> io::Result<BTreeSet<u64>> {
    let mut socket = Socket::new(SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut there = BTreeSet::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        socket.send(&question(family as u8), 0)?;
        'dump: loop {
            let (octets, _) = socket.recv_from_full()?;
            for message in messages(&octets) {
                match message.get(KIND..).and_then(|kind| kind.first_chunk()) {
                    Some(&DONE) => break 'dump,
                    Some(&ERROR) => return Err(refusal(message)),
                    _ => {}
                }
                let cookie = message.get(COOKIE..).and_then(<[u8]>::first_chunk);
                there.extend(cookie.map(|cookie| u64::from_ne_bytes(*cookie)));
            }
        }
    }
    Ok(there)
}

/// Where a netlink header has the message's type, and the types that end a list.
const KIND: usize = 4;
const ERROR: [u8; 2] = 2u16.to_ne_bytes();
const DONE: [u8; 2] = 3u16.to_ne_bytes();

/// SOCK_DIAG_BY_FAMILY of `linux/sock_diag.h`, with NLM_F_REQUEST and NLM_F_DUMP: all UDP sockets,
/// whatever their state, ports and addresses.
fn question(family: u8) -> Vec<u8> {
    let mut out = 72u32.to_ne_bytes().to_vec();
    out.extend(20u16.to_ne_bytes());
    out.extend(0x301u16.to_ne_bytes());
    out.extend([0; 8]);
    out.extend([family, libc::IPPROTO_UDP as u8, 0, 0]);
    out.extend(u32::MAX.to_ne_bytes());
    out.resize(72, 0);
    out
}

/// The messages of a datagram; ends where one is malformed.
fn messages(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let len = u32::from_ne_bytes(*rest.first_chunk()?) as usize;
        let message = rest.get(..len).filter(|_| len >= 16)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some(message)
    })
}

/// The error that stands behind the header of an answer.
fn refusal(message: &[u8]) -> io::Error {
    let errno = message.get(16..).and_then(|rest| rest.first_chunk());
    let errno = errno.map_or(libc::EIO, |errno| {
        i32::from_ne_bytes(*errno).saturating_neg()
    });
    io::Error::from_raw_os_error(errno)
}

#[cfg(test)]
mod tests;
