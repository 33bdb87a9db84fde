//! What `/proc/PID/maps` says of a program's memory.

use super::caller::errno;
use crate::sys::memory::writable_until;
use adit_wire::netlink::Errno;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek};

/// Whether the program itself may write all `len` octets from `address` on, by its `/proc/PID/maps`.
/// A kernel that answers for one address need not be read out.
pub(super) fn writable(mut maps: &File, address: u64, len: usize) -> Result<bool, Errno> {
    match asked(maps, address, len) {
        Err(err) if err.raw_os_error() == Some(libc::ENOTTY) => {
            maps.rewind().map_err(|err| errno(&err))?;
            listed(BufReader::new(maps), address, len)
        }
        outcome => outcome.map_err(|err| errno(&err)),
    }
}

fn asked(maps: &File, address: u64, len: usize) -> io::Result<bool> {
    let Some(end) = address.checked_add(len as u64) else {
        return Ok(false);
    };
    let mut reached = address;
    while reached < end {
        match writable_until(maps, reached)? {
            Some(until) if until > reached => reached = until,
            Some(_) | None => return Ok(false),
        }
    }
    Ok(true)
}

/// The same by the text, read as far as it matters: mappings come in the order of their addresses.
fn listed(maps: impl BufRead, address: u64, len: usize) -> Result<bool, Errno> {
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
