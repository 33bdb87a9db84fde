use crate::l2tp::config::Secret;
use adit_wire::l2tp::Version;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

/// A secret and the keys that version 3 derives from it; worth keeping, since every message of an
/// authenticated control connection takes one.
#[derive(Clone)]
pub struct Keys {
    secret: Secret,
    hiding: [u8; 16],
    digest: [u8; 16],
}

impl Keys {
    /// The keys of `secret`.
    pub fn new(secret: &Secret) -> Keys {
        Keys {
            hiding: derive(&secret.0, 1),
            digest: derive(&secret.0, 2),
            secret: secret.clone(),
        }
    }

    /// The keys of the empty secret, with which a digest shows damage and proves nothing
    /// (RFC 3931 §4.3).
    pub fn none() -> Keys {
        Keys::new(&Secret(Vec::new()))
    }

    /// The secret itself.
    pub(super) fn secret(&self) -> &[u8] {
        &self.secret.0
    }

    /// What goes into the hashes of hidden AVPs (RFC 2661 §4.3, RFC 3931 §5.3).
    pub(super) fn hiding(&self, version: Version) -> &[u8] {
        match version {
            Version::V2 => &self.secret.0,
            Version::V3 => &self.hiding,
        }
    }

    /// The key of message digests (RFC 3931 §5.4.1).
    pub(super) fn digest(&self) -> &[u8; 16] {
        &self.digest
    }
}

/// HMAC-MD5 over one octet with the secret as the key.
fn derive(secret: &[u8], octet: u8) -> [u8; 16] {
    let mac = Hmac::<Md5>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.chain_update([octet]).finalize().into_bytes().into()
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}
