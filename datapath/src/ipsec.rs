//! Whether IPsec is at work in this namespace.

use netlink_sys::{Socket, SocketAddr};
use std::io;

/// NETLINK_XFRM and what of it is used here (`linux/xfrm.h`).
const NETLINK_XFRM: isize = 6;
const GET_SPD_INFO: u16 = 0x25;
const NEW_SPD_INFO: u16 = 0x24;
const SPD_INFO: u16 = 1;
const REQUEST: u16 = 1;
const HEADER: usize = 16;

/// Whether there are policies for what comes in, goes out or passes through. A kernel without IPsec
/// has none.
///
/// # Errors
/// What the kernel answered instead.
pub(crate) fn has_policies() -> io::Result<bool> {
    let mut socket = match Socket::new(NETLINK_XFRM) {
        Err(error) if error.raw_os_error() == Some(libc::EPROTONOSUPPORT) => return Ok(false),
        opened => opened?,
    };
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&request(), 0)?;
    let (answer, _) = socket.recv_from_full()?;
    policies(&answer)
        .map(|count| count != 0)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn request() -> Vec<u8> {
    let mut request = Vec::with_capacity(HEADER + 4);
    request.extend((HEADER as u32 + 4).to_ne_bytes());
    request.extend(GET_SPD_INFO.to_ne_bytes());
    request.extend(REQUEST.to_ne_bytes());
    // Sequence number, port, and flags that nobody reads.
    request.extend([0; 12]);
    request
}

/// How many policies an answer tells of: the first three words of its attribute.
fn policies(answer: &[u8]) -> Option<u64> {
    let half = |at: usize| Some(u16::from_ne_bytes(*answer.get(at..)?.first_chunk()?));
    let word = |at: usize| Some(u32::from_ne_bytes(*answer.get(at..)?.first_chunk()?));
    let attribute = HEADER + 4;
    if half(4)? != NEW_SPD_INFO || half(attribute + 2)? != SPD_INFO {
        return None;
    }
    let counts = [4, 8, 12].map(|at| word(attribute + at));
    counts
        .into_iter()
        .try_fold(0, |sum, count| Some(sum + u64::from(count?)))
}

#[cfg(test)]
mod tests;
