//! Super-frames: one frame that stands for many segments of a flow, as the kernel exchanges them
//! with a TAP or TUN device by virtio header (virtio 1.2 §5.1.6).
//!
//! [`split`] cuts what a device gives into the frames that the peer gets, [`merge`] joins what the
//! peer sent into what a device takes. Neither is needed for anything but speed.

mod flow;
mod key;
pub(crate) mod merge;
pub(crate) mod split;
mod virtio;

pub(crate) use flow::{Layout, Transport, network};
pub(crate) use virtio::{HEADER_LEN, VirtioHeader};

#[cfg(test)]
mod tests;
