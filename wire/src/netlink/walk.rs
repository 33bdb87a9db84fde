//! The attributes of a buffer, which netlink and its nests lay out alike.

/// The attributes of a buffer by number, flags masked off; ends where the buffer is malformed.
pub(super) fn walk(attributes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    places(attributes).map(|(_, number, value)| (number, value))
}

/// As [`walk`], with how many octets stand in front of each attribute.
pub(super) fn places(attributes: &[u8]) -> impl Iterator<Item = (usize, u16, &[u8])> {
    let mut rest = attributes;
    core::iter::from_fn(move || {
        let at = attributes.len() - rest.len();
        let head: &[u8; 4] = rest.first_chunk()?;
        let len = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let number = u16::from_ne_bytes([head[2], head[3]]) & NUMBER;
        let value = rest.get(4..len)?;
        // The last attribute may lack its padding.
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some((at, number, value))
    })
}

/// The u64 counters of a nest by number; values of another size are passed over.
pub(super) fn counters(nest: &[u8]) -> impl Iterator<Item = (u16, u64)> {
    walk(nest)
        .filter_map(|(number, value)| Some((number, u64::from_ne_bytes(value.try_into().ok()?))))
}

/// NLA_TYPE_MASK: an attribute's type without its nested and byte-order flags.
const NUMBER: u16 = 0x3fff;
