//! What a program sends to an address of its choice.

use crate::supervisor::caller::Caller;
use adit_wire::netlink::Errno;

/// The longest message that fits into an IP packet.
const MESSAGE_OCTETS: usize = 65535;
/// Octets of the longest address, and pieces of a message, that the kernel takes.
const NAME_OCTETS: usize = 128;
const PIECES: u64 = 1024;

const EMSGSIZE: Errno = Errno(libc::EMSGSIZE);

/// A message and the address that it goes to.
pub(super) struct Addressed {
    pub(super) to: Vec<u8>,
    pub(super) message: Vec<u8>,
}

/// The address of a call, copied.
pub(super) fn address(caller: &Caller<'_>, address: u64, len: i32) -> Result<Vec<u8>, Errno> {
    let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
    match len > NAME_OCTETS {
        true => Err(Errno::EINVAL),
        false => caller.copy(address, len),
    }
}

/// The message of sendto.
pub(super) fn octets(caller: &Caller<'_>, data: u64, len: u64) -> Result<Vec<u8>, Errno> {
    match usize::try_from(len) {
        Ok(len) if len <= MESSAGE_OCTETS => caller.copy(data, len),
        Ok(_) | Err(_) => Err(EMSGSIZE),
    }
}

/// The message of sendmsg; none when it has no address.
pub(super) fn gather(caller: &Caller<'_>, header: u64) -> Result<Option<Addressed>, Errno> {
    // A msghdr of 64-bit machines: the address and its length, the pieces and their number.
    let header: [u8; 32] = caller.array(header)?;
    let word = |at: usize| {
        let octets = header.get(at..).and_then(<[u8]>::first_chunk);
        octets.map_or(0, |octets| u64::from_ne_bytes(*octets))
    };
    let (name, name_len, pieces, count) = (word(0), word(8) as u32, word(16), word(24));
    if name == 0 || name_len == 0 {
        return Ok(None);
    }
    // Longer ones are cut.
    let name_len = i32::try_from(name_len).map_err(|_| Errno::EINVAL)?;
    let to = address(caller, name, name_len.min(NAME_OCTETS as i32))?;
    if count > PIECES {
        return Err(EMSGSIZE);
    }
    let table = caller.copy(pieces, 16 * count as usize)?;
    let mut message = Vec::new();
    for piece in table.chunks_exact(16) {
        let word = |at: usize| {
            let octets = piece.get(at..).and_then(<[u8]>::first_chunk);
            octets.map_or(0, |octets| u64::from_ne_bytes(*octets))
        };
        message.extend(octets(caller, word(0), word(8))?);
        if message.len() > MESSAGE_OCTETS {
            return Err(EMSGSIZE);
        }
    }
    Ok(Some(Addressed { to, message }))
}
