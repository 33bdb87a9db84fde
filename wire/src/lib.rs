//! Bytes to meaning and back: the formats Adit speaks, without any host underneath.
//!
//! [`l2tp`] holds the headers of RFC 2661 and RFC 3931, [`netlink`] the generic-netlink family
//! `l2tp`, which is both Linux's interface and Adit's own management protocol, [`ppp`] the front of
//! a PPP frame, [`ip`] what there is to know of the packets around and inside L2TP.
//!
//! Nothing here allocates behind the caller's back on the packet path, panics on input, or knows
//! of sockets, clocks and devices.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod ip;
pub mod l2tp;
pub mod netlink;
pub mod ppp;
