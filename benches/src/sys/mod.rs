//! System calls that no safe wrapper offers: batched datagrams, device features and `/dev/ppp`.
//!
//! The only module of this crate that contains `unsafe`.

mod batch;
mod feature;
mod ppp;

pub(crate) use batch::{Batch, send_repeated};
pub(crate) use feature::Features;
pub(crate) use ppp::{new_unit, unit};

#[cfg(test)]
mod tests;
