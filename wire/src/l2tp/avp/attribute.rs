//! The table of attributes: number, name, bits and form of value.

use super::raw::AvpName;
use super::value::*;
use super::{CISCO, DisconnectCause, Fault, HEADER, Reason, cisco, codec};
use crate::l2tp::{Cookie, SessionId, TunnelId, Version};
use alloc::vec::Vec;
use core::fmt;

/// Octets that an AVP's value has at most: the Length field has ten bits.
pub const MAX_VALUE: usize = 0x3ff - HEADER;

macro_rules! avps {
    ($($(#[$doc:meta])* $name:ident($value:ty) = $number:literal, $text:literal,
       [$v2:expr, $v3:expr, $hide:expr], $codec:ident;)+) => {
        /// An attribute that Adit recognizes, numbered as by IANA (vendor id 0).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Attribute { $($(#[$doc])* $name = $number,)+ }

        /// An AVP's meaning; octets are borrowed from the message.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Avp<'a> { $($(#[$doc])* $name($value),)+ }

        impl Attribute {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Attribute] = &[$(Attribute::$name,)+];

            fn from_number(number: u16) -> Option<Attribute> {
                match number {
                    $($number => Some(Attribute::$name),)+
                    _ => None,
                }
            }

            /// The name that its RFC gives it.
            pub const fn text(self) -> &'static str {
                match self { $(Attribute::$name => $text,)+ }
            }

            /// M for version 2, M for version 3, whether it may be hidden.
            const fn bits(self) -> (bool, bool, bool) {
                match self { $(Attribute::$name => ($v2, $v3, $hide),)+ }
            }
        }

        impl<'a> Avp<'a> {
            /// Gives the clear `octets` of an attribute's value their meaning.
            pub fn read(attribute: Attribute, octets: &'a [u8]) -> Result<Avp<'a>, Fault> {
                match attribute {
                    $(Attribute::$name => codec::$codec::read(octets).map(Avp::$name),)+
                }
            }

            /// Appends the value's octets, held to the same rules as by [`read`](Avp::read).
            pub fn write_value(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
                match *self { $(Avp::$name(value) => codec::$codec::write(value, out),)+ }
            }

            /// Which attribute this is.
            pub const fn attribute(&self) -> Attribute {
                match self { $(Avp::$name(_) => Attribute::$name,)+ }
            }
        }
    };
}

/// The M bit is set.
const M: bool = true;
/// The M bit is clear.
const O: bool = false;
/// The value may be hidden.
const H: bool = true;
/// The value must not be hidden.
const C: bool = false;

