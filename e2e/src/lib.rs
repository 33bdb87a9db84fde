//! What the end-to-end tests share.

mod harness;

pub use harness::{Test, run, test};
