//! What a program's datagrams say, as far as the supervisor looks at it.

use adit_wire::netlink::{Attributes, Command, Frames};

/// The messages of a datagram, padding left out; ends where one is malformed, as Linux does.
pub fn messages(datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let len = u32::from_ne_bytes(*rest.first_chunk()?) as usize;
        let message = rest.get(..len).filter(|_| len >= 16)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some(message)
    })
}

/// The descriptor that L2TP_ATTR_FD of a message to the family names, where it means one.
pub fn named_descriptor(message: &[u8]) -> Option<u32> {
    let frame = Frames::new(message).next()?.ok()?;
    let (command, _, attributes) = frame.genl()?;
    let attributes = Attributes::read_linux(attributes).ok()?;
    let makes = command == Command::TunnelCreate.number();
    attributes.fd.filter(|_| makes)
}

#[cfg(test)]
mod tests;
