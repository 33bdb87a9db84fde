use crate::namespace::Namespace;
use crate::sys::{self, Frames};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

/// Octets of the longest frame that is received, headers included, and some more.
const LONGEST: usize = 1 << 17;

/// A network device whose wire is in the hands of a test: what the kernel sends on it is
/// received here, and what is sent here the kernel receives from it.
#[derive(Debug)]
pub struct Tap {
    file: File,
    buffer: Vec<u8>,
}

impl Namespace {
    /// Adds the TAP device `name`, down. It goes when the value is dropped.
    ///
    /// # Errors
    /// EBUSY when the name is taken, EPERM without CAP_NET_ADMIN.
    pub fn tap(&self, name: &str) -> io::Result<Tap> {
        self.open_tap(name, Frames::Bare)
    }

    /// As [`Namespace::tap`], for frames with a virtio header of 10 octets in front (virtio 1.2,
    /// 5.1.6), which lets one stand for many. Those that are received do so only after
    /// [`Tap::set_offloads`].
    pub fn virtio_tap(&self, name: &str) -> io::Result<Tap> {
        self.open_tap(name, Frames::Virtio)
    }

    /// As [`Namespace::tap`], for an end of a wire: where the device's generic-receive-offload is on,
    /// what is sent here is merged as a NIC's packets are.
    pub fn wire_tap(&self, name: &str) -> io::Result<Tap> {
        self.open_tap(name, Frames::Merged)
    }

    /// Switches a device's offloads: checksums and segments of what it sends, and the joining of
    /// what it receives.
    ///
    /// # Errors
    /// ENODEV without the device.
    pub fn set_offloads(&self, link: &str, on: bool) -> io::Result<()> {
        /// ETHTOOL_STXCSUM, without which nothing is segmented, ETHTOOL_SGSO and ETHTOOL_SGRO.
        const COMMANDS: [u32; 3] = [0x17, 0x24, 0x2c];
        self.run(|| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            let set = |command| sys::ethtool(&socket, link, command, on.into());
            COMMANDS.into_iter().try_for_each(set)
        })
    }

    fn open_tap(&self, name: &str, frames: Frames) -> io::Result<Tap> {
        let file = self.run(|| {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/net/tun")?;
            sys::become_tap(&file, name, frames)?;
            Ok::<_, io::Error>(file)
        })?;
        Ok(Tap::of(file))
    }
}

impl Tap {
    fn of(file: File) -> Tap {
        Tap {
            file,
            buffer: vec![0; LONGEST],
        }
    }

    /// Another hand on the same wire: each frame goes to one of them.
    ///
    /// # Errors
    /// EMFILE when the process has too many files.
    pub fn try_clone(&self) -> io::Result<Tap> {
        Ok(Tap::of(self.file.try_clone()?))
    }

    /// Sends one Ethernet frame.
    ///
    /// # Errors
    /// EIO while the device is down.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.write_all(frame)
    }

    /// Says whether this end takes frames that stand for many, and checksums to complete.
    pub fn set_offloads(&self, on: bool) -> io::Result<()> {
        sys::set_tap_offloads(&self.file, on)
    }

    /// The next frame that `wanted` accepts; `None` when there is none for `patience`. Others
    /// are thrown away.
    pub fn receive(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            if poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&left))? == 0 {
                return Ok(None);
            }
            let length = self.file.read(&mut self.buffer)?;
            if wanted(&self.buffer[..length]) {
                return Ok(Some(self.buffer[..length].to_vec()));
            }
        }
    }
}
