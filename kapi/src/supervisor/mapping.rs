//! What `/proc/PID/maps` says of a program's memory.

use super::caller::errno;
use adit_wire::netlink::Errno;
use std::io::BufRead;

/// Whether the program itself may write all `len` octets from `address` on. `maps` is read as far
/// as it matters: mappings come in the order of their addresses.
pub(super) fn writable(maps: impl BufRead, address: u64, len: usize) -> Result<bool, Errno> {
    let Some(end) = address.checked_add(len as u64) else {
        return Ok(false);
    };
    let mut reached = address;
    for line in maps.lines() {
        let line = line.map_err(|err| errno(&err))?;
        let Some(mapping) = Mapping::read(&line) else {
            return Ok(false);
        };
        if mapping.end <= reached {
            continue;
        }
        if mapping.start > reached || !mapping.writable {
            return Ok(false);
        }
        reached = mapping.end;
        if reached >= end {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Mapping {
    start: u64,
    end: u64,
    writable: bool,
}

impl Mapping {
    /// A line like `7f2c1a000000-7f2c1a021000 rw-p 00000000 00:00 0`.
    fn read(line: &str) -> Option<Mapping> {
        let mut fields = line.split(' ');
        let (start, end) = fields.next()?.split_once('-')?;
        Some(Mapping {
            start: u64::from_str_radix(start, 16).ok()?,
            end: u64::from_str_radix(end, 16).ok()?,
            writable: fields.next()?.as_bytes().get(1) == Some(&b'w'),
        })
    }
}

#[cfg(test)]
mod tests;
