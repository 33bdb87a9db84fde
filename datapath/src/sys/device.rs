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
    const SIOCETHTOOL: libc::Ioctl = 0x8946;
    let mut setting = Setting {
        command: ETHTOOL_GGRO,
        value: 0,
    };
    let mut request = super::tap::interface_request(name)?;
    request.ifr_ifru.ifru_data = (&raw mut setting).cast();
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    // SAFETY: SIOCETHTOOL reads an ifreq, which `request` is, whose data is the struct of the
    // command; it lives through the call.
    check(unsafe { libc::ioctl(any.as_raw_fd(), SIOCETHTOOL, &raw mut request) })?;
    Ok(setting.value != 0)
}
