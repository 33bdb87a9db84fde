//! What a network device is set to do.

use super::check;
use rustix::net::{AddressFamily, SocketType, socket};
use std::io;
use std::os::fd::AsRawFd;

/// `struct ethtool_value`.
#[repr(C)]
struct Setting {
    command: u32,
    value: u32,
}

/// Whether the device of this name, in this thread's namespace, has what it receives merged (GRO).
pub(crate) fn merges(name: &str) -> io::Result<bool> {
    const ETHTOOL_GGRO: u32 = 0x2b;
    Ok(ask(name, ETHTOOL_GGRO, 0)? != 0)
}

/// Has the kernel cut super-frames of TCP before the device of this name, in this thread's namespace,
/// sends them (TSO off).
pub(crate) fn refuse_super_frames(name: &str) -> io::Result<()> {
    const ETHTOOL_STSO: u32 = 0x1f;
    ask(name, ETHTOOL_STSO, 0).map(drop)
}

/// Gives a command of `ethtool` with its value to a device, and the value that comes back.
fn ask(name: &str, command: u32, value: u32) -> io::Result<u32> {
    const SIOCETHTOOL: libc::Ioctl = 0x8946;
    let mut setting = Setting { command, value };
    let mut request = super::tap::interface_request(name)?;
    request.ifr_ifru.ifru_data = (&raw mut setting).cast();
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    // SAFETY: SIOCETHTOOL reads an ifreq, which `request` is, whose data is the struct of the
    // command; it lives through the call.
    check(unsafe { libc::ioctl(any.as_raw_fd(), SIOCETHTOOL, &raw mut request) })?;
    Ok(setting.value)
}
