use super::{Checked, Cover, CoverError, DigestError, Keys, Nonces};
use super::{check, cover, nonce, respond, response_is_right, reveal, seal};
use crate::Random;
use crate::l2tp::config::TunnelConfig;
use adit_wire::l2tp::Version;
use adit_wire::l2tp::avp::{DigestType, has_hidden};
use adit_wire::l2tp::control::MessageKind;
use std::sync::Arc;

/// What one tunnel knows of secrets: the keys, and in version 3 the nonces of both ends.
///
/// In version 3 messages are authenticated once either end has sent a nonce, and then all of them
/// are, both ways (RFC 3931 §4.3). In version 2 only the challenges are (RFC 2661 §5.1.1).
#[derive(Debug, Clone)]
pub struct Auth {
    keys: Arc<[Keys]>,
    digest: DigestType,
    required: bool,
    hide: bool,
    version: Version,
    /// The key that the peer showed to have, by a digest, a response, or by what it hid.
    proved: Option<usize>,
    /// Whether every message bears a digest.
    enabled: bool,
    /// Whether the nonce was put into a message; until then digests do without.
    advertised: bool,
    local: [u8; 16],
    remote: Box<[u8]>,
}

/// Why a message is dropped before anything in it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthentic {
    /// It has no message digest where every message must.
    #[error("a message digest is missing")]
    Missing,
    /// Its message digest is not that of a secret shared with this peer.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl Auth {
    /// What a tunnel with this configuration begins with, in the version of its first message.
    /// `nonce` is this end's, should it need one; [`Mint`](super::Mint) makes it.
    pub fn new(config: &TunnelConfig, version: Version, nonce: [u8; 16]) -> Auth {
        let keys: Arc<[Keys]> = config.secrets.iter().map(Keys::new).collect();
        Auth {
            digest: config.digest,
            required: config.authenticate,
            hide: config.hide,
            version,
            proved: None,
            enabled: false,
            advertised: false,
            local: nonce,
            remote: Box::default(),
            keys,
        }
    }

    /// Takes over the secrets and what else changed in a configuration. A control connection goes
    /// on with its nonces, so secrets can be exchanged under it: new and old at one end, then the
    /// new one at the other.
    pub fn reconfigure(&mut self, config: &TunnelConfig) {
        self.keys = config.secrets.iter().map(Keys::new).collect();
        self.digest = config.digest;
        self.required = config.authenticate;
        self.hide = config.hide;
        self.proved = None;
    }

    /// Goes on in the version that the peer chose.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// Whether a zero-length body may be sent; otherwise an acknowledgement is an ACK
    /// (RFC 3931 §6.15).
    pub fn allows_zlb(&self) -> bool {
        !(self.version == Version::V3 && self.enabled)
    }

    /// Whether messages that arrive prove who sent them.
    pub fn authenticates(&self) -> bool {
        self.version == Version::V3 && self.enabled
    }

    /// The nonce for the SCCRQ or SCCRP that is about to be written, and for all digests from then
    /// on; `None` when messages are not to be authenticated.
    pub fn nonce(&mut self) -> Option<[u8; 16]> {
        self.enabled |= self.required && !self.keys.is_empty();
        self.advertised |= self.enabled;
        self.enabled.then_some(self.local)
    }

    /// Whether a challenge belongs into the SCCRQ or SCCRP that is about to be written (v2).
    pub fn challenges(&self) -> bool {
        self.required && !self.keys.is_empty()
    }

    /// The response to the peer's challenge, in a message of kind `carrier`; `None` without a
    /// secret (v2).
    pub fn respond(&self, carrier: MessageKind, challenge: &[u8]) -> Option<[u8; 16]> {
        let keys = self.keys.get(self.proved.unwrap_or(0))?;
        Some(respond(carrier, keys, challenge))
    }

    /// Whether `response`, in a message of kind `carrier`, answers `challenge` with one of the
    /// secrets (v2).
    pub fn response_is_right(
        &mut self,
        carrier: MessageKind,
        challenge: &[u8],
        response: &[u8; 16],
    ) -> bool {
        let mut all = self.keys.iter();
        let right = all.position(|keys| response_is_right(carrier, keys, challenge, response));
        self.proved = right.or(self.proved);
        right.is_some()
    }

    /// Admits a message that came and gives its AVPs, whose hidden values are in clear as far as
    /// they can be (see [`reveal`]). `message` is the whole control message from its T bit on,
    /// `avps` the AVPs behind its header.
    ///
    /// In version 3 it must be authentic where that is agreed on or demanded; a nonce in an SCCRQ
    /// or SCCRP is learned, once.
    pub fn admit<'a>(
        &mut self,
        kind: Option<MessageKind>,
        message: &[u8],
        avps: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Unauthentic> {
        if self.version == Version::V3 {
            self.authenticate(kind, message, avps)?;
        }
        // Where both ends have both secrets, a message is signed with both, and hidden with one.
        self.proved = self.key_of(avps).or(self.proved);
        let keys = self.keys.get(self.proved.unwrap_or(0));
        Ok(reveal(avps, self.version, keys, scratch))
    }

    /// The key that what is hidden in `avps` was hidden with, if there is a choice and one fits.
    fn key_of(&self, avps: &[u8]) -> Option<usize> {
        if self.keys.len() < 2 || !has_hidden(avps) {
            return None;
        }
        let others = (0..self.keys.len()).filter(|index| Some(*index) != self.proved);
        self.proved.into_iter().chain(others).find(|index| {
            let mut scratch = Vec::new();
            let keys = self.keys.get(*index);
            !has_hidden(reveal(avps, self.version, keys, &mut scratch))
        })
    }

    fn authenticate(
        &mut self,
        kind: Option<MessageKind>,
        message: &[u8],
        avps: &[u8],
    ) -> Result<(), Unauthentic> {
        let bears_nonce = matches!(kind, Some(MessageKind::Sccrq | MessageKind::Sccrp));
        let wanted = bears_nonce && self.remote.is_empty();
        let learned = nonce(avps).filter(|_| wanted);
        let enabled = self.enabled || learned.is_some() && !self.keys.is_empty();
        let nonces = Nonces {
            remote: learned.unwrap_or(&self.remote),
            ..self.nonces()
        };
        let keys = if enabled { &self.keys[..] } else { &[] };
        match check(message, keys, nonces)? {
            Checked::Authentic(index) => {
                self.enabled = true;
                self.proved = Some(index);
                if let Some(nonce) = learned {
                    self.remote = nonce.into();
                }
                Ok(())
            }
            Checked::Absent | Checked::Intact if enabled || self.required => {
                Err(Unauthentic::Missing)
            }
            Checked::Absent | Checked::Intact => Ok(()),
        }
    }

    /// Appends the message `avps`, which are all in clear, to `out` as it is to be queued: with
    /// room for digests, and hidden as far as configured.
    pub fn cover(
        &self,
        avps: &[u8],
        random: &mut Random,
        out: &mut Vec<u8>,
    ) -> Result<(), CoverError> {
        // An SCCRQ that offers both versions has digests as well, for who takes up the third.
        let digests = match (self.enabled, self.keys.len()) {
            (false, _) => &[][..],
            (true, 0 | 1) => &[self.digest],
            (true, _) => &[self.digest; 2],
        };
        let may_hide = self.version == Version::V2 || self.enabled;
        // With two secrets, and no word of the peer's yet, either might be the one that it lacks.
        let known = self.proved.or((self.keys.len() == 1).then_some(0));
        let hide = known.and_then(|index| self.keys.get(index));
        let hide = hide.filter(|_| self.hide && may_hide);
        let how = Cover {
            version: self.version,
            hide,
            digests,
        };
        cover(avps, how, random, out)
    }

    /// Fills in the digests of `message`, a whole control message from its T bit on that is about
    /// to leave, for the first time or again.
    pub fn seal(&self, message: &mut [u8]) -> Result<(), DigestError> {
        match self.enabled {
            true => seal(message, &self.keys, self.nonces()),
            false => Ok(()),
        }
    }

    fn nonces(&self) -> Nonces<'_> {
        let local = if self.advertised {
            &self.local[..]
        } else {
            &[]
        };
        Nonces {
            local,
            remote: &self.remote,
        }
    }
}
