//! Memory that a process and its copies share.

use super::check;
use std::io;
use std::sync::atomic::AtomicU64;

/// How many words there are.
const WORDS: usize = 2;

/// Words that copies of this process, made from now on, have in common with it. They stay until it
/// ends.
pub(crate) fn words() -> io::Result<[&'static AtomicU64; WORDS]> {
    let len = WORDS * size_of::<AtomicU64>();
    let (protection, kind) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED | libc::MAP_ANONYMOUS,
    );
    // SAFETY: a new mapping, at an address that the kernel chooses, touches no other memory.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, kind, -1, 0) };
    if at == libc::MAP_FAILED {
        check(-1)?;
    }
    // SAFETY: the mapping is a page at least, aligned for any word and full of zeros; it is never
    // unmapped, and nobody has it other than as atomic words.
    let words = unsafe { &*at.cast::<[AtomicU64; WORDS]>() };
    Ok(words.each_ref())
}
