use super::frame::HEADER;
use super::{Attr, Command, Errno, FAMILY_ID, FAMILY_VERSION, Statistics, error_attr, flag, kind};
use alloc::vec::Vec;
use core::net::IpAddr;

/// The most octets that an attribute's 16-bit length leaves for its value.
const VALUE_MAX: usize = u16::MAX as usize - 4;

/// Builds one netlink message; attributes stand in the order of the calls.
///
/// A value that does not fit its attribute's 16-bit length is cut to fit.
#[derive(Debug, Clone)]
pub struct Writer {
    message: Vec<u8>,
}

/// What Linux has to say beyond an errno, to sockets that want extended acknowledgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// Octets behind the attributes belong to none.
    Leftover,
    /// An attribute is not what its policy admits.
    Policy {
        /// The attribute.
        attr: Attr,
        /// Where it stands, in octets from the message's beginning.
        offset: u32,
    },
}

impl Writer {
    /// A message of the family `l2tp`.
    pub fn command(command: Command, flags: u16, seq: u32, portid: u32) -> Writer {
        Writer::plain(FAMILY_ID, flags, seq, portid).generic(command.number(), FAMILY_VERSION)
    }

    /// NLMSG_DONE: the end of a dump.
    pub fn done(seq: u32, portid: u32) -> Writer {
        let mut writer = Writer::plain(kind::DONE, flag::MULTI, seq, portid);
        writer.message.extend_from_slice(&0i32.to_ne_bytes());
        writer
    }

    /// NLMSG_ERROR answering `request` (a whole message): `None` acknowledges, an errno refuses
    /// and `text` says why.
    pub fn answer(request: &[u8], portid: u32, errno: Option<Errno>, text: Option<&str>) -> Writer {
        let seq = request.get(8..).and_then(|rest| rest.first_chunk());
        let seq = seq.map_or(0, |seq| u32::from_ne_bytes(*seq));
        let (code, flags, echo) = match errno {
            // An acknowledgement echoes the request's header only.
            None => (0, flag::CAPPED, request.get(..HEADER).unwrap_or(request)),
            Some(errno) if text.is_none() => (errno.0.saturating_neg(), 0, request),
            Some(errno) => (errno.0.saturating_neg(), flag::ACK_TLVS, request),
        };
        let mut writer = Writer::plain(kind::ERROR, flags, seq, portid);
        writer.message.extend_from_slice(&code.to_ne_bytes());
        writer.message.extend_from_slice(echo);
        writer.pad();
        match text {
            Some(text) if errno.is_some() => writer.raw_string(error_attr::MSG, text),
            _ => writer,
        }
    }

    /// NLMSG_ERROR answering `request` as Linux does, an acknowledgement without an errno.
    /// `capped`, or when it is one, it repeats the request's header only.
    pub fn linux_answer(
        request: &[u8],
        portid: u32,
        errno: Option<Errno>,
        capped: bool,
        remark: Option<Remark>,
    ) -> Writer {
        let seq = request.get(8..).and_then(|rest| rest.first_chunk());
        let seq = seq.map_or(0, |seq| u32::from_ne_bytes(*seq));
        let (mut flags, echo) = match capped || errno.is_none() {
            true => (flag::CAPPED, request.get(..HEADER).unwrap_or(request)),
            false => (0, request),
        };
        if remark.is_some() {
            flags |= flag::ACK_TLVS;
        }
        let code = errno.map_or(0, |errno| errno.0.saturating_neg());
        let mut writer = Writer::plain(kind::ERROR, flags, seq, portid);
        writer.message.extend_from_slice(&code.to_ne_bytes());
        writer.message.extend_from_slice(echo);
        writer.pad();
        match remark {
            None => writer,
            Some(Remark::Leftover) => {
                writer.raw_string(error_attr::MSG, "bytes leftover after parsing attributes")
            }
            Some(Remark::Policy { attr, offset }) => {
                let writer = writer
                    .raw_string(error_attr::MSG, "Attribute failed policy validation")
                    .raw(error_attr::OFFSET, &offset.to_ne_bytes());
                match super::controller::policy(attr) {
                    Some(policy) => writer.raw(
                        error_attr::POLICY | super::controller::NESTED,
                        &policy.into_octets(),
                    ),
                    None => writer,
                }
            }
        }
    }

