use core::fmt;

/// A field of an L2TP header, named as the figures of RFC 2661 §3.1 and RFC 3931 §3.2.1 name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The first two octets: T, L, S, O, P and Ver.
    Flags,
    /// Length.
    Length,
    /// Tunnel ID (v2).
    TunnelId,
    /// Session ID.
    SessionId,
    /// Control Connection ID (v3).
    ControlConnectionId,
    /// Ns.
    Ns,
    /// Nr.
    Nr,
    /// Offset Size (v2).
    OffsetSize,
    /// Offset pad (v2).
    OffsetPad,
    /// The 16 reserved bits of a v3 data header over UDP.
    Reserved,
}

/// A bit of the first octet whose value a control message fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bit {
    /// Type: 1 in control messages.
    T,
    /// Length present: 1 in control messages.
    L,
    /// Ns and Nr present: 1 in control messages.
    S,
    /// Offset Size present: 0 in control messages.
    O,
}

/// Why a message has no readable L2TP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderError {
    /// The message, or what its Length field leaves of it, ends before or inside this field.
    Truncated(Field),
    /// Ver is neither 2 nor 3; 1 is L2F (RFC 2661 §3.1).
    UnknownVersion(u8),
    /// Length does not reach past itself, or is more than the octets that came.
    Length {
        /// The field's value.
        length: u16,
        /// The octets that came, counted from the T bit.
        available: usize,
    },
    /// A control message has this bit the wrong way round.
    ControlBit(Bit),
}

/// Why a header or message cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteError {
    /// The buffer is too short.
    NoRoom,
    /// Header and payload exceed the 16 bits of the Length field.
    TooLong,
    /// The value exceeds the 16 bits that v2 has for this field.
    TooWide(Field),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Flags => "flags",
            Field::Length => "Length",
            Field::TunnelId => "Tunnel ID",
            Field::SessionId => "Session ID",
            Field::ControlConnectionId => "Control Connection ID",
            Field::Ns => "Ns",
            Field::Nr => "Nr",
            Field::OffsetSize => "Offset Size",
            Field::OffsetPad => "Offset pad",
            Field::Reserved => "Reserved",
        })
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderError::Truncated(field) => write!(f, "the message ends before or inside {field}"),
            HeaderError::UnknownVersion(version) => write!(f, "Ver {version} is neither 2 nor 3"),
            HeaderError::Length { length, available } => {
                write!(
                    f,
                    "Length {length} does not fit a message of {available} octets"
                )
            }
            HeaderError::ControlBit(bit @ (Bit::T | Bit::L | Bit::S)) => {
                write!(f, "a control message needs its {bit:?} bit set")
            }
            HeaderError::ControlBit(bit @ Bit::O) => {
                write!(f, "a control message needs its {bit:?} bit clear")
            }
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::NoRoom => f.write_str("the buffer is too short for the header"),
            WriteError::TooLong => f.write_str("the message exceeds 65535 octets"),
            WriteError::TooWide(field) => write!(f, "{field} has 16 bits in version 2"),
        }
    }
}

impl core::error::Error for HeaderError {}
impl core::error::Error for WriteError {}
