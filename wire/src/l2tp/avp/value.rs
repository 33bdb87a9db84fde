//! Values with more than one field, or with bits and numbers that have names.

use core::fmt;

/// Text of a peer's: shown as UTF-8 in one line, whatever the octets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a>(pub &'a [u8]);

/// The version of the protocol: 1.0 in both RFCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtocolVersion {
    /// Ver.
    pub version: u8,
    /// Rev.
    pub revision: u8,
}

/// A set of PPP framings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Framings(pub u32);

/// A set of bearers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bearers(pub u32);

/// Why a call was cleared, in Q.931's terms (RFC 2661 §4.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Q931Cause<'a> {
    /// The cause code.
    pub code: u16,
    /// The message code, such as that of DISCONNECT.
    pub message: u8,
    /// A text for people, ASCII.
    pub advisory: &'a [u8],
}

/// How the LAC authenticated the remote system (RFC 2661 §4.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenType(pub u16);

/// Counts since the call was established (RFC 2661 §4.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallErrors {
    /// PPP frames with a wrong check sequence.
    pub crc: u32,
    /// Improperly framed packets.
    pub framing: u32,
    /// Receive buffer overruns of the hardware.
    pub hardware_overruns: u32,
    /// Buffer overruns.
    pub buffer_overruns: u32,
    /// Time-outs.
    pub timeouts: u32,
    /// Alignment errors.
    pub alignment: u32,
}

/// Control characters to be escaped, bit n for character n (RFC 2661 §4.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accm {
    /// In what the LAC sends.
    pub send: u32,
    /// In what the LAC receives.
    pub receive: u32,
}

/// An AVP of a vendor whose id has more than 16 bits (RFC 3931 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VendorValue<'a> {
    /// The vendor's id.
    pub vendor: u32,
    /// The vendor's Attribute Type.
    pub attribute: u16,
    /// The value.
    pub value: &'a [u8],
}

/// A message digest (RFC 3931 §5.4.1): of 16 octets with HMAC-MD5, of 20 with HMAC-SHA-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageDigest<'a> {
    /// The algorithm.
    pub kind: DigestType,
    /// The digest.
    pub octets: &'a [u8],
}

/// The algorithm of a message digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigestType {
    /// HMAC-MD5, number 0.
    HmacMd5,
    /// HMAC-SHA-1, number 1.
    HmacSha1,
}

/// A pseudowire type, numbered as by IANA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PwType(pub u16);

/// A list of pseudowire types, as it stands in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PwTypes<'a>(pub(super) &'a [[u8; 2]]);

/// A sublayer between cookie and payload; others than these two belong to pseudowire types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SublayerType(pub u16);

/// Which data messages the sender wants numbered (RFC 3931 §5.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DataSequencing {
    /// None.
    None,
    /// Those that do not carry IP.
    NonIp,
    /// All.
    All,
}

/// The state of a circuit: bits of RFC 5641 §2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CircuitStatus(pub u16);

impl Framings {
    /// A: asynchronous.
    pub const ASYNC: Framings = Framings(2);
    /// S: synchronous.
    pub const SYNC: Framings = Framings(1);
    /// Both.
    pub const BOTH: Framings = Framings(3);
}

impl Bearers {
    /// A: analog.
    pub const ANALOG: Bearers = Bearers(2);
    /// D: digital.
    pub const DIGITAL: Bearers = Bearers(1);
    /// B: broadband (RFC 3301).
    pub const BROADBAND: Bearers = Bearers(4);
}

impl ProtocolVersion {
    /// The one that both RFCs define.
    pub const V1_0: ProtocolVersion = ProtocolVersion {
        version: 1,
        revision: 0,
    };
}

impl AuthenType {
    /// A name and a password in clear.
    pub const TEXTUAL: AuthenType = AuthenType(1);
    /// CHAP.
    pub const CHAP: AuthenType = AuthenType(2);
    /// PAP.
    pub const PAP: AuthenType = AuthenType(3);
    /// None.
    pub const NONE: AuthenType = AuthenType(4);
    /// MS-CHAP, version 1.
    pub const MSCHAP: AuthenType = AuthenType(5);
}

impl DigestType {
    /// Octets of such a digest.
    pub const fn octets(self) -> usize {
        match self {
            DigestType::HmacMd5 => 16,
            DigestType::HmacSha1 => 20,
        }
    }