    /// Appends a u8.
    pub fn octet(self, attr: Attr, value: u8) -> Writer {
        self.raw(attr.number(), &[value])
    }

    /// Appends a u16.
    pub fn half(self, attr: Attr, value: u16) -> Writer {
        self.raw(attr.number(), &value.to_ne_bytes())
    }

    /// Appends a u32.
    pub fn word(self, attr: Attr, value: u32) -> Writer {
        self.raw(attr.number(), &value.to_ne_bytes())
    }

    /// Appends a u64.
    pub fn long(self, attr: Attr, value: u64) -> Writer {
        self.raw(attr.number(), &value.to_ne_bytes())
    }

    /// Appends a flag.
    pub fn flag(self, attr: Attr) -> Writer {
        self.raw(attr.number(), &[])
    }

    /// Appends octets as they are.
    pub fn octets(self, attr: Attr, value: &[u8]) -> Writer {
        self.raw(attr.number(), value)
    }

    /// Appends a string and its NUL.
    pub fn string(self, attr: Attr, value: &str) -> Writer {
        self.raw_string(attr.number(), value)
    }

    /// Appends an address as its 4 or 16 octets, under `v4` or `v6`.
    pub fn address(self, v4: Attr, v6: Attr, address: IpAddr) -> Writer {
        match address {
            IpAddr::V4(address) => self.octets(v4, &address.octets()),
            IpAddr::V6(address) => self.octets(v6, &address.octets()),
        }
    }

    /// Appends the statistics nest.
    pub fn statistics(self, statistics: Statistics) -> Writer {
        let counters = statistics
            .in_order()
            .map(|(stat, value)| (stat.number(), value));
        self.counters(Attr::Stats, counters)
    }

    /// Appends a nest of u64 counters under their numbers.
    pub fn counters(self, attr: Attr, counters: impl IntoIterator<Item = (u16, u64)>) -> Writer {
        let mut nest = Writer::nest();
        for (number, value) in counters {
            nest = nest.raw(number, &value.to_ne_bytes());
        }
        self.raw(attr.number(), &nest.message)
    }

    /// The whole message, its length filled in.
    pub fn finish(mut self) -> Vec<u8> {
        let len = (self.message.len() as u32).to_ne_bytes();
        self.message[..4].copy_from_slice(&len);
        self.message
    }

    /// Appends the generic-netlink header.
    pub(super) fn generic(mut self, command: u8, version: u8) -> Writer {
        self.message.extend_from_slice(&[command, version, 0, 0]);
        self
    }

    /// Attributes without a message around them.
    pub(super) fn nest() -> Writer {
        Writer {
            message: Vec::new(),
        }
    }

    /// The attributes of a nest.
    pub(super) fn into_octets(self) -> Vec<u8> {
        self.message
    }

    pub(super) fn plain(kind: u16, flags: u16, seq: u32, portid: u32) -> Writer {
        let mut message = Vec::with_capacity(256);
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(&flags.to_ne_bytes());
        message.extend_from_slice(&seq.to_ne_bytes());
        message.extend_from_slice(&portid.to_ne_bytes());
        Writer { message }
    }

    /// A NUL inside `value` would end it early, so it is left out.
    pub(super) fn raw_string(self, number: u16, value: &str) -> Writer {
        let (value, _) = value.split_at(value.floor_char_boundary(VALUE_MAX - 1));
        let mut octets: Vec<u8> = value.bytes().filter(|octet| *octet != 0).collect();
        octets.push(0);
        self.raw(number, &octets)
    }

    pub(super) fn raw(mut self, number: u16, value: &[u8]) -> Writer {
        let value = value.get(..VALUE_MAX).unwrap_or(value);
        let len = (value.len() + 4) as u16;
        self.message.extend_from_slice(&len.to_ne_bytes());
        self.message.extend_from_slice(&number.to_ne_bytes());
        self.message.extend_from_slice(value);
        self.pad();
        self
    }

    fn pad(&mut self) {
        self.message
            .resize(self.message.len().next_multiple_of(4), 0);
    }
}
