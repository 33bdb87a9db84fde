//! Files: which of those that a program opens are the emulation's.

use super::caller::Caller;
use super::dumps::{self, Listing};
use super::{Reply, Supervisor, ppp};
use crate::sys::seccomp::Outcome;
use adit_wire::netlink::Errno;

/// The device of PPP.
const PPP: &[u8] = b"/dev/ppp";
/// A longer path is another one.
const PATH_OCTETS: usize = 64;

/// Answers open of a path, if that is one of ours and there is a daemon to serve it.
pub(super) async fn open(
    supervisor: &Supervisor,
    caller: &Caller<'_>,
    path: u64,
    flags: i32,
) -> Result<Reply, Errno> {
    let go_on = Ok(Reply::So(Outcome::Continue));
    // A path that cannot be read is the kernel's to refuse.
    let Ok(path) = caller.string(path, PATH_OCTETS) else {
        return go_on;
    };
    // Whoever opens it only to read or to write may do both.
    if path == PPP {
        return ppp::open(supervisor, caller, flags).await;
    }
    match Listing::at(&path).filter(|_| supervisor.scope.files) {
        Some(listing) => dumps::open(supervisor, caller, listing, flags).await,
        None => go_on,
    }
}
