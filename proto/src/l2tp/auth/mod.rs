//! What takes a secret: hidden AVPs, the tunnel's challenge, and message digests.
//!
//! A message that came goes through [`check`] (v3), then [`reveal`], and is then read by
//! [`adit_wire::l2tp::control`]. A message to send is written in clear, goes through [`cover`],
//! waits in the channel as often as it must, and gets its digests by [`seal`] each time it leaves,
//! because they reach over the header with its Nr. [`Auth`] does all this for one tunnel and knows
//! when which of it is due.
//!
//! Nothing here allocates per AVP; randomness is an argument, and comparisons take the same time
//! wherever values differ.

mod challenge;
mod cover;
mod digest;
mod hiding;
mod keys;
mod mint;
mod tunnel;

pub use challenge::{respond, response_is_right};
pub use cover::{Cover, CoverError, cover};
pub use digest::{Checked, DigestError, Nonces, check, nonce, seal};
pub use hiding::reveal;
pub use keys::Keys;
pub use mint::Mint;
pub use tunnel::{Auth, Unauthentic};

#[cfg(test)]
mod tests;
