use super::{Attr, Command, Errno, FAMILY_ID, FAMILY_VERSION, Statistics, flag, kind};
use alloc::vec::Vec;
use core::net::IpAddr;

/// Builds one netlink message; attributes stand in the order of the calls.
///
/// A value that does not fit its attribute's 16-bit length is cut to fit.
#[derive(Debug, Clone)]
pub struct Writer {
    message: Vec<u8>,
}

impl Writer {
    /// A message of the family `l2tp`.
    pub fn command(command: Command, flags: u16, seq: u32, portid: u32) -> Writer {
        let mut writer = Writer::plain(FAMILY_ID, flags, seq, portid);
        writer
            .message
            .extend_from_slice(&[command.number(), FAMILY_VERSION, 0, 0]);
        writer
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
        let word = |at: usize| {
            request
                .get(at..at + 4)
                .and_then(|b| b.try_into().ok())
                .map_or(0, u32::from_ne_bytes)
        };
        let flags = match (errno, text) {
            (None, _) => flag::CAPPED,
            (Some(_), None) => 0,
            (Some(_), Some(_)) => flag::ACK_TLVS,
        };
        let mut writer = Writer::plain(kind::ERROR, flags, word(8), portid);
        let code = errno.map_or(0, |errno| -errno.0);
        writer.message.extend_from_slice(&code.to_ne_bytes());
        let echo = if errno.is_some() {
            request
        } else {
            request.get(..16).unwrap_or(request)
        };
        writer.message.extend_from_slice(echo);
        writer
            .message
            .resize(writer.message.len().next_multiple_of(4), 0);
        if let (Some(_), Some(text)) = (errno, text) {
            const NLMSGERR_ATTR_MSG: u16 = 1;
            writer = writer.raw_string(NLMSGERR_ATTR_MSG, text);
        }
        writer
    }

    fn plain(kind: u16, flags: u16, seq: u32, portid: u32) -> Writer {
        let mut message = Vec::with_capacity(256);
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(&flags.to_ne_bytes());
        message.extend_from_slice(&seq.to_ne_bytes());
        message.extend_from_slice(&portid.to_ne_bytes());
        Writer { message }
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
        let mut nest = Writer {
            message: Vec::new(),
        };
        for (number, value) in counters {
            nest = nest.raw(number, &value.to_ne_bytes());
        }
        self.raw(attr.number(), &nest.message)
    }

    fn raw_string(self, number: u16, value: &str) -> Writer {
        let mut octets = Vec::with_capacity(value.len() + 1);
        octets.extend(value.bytes().filter(|octet| *octet != 0));
        octets.push(0);
        self.raw(number, &octets)
    }

    fn raw(mut self, number: u16, value: &[u8]) -> Writer {
        let value = &value[..value.len().min(usize::from(u16::MAX) - 4)];
        let len = (value.len() + 4) as u16;
        self.message.extend_from_slice(&len.to_ne_bytes());
        self.message.extend_from_slice(&number.to_ne_bytes());
        self.message.extend_from_slice(value);
        self.message
            .resize(self.message.len().next_multiple_of(4), 0);
        self
    }

    /// The whole message, its length filled in.
    pub fn finish(mut self) -> Vec<u8> {
        let len = (self.message.len() as u32).to_ne_bytes();
        self.message[..4].copy_from_slice(&len);
        self.message
    }
}
