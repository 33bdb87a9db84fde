//! System calls that no safe wrapper offers: batched datagrams and device features.
//!
//! The only module of this crate that contains `unsafe`.

mod batch;
mod feature;

pub(crate) use batch::{Batch, send_repeated};
pub(crate) use feature::Features;

#[cfg(test)]
mod tests;
