use crate::namespace::Namespace;
use crate::sys;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// A network device whose wire is in the hands of a test: what the kernel sends on it is
/// received here, and what is sent here the kernel receives from it.
#[derive(Debug)]
pub struct Tap {
    file: File,
}

impl Namespace {
    /// Adds the TAP device `name`, down. It goes when the value is dropped.
    ///
    /// # Errors
    /// EBUSY when the name is taken, EPERM without CAP_NET_ADMIN.
    pub fn tap(&self, name: &str) -> io::Result<Tap> {
        let file = self.run(|| {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/net/tun")?;
            sys::become_tap(&file, name)?;
            Ok::<_, io::Error>(file)
        })?;
        Ok(Tap { file })
    }
}

impl Tap {
    /// Sends one Ethernet frame.
    ///
    /// # Errors
    /// EIO while the device is down.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.write_all(frame)
    }

    /// The next frame that `wanted` accepts; `None` when there is none for `patience`. Others
    /// are thrown away.
    pub fn receive(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + patience;
        let mut buffer = vec![0; 65536];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            if poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&left))? == 0 {
                return Ok(None);
            }
            let length = self.file.read(&mut buffer)?;
            if wanted(&buffer[..length]) {
                return Ok(Some(buffer[..length].to_vec()));
            }
        }
    }
}
