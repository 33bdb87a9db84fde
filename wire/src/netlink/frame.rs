use super::walk::walk;
use super::{Errno, error_attr, flag, kind};
use core::fmt;

/// Octets of a netlink header.
pub(super) const HEADER: usize = 16;

/// One netlink message: its header and what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// nlmsg_type.
    pub kind: u16,
    /// nlmsg_flags.
    pub flags: u16,
    /// nlmsg_seq.
    pub seq: u32,
    /// nlmsg_pid.
    pub portid: u32,
    /// The octets behind the header, without padding.
    pub body: &'a [u8],
}

/// Why a buffer holds no whole message where one should start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// Fewer octets left than a header has.
    ShortHeader,
    /// nlmsg_len is below 16 or beyond the buffer.
    BadLength(u32),
}

/// The messages of one datagram, in order; ends after the first error.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    /// Walks `datagram`.
    pub fn new(datagram: &'a [u8]) -> Frames<'a> {
        Frames { rest: datagram }
    }

    fn take(&mut self) -> Result<Frame<'a>, FrameError> {
        let all = core::mem::take(&mut self.rest);
        let head: &[u8; HEADER] = all.first_chunk().ok_or(FrameError::ShortHeader)?;
        let half = |at: usize| u16::from_ne_bytes([head[at], head[at + 1]]);
        let word =
            |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let len = word(0) as usize;
        let bad = FrameError::BadLength(word(0));
        let body = all.get(..len).and_then(|m| m.get(HEADER..)).ok_or(bad)?;
        self.rest = all.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Ok(Frame {
            kind: half(4),
            flags: half(6),
            seq: word(8),
            portid: word(12),
            body,
        })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.take())
    }
}

impl<'a> Frame<'a> {
    /// The generic-netlink header's command and version, and the attributes behind it.
    pub fn genl(&self) -> Option<(u8, u8, &'a [u8])> {
        let (head, attributes) = self.body.split_at_checked(4)?;
        Some((head[0], head[1], attributes))
    }
}

/// An acknowledgement or a refusal (NLMSG_ERROR), read from a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// `None` is success.
    pub errno: Option<Errno>,
    /// The extended acknowledgement's text.
    pub text: Option<&'a str>,
}

impl<'a> Answer<'a> {
    /// Reads `frame`, or gives `None` when it is no whole NLMSG_ERROR.
    pub fn read(frame: &Frame<'a>) -> Option<Answer<'a>> {
        if frame.kind != kind::ERROR {
            return None;
        }
        let (code, echo) = frame.body.split_first_chunk::<4>()?;
        let code = i32::from_ne_bytes(*code);
        let errno = (code != 0).then_some(Errno(code.saturating_neg()));
        let text = (frame.flags & flag::ACK_TLVS != 0)
            .then(|| Self::extended_text(frame.flags, echo))
            .flatten();
        Some(Answer { errno, text })
    }

    fn extended_text(flags: u16, echo: &'a [u8]) -> Option<&'a str> {
        let echoed = match flags & flag::CAPPED {
            0 => u32::from_ne_bytes(*echo.first_chunk()?) as usize,
            _ => HEADER,
        };
        walk(echo.get(echoed.checked_next_multiple_of(4)?..)?)
            .find(|(kind, _)| *kind == error_attr::MSG)
            .and_then(|(_, value)| core::str::from_utf8(value).ok())
            .map(|text| text.trim_end_matches('\0'))
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::ShortHeader => f.write_str("a netlink header has 16 octets"),
            FrameError::BadLength(len) => write!(f, "nlmsg_len {len} does not fit the datagram"),
        }
    }
}

impl core::error::Error for FrameError {}
