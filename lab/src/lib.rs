//! Throw-away networks: anonymous network namespaces, the links between them, and traffic over
//! those links.
//!
//! Nothing here has a name outside the process that made it, so nothing has to be cleaned up:
//! the kernel takes a namespace down with the last process and descriptor in it, also when all
//! of them were killed.
//!
//! ```no_run
//! use adit_lab::{Namespace, Ping, become_root, veth};
//!
//! become_root()?;
//! let (a, b) = (Namespace::new("a")?, Namespace::new("b")?);
//! veth(&a, "va", &b, "vb")?;
//! a.add_address("va", "192.0.2.1/24")?;
//! b.add_address("vb", "192.0.2.2/24")?;
//! a.set_up("va")?;
//! b.set_up("vb")?;
//! assert_eq!(Ping::to([192, 0, 2, 2]).count(3).run(&a)?.received, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod command;
mod link;
mod namespace;
mod ping;
mod root;
mod route;
mod rtnetlink;
mod sys;
mod tagging;
mod tap;
mod transfer;

pub use command::NsCommand;
pub use link::{Link, veth};
pub use namespace::Namespace;
pub use ping::{Ping, PingReport};
pub use root::{Skip, become_root, require_tun};
pub use rustix::thread::CapabilitySet;
pub use tagging::Tagging;
pub use tap::Tap;
pub use transfer::{Amount, Transfer, tcp_transfer};
