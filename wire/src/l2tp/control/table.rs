//! The notation in which messages are written down.
//!
//! A line `need host_name: HostName(&'a [u8])` is a field that a message must have, `may` one that
//! it may have, and `flag` one whose AVP has no value. From it come the field, its reading, its
//! writing and its line in the message's table.

use super::super::avp::{Attribute, AvpWriter, EncodeError};
use super::MessageError;
use super::reading::Reading;

/// Whether a message must contain an AVP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Mandatory,
    /// It may.
    Optional,
}

/// A message's AVPs behind the Message Type.
pub(super) trait Body<'a>: Sized {
    /// What it must and may contain, in the order of writing.
    const AVPS: &'static [(Attribute, Presence)];

    fn gather(reading: &mut Reading<'a>) -> Result<Self, MessageError>;

    fn put(&self, writer: &mut AvpWriter<'_>) -> Result<(), EncodeError>;
}

macro_rules! held {
    (need $type:ty) => { $type };
    (may $type:ty) => { Option<$type> };
    (flag $type:ty) => { bool };
}

macro_rules! presence {
    (need) => {
        Presence::Mandatory
    };
    ($may:ident) => {
        Presence::Optional
    };
}

macro_rules! taken {
    (need $place:ident, $missing:expr) => {
        $place.ok_or_else(|| $missing)?
    };
    (may $place:ident, $missing:expr) => {
        $place
    };
    (flag $place:ident, $missing:expr) => {
        $place.is_some()
    };
}

macro_rules! put {
    (need $field:expr, $writer:ident, $attribute:ident) => {
        $writer.put(Avp::$attribute($field))?;
    };
    (may $field:expr, $writer:ident, $attribute:ident) => {
        if let Some(value) = $field {
            $writer.put(Avp::$attribute(value))?;
        }
    };
    (flag $field:expr, $writer:ident, $attribute:ident) => {
        if $field {
            $writer.put(Avp::$attribute(()))?;
        }
    };
}

macro_rules! message {
    ($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? {
        $($how:ident $field:ident: $attribute:ident($type:ty),)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name $(<$life>)? {
            $(
                #[doc = concat!("[`Avp::", stringify!($attribute), "`].")]
                pub $field: held!($how $type),
            )*
        }

        impl<'a> Body<'a> for $name $(<$life>)? {
            const AVPS: &'static [(Attribute, Presence)] =
                &[$((Attribute::$attribute, presence!($how)),)*];

            fn gather(reading: &mut Reading<'a>) -> Result<Self, MessageError> {
                $(let mut $field = None;)*
                while let Some((name, avp)) = reading.next()? {
                    $(
                        if let Avp::$attribute(value) = avp {
                            reading.keep(&mut $field, value, name);
                            continue;
                        }
                    )*
                    let _ = avp;
                    reading.ignored.add(name, Oddity::Misplaced);
                }
                Ok($name {
                    $($field: taken!($how $field, reading.missing(Attribute::$attribute)),)*
                })
            }

            fn put(&self, writer: &mut AvpWriter<'_>) -> Result<(), EncodeError> {
                let _ = &writer;
                $(put!($how self.$field, writer, $attribute);)*
                Ok(())
            }
        }
    };
}

macro_rules! messages {
    ($version:ident, { $($name:ident($body:ty),)+ }, foreign { $($foreign:ident),* }) => {
        /// A control message.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Message<'a> {
            /// A zero-length body: an acknowledgement, and no message.
            Zlb,
            $(
                #[doc = concat!("See [`", stringify!($name), "`].")]
                $name($body),
            )+
        }

        impl<'a> Message<'a> {
            /// Reads the message that `avps`, all in clear, are.
            pub fn decode(
                avps: &'a [u8],
                quirks: Quirks,
            ) -> Result<Decoded<Message<'a>>, MessageError> {
                let Some(mut reading) = Reading::start(avps, Version::$version, quirks)? else {
                    let ignored = Ignored::default();
                    return Ok(Decoded { message: Message::Zlb, ignored });
                };
                let message = match reading.kind {
                    $(MessageKind::$name => Body::gather(&mut reading).map(Message::$name),)+
                    $(MessageKind::$foreign => Err(MessageError::UnknownKind {
                        vendor: 0,
                        kind: reading.kind.number(),
                        mandatory: true,
                    }),)*
                };
                let ignored = reading.ignored;
                message.map(|message| Decoded { message, ignored })
            }

            /// Appends the message's AVPs, all in clear, to `out`, which is as it was when that
            /// fails. A zero-length body has none.
            pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
                let start = out.len();
                let written = self.put(&mut AvpWriter::new(out, Version::$version));
                if written.is_err() {
                    out.truncate(start);
                }
                written
            }

            fn put(&self, writer: &mut AvpWriter<'_>) -> Result<(), EncodeError> {
                if let Some(kind) = self.kind() {
                    writer.put(Avp::MessageType(kind.number()))?;
                }
                match self {
                    Message::Zlb => Ok(()),
                    $(Message::$name(body) => body.put(writer),)+
                }
            }

            /// Its kind; none for a zero-length body.
            pub fn kind(&self) -> Option<MessageKind> {
                match self {
                    Message::Zlb => None,
                    $(Message::$name(_) => Some(MessageKind::$name),)+
                }
            }

            /// What a message of this kind must and may contain besides its Message Type; nothing
            /// of a kind that this version does not have.
            pub fn avps(kind: MessageKind) -> &'static [(Attribute, Presence)] {
                match kind {
                    $(MessageKind::$name => <$body as Body<'_>>::AVPS,)+
                    $(MessageKind::$foreign => &[],)*
                }
            }
        }
    };
}