avps! {
    /// The number of the message's kind.
    MessageType(u16) = 0, "Message Type", [M, M, C], half;
    /// Why a tunnel or session ends; the codes of StopCCN and CDN differ.
    ResultCode(Reason<'a>) = 1, "Result Code", [M, M, C], reason;
    /// 1.0 in both versions.
    ProtocolVersion(ProtocolVersion) = 2, "Protocol Version", [M, M, C], version;
    /// The framings that the sender accepts.
    FramingCapabilities(Framings) = 3, "Framing Capabilities", [M, M, H], framings;
    /// The bearers that the sender can place calls on.
    BearerCapabilities(Bearers) = 4, "Bearer Capabilities", [M, M, H], bearers;
    /// Who wins when both ends open a tunnel, or in v3 a session: the lower value, octet by octet.
    TieBreaker([u8; 8]) = 5, "Tie Breaker", [O, M, C], octets8;
    /// A number of the vendor's.
    FirmwareRevision(u16) = 6, "Firmware Revision", [O, O, H], half;
    /// The sender's name, at least one octet.
    HostName(&'a [u8]) = 7, "Host Name", [M, M, C], some;
    /// The sender's make, UTF-8.
    VendorName(&'a [u8]) = 8, "Vendor Name", [O, O, H], any;
    /// The tunnel id by which the sender wants to be addressed, not 0.
    AssignedTunnelId(TunnelId) = 9, "Assigned Tunnel ID", [M, M, H], tunnel16;
    /// The control messages that the sender takes unacknowledged.
    ReceiveWindowSize(u16) = 10, "Receive Window Size", [M, M, C], half;
    /// Octets that the receiver shall prove to know the secret with.
    Challenge(&'a [u8]) = 11, "Challenge", [M, M, H], some;
    /// Why a call was cleared, in Q.931's terms.
    Q931Cause(Q931Cause<'a>) = 12, "Q.931 Cause Code", [M, M, C], q931;
    /// The answer to a challenge.
    ChallengeResponse([u8; 16]) = 13, "Challenge Response", [M, M, H], octets16;
    /// The session id by which the sender wants to be addressed, not 0.
    AssignedSessionId(SessionId) = 14, "Assigned Session ID", [M, M, H], session16;
    /// A number for administrators to find the call by.
    CallSerialNumber(u32) = 15, "Call Serial Number", [M, O, H], word;
    /// The lowest acceptable speed, bit/s.
    MinimumBps(u32) = 16, "Minimum BPS", [M, M, H], word;
    /// The highest acceptable speed, bit/s.
    MaximumBps(u32) = 17, "Maximum BPS", [M, M, H], word;
    /// The bearer of the call.
    BearerType(Bearers) = 18, "Bearer Type", [M, M, H], bearers;
    /// The framing of the call.
    FramingType(Framings) = 19, "Framing Type", [M, M, H], framings;
    /// The number called, ASCII.
    CalledNumber(&'a [u8]) = 21, "Called Number", [M, M, H], any;
    /// The number calling, ASCII.
    CallingNumber(&'a [u8]) = 22, "Calling Number", [M, M, H], any;
    /// More of what was dialled, ASCII.
    SubAddress(&'a [u8]) = 23, "Sub-Address", [M, M, H], any;
    /// The speed towards the remote system, bit/s.
    TxConnectSpeed(u32) = 24, "(Tx) Connect Speed", [M, M, H], word;
    /// The physical channel, for logs.
    PhysicalChannelId(u32) = 25, "Physical Channel ID", [O, O, H], word;
    /// Options of the first Configure-Request that the LAC received.
    InitialReceivedLcpConfreq(&'a [u8]) = 26, "Initial Received LCP CONFREQ", [O, O, H], any;
    /// Options of the last Configure-Request that the LAC sent.
    LastSentLcpConfreq(&'a [u8]) = 27, "Last Sent LCP CONFREQ", [O, O, H], any;
    /// Options of the last Configure-Request that the LAC received.
    LastReceivedLcpConfreq(&'a [u8]) = 28, "Last Received LCP CONFREQ", [O, O, H], any;
    /// How the LAC authenticated the remote system.
    ProxyAuthenType(AuthenType) = 29, "Proxy Authen Type", [O, O, H], authen;
    /// The remote system's name.
    ProxyAuthenName(&'a [u8]) = 30, "Proxy Authen Name", [O, O, H], any;
    /// The LAC's challenge to the remote system.
    ProxyAuthenChallenge(&'a [u8]) = 31, "Proxy Authen Challenge", [O, O, H], some;
    /// The identifier of the authentication packet.
    ProxyAuthenId(u8) = 32, "Proxy Authen ID", [O, O, H], octet_in_half;
    /// The remote system's response, or its password.
    ProxyAuthenResponse(&'a [u8]) = 33, "Proxy Authen Response", [O, O, H], any;
    /// Counts of what went wrong on the circuit; RFC 3931 calls it Circuit Errors.
    CallErrors(CallErrors) = 34, "Call Errors", [M, O, H], call_errors;
    /// The control characters that the remote system wants escaped.
    Accm(Accm) = 35, "ACCM", [M, M, H], accm;
    /// Random octets that the hidden AVPs behind it are hidden with.
    RandomVector(&'a [u8]) = 36, "Random Vector", [M, M, C], any;
    /// The customer group of the call.
    PrivateGroupId(&'a [u8]) = 37, "Private Group ID", [O, O, H], any;
    /// The speed from the remote system, bit/s.
    RxConnectSpeed(u32) = 38, "Rx Connect Speed", [O, O, H], word;
    /// Data messages must bear sequence numbers.
    SequencingRequired(()) = 39, "Sequencing Required", [M, M, C], nothing;
    /// The lowest acceptable receive speed, bit/s (RFC 3301).
    RxMinimumBps(u32) = 40, "Rx Minimum BPS", [O, O, H], word;
    /// The highest acceptable receive speed, bit/s (RFC 3301).
    RxMaximumBps(u32) = 41, "Rx Maximum BPS", [O, O, H], word;
    /// Bit 0: real time (RFC 3301).
    ServiceCategory(u16) = 42, "Service Category", [O, O, H], half;
    /// The name of an ATM connection, UTF-8 (RFC 3301).
    ServiceName(&'a [u8]) = 43, "Service Name", [O, O, H], some;
    /// An NSAP address (RFC 3301).
    CallingSubAddress([u8; 20]) = 44, "Calling Sub-Address", [O, O, H], octets20;
    /// VPI in the upper 16 bits, VCI in the lower (RFC 3301).
    VpiVci(u32) = 45, "VPI/VCI Identifier", [O, O, H], word;
    /// Why PPP ended (RFC 3145).
    PppDisconnectCause(DisconnectCause<'a>) = 46, "PPP Disconnect Cause Code", [O, O, H], cause;
    /// The control connection's per-hop behaviour code (RFC 3308).
    ControlConnectionDs(u16) = 47, "Control Connection DS", [O, O, H], half;
    /// The session's per-hop behaviour code (RFC 3308).
    SessionDs(u16) = 48, "Session DS", [O, O, H], half;
    /// LCP options that the LAC wants negotiated (RFC 3437).
    LcpWantOptions(&'a [u8]) = 49, "LCP Want Options", [O, O, H], any;
    /// LCP options that the LAC allows (RFC 3437).
    LcpAllowOptions(&'a [u8]) = 50, "LCP Allow Options", [O, O, H], any;
    /// Options of the last Configure-Request that the LNS sent (RFC 3437).
    LnsLastSentLcpConfreq(&'a [u8]) = 51, "LNS Last Sent LCP Confreq", [O, O, H], any;
    /// Options of the last Configure-Request that the LNS received (RFC 3437).
    LnsLastReceivedLcpConfreq(&'a [u8]) = 52, "LNS Last Received LCP Confreq", [O, O, H], any;
    /// An AVP of a vendor whose id has more than 16 bits.
    ExtendedVendor(VendorValue<'a>) = 58, "Extended Vendor ID", [O, O, H], vendor;
    /// Proof that a message is whole and from who knows the secret.
    MessageDigest(MessageDigest<'a>) = 59, "Message Digest", [O, M, C], digest;
    /// The sender's number; not necessarily an address.
    RouterId(u32) = 60, "Router ID", [O, M, C], word;
    /// The control connection id by which the sender wants to be addressed, not 0.
    AssignedControlConnectionId(TunnelId) =
        61, "Assigned Control Connection ID", [O, M, H], tunnel32;
    /// The pseudowire types that the sender supports.
    PwCapabilities(PwTypes<'a>) = 62, "Pseudowire Capabilities List", [O, M, H], pw_types;
    /// The session id by which the sender wants to be addressed, not 0.
    LocalSessionId(SessionId) = 63, "Local Session ID", [O, M, H], session32;
    /// The session id that the receiver assigned; 0 before it did.
    RemoteSessionId(SessionId) = 64, "Remote Session ID", [O, M, H], session_or_zero;
    /// What the receiver must put into data messages: 0, 4 or 8 octets.
    AssignedCookie(Cookie) = 65, "Assigned Cookie", [O, M, H], cookie;
    /// Which circuit, interface or bridge the session belongs to.
    RemoteEndId(&'a [u8]) = 66, "Remote End ID", [O, M, H], any;
    /// Application Code, which no RFC gives a form.
    ApplicationCode(&'a [u8]) = 67, "Application Code", [O, O, H], any;
    /// The pseudowire type of the session.
    PwType(PwType) = 68, "Pseudowire Type", [O, M, H], pw_type;
    /// The sublayer that the sender wants in data messages.
    L2SpecificSublayer(SublayerType) = 69, "L2-Specific Sublayer", [O, M, H], sublayer;
    /// Which data messages the sender wants numbered.
    DataSequencing(DataSequencing) = 70, "Data Sequencing", [O, M, H], sequencing;
    /// The state of the circuit (RFC 5641).
    CircuitStatus(CircuitStatus) = 71, "Circuit Status", [O, M, H], circuit;
    /// A language tag for texts.
    PreferredLanguage(&'a [u8]) = 72, "Preferred Language", [O, O, H], any;
    /// A random value that goes into every digest.
    Nonce(&'a [u8]) = 73, "Control Message Authentication Nonce", [O, M, C], some;
    /// The speed towards the remote system, bit/s; 0 unknown.
    TxConnectSpeed64(u64) = 74, "Tx Connect Speed", [O, O, H], long;
    /// The speed from the remote system, bit/s; 0 unknown.
    RxConnectSpeed64(u64) = 75, "Rx Connect Speed", [O, O, H], long;
    /// The sender carries ECN from and to the outer header (RFC 9601).
    EcnCapability(()) = 103, "ECN Capability", [O, O, H], nothing;
}

impl Attribute {
    /// The one with this name, if it is the IETF's and recognized.
    pub fn from_name(name: AvpName) -> Option<Attribute> {
        match name.vendor {
            0 => Attribute::from_number(name.attribute),
            _ => None,
        }
    }

    /// As [`from_name`](Attribute::from_name), and Cisco's older number of it too ([`CISCO`]).
    pub fn from_name_or_draft(name: AvpName) -> Option<Attribute> {
        match name.vendor {
            CISCO => cisco::successor(name.attribute),
            _ => Attribute::from_name(name),
        }
    }

    /// The Attribute Type.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The M bit to send it with: as RFC 2661 §4.4 fixes it for its own AVPs, with all others
    /// clear, or as RFC 3931 §5.4 recommends it.
    pub const fn mandatory(self, version: Version) -> bool {
        let (v2, v3, _) = self.bits();
        match version {
            Version::V2 => v2,
            Version::V3 => v3,
        }
    }

    /// Whether its value may be hidden.
    pub const fn may_be_hidden(self) -> bool {
        self.bits().2
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