    /// Its number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            DigestType::HmacMd5 => 0,
            DigestType::HmacSha1 => 1,
        }
    }
}

impl PwType {
    /// Ethernet with a service-delimiting VLAN tag (RFC 4719).
    pub const ETHERNET_VLAN: PwType = PwType(4);
    /// Ethernet (RFC 4719).
    pub const ETHERNET: PwType = PwType(5);
    /// HDLC (RFC 4349).
    pub const HDLC: PwType = PwType(6);
    /// PPP.
    pub const PPP: PwType = PwType(7);
}

impl<'a> PwTypes<'a> {
    /// The list of types in `numbers`, each in wire order.
    pub const fn new(numbers: &'a [[u8; 2]]) -> PwTypes<'a> {
        PwTypes(numbers)
    }

    /// The types one after the other.
    pub fn iter(self) -> impl Iterator<Item = PwType> + 'a {
        self.0.iter().map(|pair| PwType(u16::from_be_bytes(*pair)))
    }

    /// Whether `wanted` is among them.
    pub fn contains(self, wanted: PwType) -> bool {
        self.iter().any(|one| one == wanted)
    }
}

impl SublayerType {
    /// None.
    pub const NONE: SublayerType = SublayerType(0);
    /// The default sublayer (RFC 3931 §4.6).
    pub const DEFAULT: SublayerType = SublayerType(1);
}

impl CircuitStatus {
    /// A: no faults.
    pub const ACTIVE: u16 = 0x0001;
    /// N: new; deprecated, ignored when received.
    pub const NEW: u16 = 0x0002;
    /// R: the attachment circuit cannot receive.
    pub const CIRCUIT_RECEIVE_FAULT: u16 = 0x0004;
    /// T: the attachment circuit cannot transmit.
    pub const CIRCUIT_TRANSMIT_FAULT: u16 = 0x0008;
    /// I: nothing comes from the network.
    pub const NETWORK_RECEIVE_FAULT: u16 = 0x0010;
    /// E: nothing goes to the network.
    pub const NETWORK_TRANSMIT_FAULT: u16 = 0x0020;
    /// S: stands by.
    pub const STANDBY: u16 = 0x0040;

    /// No faults.
    pub const UP: CircuitStatus = CircuitStatus(CircuitStatus::ACTIVE);
    /// Down, with no word on why.
    pub const DOWN: CircuitStatus = CircuitStatus(0);

    /// The circuit at the sender is down, both ways; the way between the ends is not.
    pub const CIRCUIT_DOWN: CircuitStatus =
        CircuitStatus(CircuitStatus::CIRCUIT_RECEIVE_FAULT | CircuitStatus::CIRCUIT_TRANSMIT_FAULT);

    const FAULTS: u16 = 0x003c;

    /// Whether these bits are all set.
    pub const fn has(self, bits: u16) -> bool {
        self.0 & bits == bits
    }

    /// Whether data may flow towards the sender: A is set, and no fault contradicts it (§3).
    pub const fn is_active(self) -> bool {
        self.has(CircuitStatus::ACTIVE) && self.0 & CircuitStatus::FAULTS == 0
    }

    /// Whether users' packets may be sent to the sender: it is active and does not stand by.
    pub const fn takes_traffic(self) -> bool {
        self.is_active() && !self.has(CircuitStatus::STANDBY)
    }
}

/// Control characters and what is not UTF-8 are shown escaped.
impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character.is_control() {
                    true => write!(f, "{}", character.escape_default())?,
                    false => write!(f, "{character}")?,
                }
            }
            for octet in chunk.invalid() {
                write!(f, "\\x{octet:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for PwType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            PwType::ETHERNET_VLAN => f.write_str("Ethernet VLAN"),
            PwType::ETHERNET => f.write_str("Ethernet"),
            PwType::HDLC => f.write_str("HDLC"),
            PwType::PPP => f.write_str("PPP"),
            PwType(other) => write!(f, "{other:#06x}"),
        }
    }
}

/// The letters of RFC 5641's figure, as in `A` or `RT`; `-` for none.
impl fmt::Display for CircuitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & 0x7f == 0 {
            return f.write_str("-");
        }
        let letters = "ANRTIES".chars().enumerate();
        let set = letters.filter(|(bit, _)| self.0 & 1 << bit != 0);
        set.map(|(_, letter)| letter)
            .try_for_each(|letter| write!(f, "{letter}"))
    }
}
