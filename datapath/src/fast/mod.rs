//! The fast path: programs inside the kernel that move a session's plain packets past user space.
//!
//! [`program`] writes the programs, instruction by instruction; [`plan`] decides for which session
//! there is one, and what it has to know; [`keeper`] is the thread that loads and attaches them, and
//! looks from time to time whether they still fit; [`held`] is the program at a session's device. [`state`] is what sessions know of it.
//!
//! Whatever a program does not take goes on to user space, so a session that has none, or has one no
//! longer, loses nothing but speed.

mod assembler;
mod cutter;
mod facts;
mod held;
mod keeper;
mod plan;
mod program;
mod state;
mod underlay;

pub use plan::Scope;
pub use state::FastPath;

pub(crate) use held::Held;
pub(crate) use keeper::{FastOrder, Keeper};
pub(crate) use state::State;
