use crate::sys::socket;
use std::io;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// For so long after a message that the kernel cut, packets that leave one by one have checksums too.
/// A receiver's kernel joins those that have one and holds them back meanwhile, so that one without
/// would overtake them.
const LINGER: Duration = Duration::from_secs(1);

/// Whether the packets of a tunnel that does not mind get UDP checksums.
#[derive(Debug, Default)]
pub(super) struct Checksums {
    /// Whether the socket adds them.
    on: bool,
    /// When a message was cut last.
    cut: Option<Instant>,
}

impl Checksums {
    /// Prepares the socket for messages, of which some are to be `cut` by the kernel or none.
    ///
    /// # Errors
    /// The socket's.
    pub(super) fn prepare(&mut self, socket: &socket2::Socket, cut: bool) -> io::Result<()> {
        let wanted = self.want(cut, Instant::now);
        if self.on != wanted {
            socket::set_checksums(socket, wanted)?;
            self.on = wanted;
        }
        Ok(())
    }

    /// Has the socket add them until [`Checksums::prepare`] decides anew.
    pub(super) fn insist(&mut self, socket: &socket2::Socket) {
        self.on = self.on || socket::set_checksums(socket, true).is_ok();
    }

    /// The kernel cuts nothing that shall have no checksum.
    fn want(&mut self, cut: bool, now: impl FnOnce() -> Instant) -> bool {
        if cut {
            self.cut = Some(now());
        } else if self.cut.is_some_and(|cut| now() - cut > LINGER) {
            self.cut = None;
        }
        self.cut.is_some()
    }
}
