//! Meaning to decisions: L2TP's control protocols, without a clock, a socket or a thread.
//!
//! Time, randomness and datagrams are arguments; what is to be done is a value. The same inputs at
//! the same times give the same outputs.
#![forbid(unsafe_code)]

pub mod l2tp;
mod random;
pub mod sim;
mod time;

pub use random::Random;
pub use time::Instant;
