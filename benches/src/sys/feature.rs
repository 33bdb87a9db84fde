//! A network device's offload features, by the names that `ethtool -k` shows.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

const SIOCETHTOOL: libc::Ioctl = 0x8946;
const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSSET_INFO: u32 = 0x37;
const ETHTOOL_GFEATURES: u32 = 0x3a;
const ETHTOOL_SFEATURES: u32 = 0x3b;
const ETH_SS_FEATURES: u32 = 4;
/// Bytes of one name in a string set.
const NAME: usize = 32;

/// The features of one device of this process's network namespace.
pub(crate) struct Features {
    socket: UdpSocket,
    device: String,
    names: Vec<String>,
}

impl Features {
    /// Asks the kernel which features it knows for `device`.
    pub(crate) fn of(device: &str) -> io::Result<Features> {
        let mut features = Features {
            socket: UdpSocket::bind("127.0.0.1:0")?,
            device: device.to_owned(),
            names: Vec::new(),
        };
        features.names = features.read_names()?;
        Ok(features)
    }

    /// Switches `name` on or off; the kernel may still refuse, which [`Features::active`] shows.
    pub(crate) fn set(&self, name: &str, on: bool) -> io::Result<()> {
        let index = self.index(name)?;
        let blocks = self.names.len().div_ceil(32);
        let mut request = vec![0u32; 2 + 2 * blocks];
        request[0] = ETHTOOL_SFEATURES;
        request[1] = blocks as u32;
        let block = 2 + 2 * (index / 32);
        let bit = 1 << (index % 32);
        request[block] = bit;
        request[block + 1] = if on { bit } else { 0 };
        self.ioctl(&mut request)
    }

    /// Whether `name` is in force.
    pub(crate) fn active(&self, name: &str) -> io::Result<bool> {
        let index = self.index(name)?;
        let blocks = self.names.len().div_ceil(32);
        let mut request = vec![0u32; 2 + 4 * blocks];
        request[0] = ETHTOOL_GFEATURES;
        request[1] = blocks as u32;
        self.ioctl(&mut request)?;
        // A block is: available, requested, active, never changed.
        Ok(request[2 + 4 * (index / 32) + 2] & (1 << (index % 32)) != 0)
    }

    fn index(&self, name: &str) -> io::Result<usize> {
        self.names
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::Unsupported,
                    format!("no feature {name} in this kernel"),
                )
            })
    }

    fn read_names(&self) -> io::Result<Vec<String>> {
        // cmd, reserved, a 64-bit mask of sets, then one length per set asked for.
        let mut info = vec![ETHTOOL_GSSET_INFO, 0, 1 << ETH_SS_FEATURES, 0, 0];
        self.ioctl(&mut info)?;
        let count = info[4] as usize;
        let mut strings = vec![0u32; 3 + count * NAME / 4];
        strings[0] = ETHTOOL_GSTRINGS;
        strings[1] = ETH_SS_FEATURES;
        strings[2] = count as u32;
        self.ioctl(&mut strings)?;
        let bytes: Vec<u8> = strings[3..]
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect();
        Ok(bytes.chunks_exact(NAME).map(text).collect())
    }

    /// Runs one ethtool request; `request` must have room for the answer its header announces.
    fn ioctl(&self, request: &mut [u32]) -> io::Result<()> {
        // SAFETY: an ifreq is integers, bytes and a pointer, for which all zeroes is a value.
        let mut ifreq: libc::ifreq = unsafe { std::mem::zeroed() };
        if self.device.len() >= ifreq.ifr_name.len() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "device name too long",
            ));
        }
        for (to, from) in ifreq.ifr_name.iter_mut().zip(self.device.bytes()) {
            *to = from as libc::c_char;
        }
        ifreq.ifr_ifru.ifru_data = request.as_mut_ptr().cast();
        // SAFETY: the ifreq lives through the call and its data points at `request`, whose
        // length every caller derives from the counts in the request's own header.
        let done = unsafe { libc::ioctl(self.socket.as_raw_fd(), SIOCETHTOOL, &raw mut ifreq) };
        if done < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

fn text(name: &[u8]) -> String {
    let end = name
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(name.len());
    String::from_utf8_lossy(&name[..end]).into_owned()
}
