use core::fmt;

/// The kind of a control message, numbered as its Message Type AVP (RFC 2661 §3.2, RFC 3931 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum MessageKind {
    /// Start-Control-Connection-Request.
    Sccrq = 1,
    /// Start-Control-Connection-Reply.
    Sccrp = 2,
    /// Start-Control-Connection-Connected.
    Scccn = 3,
    /// Stop-Control-Connection-Notification.
    StopCcn = 4,
    /// Hello.
    Hello = 6,
    /// Outgoing-Call-Request.
    Ocrq = 7,
    /// Outgoing-Call-Reply.
    Ocrp = 8,
    /// Outgoing-Call-Connected.
    Occn = 9,
    /// Incoming-Call-Request.
    Icrq = 10,
    /// Incoming-Call-Reply.
    Icrp = 11,
    /// Incoming-Call-Connected.
    Iccn = 12,
    /// Call-Disconnect-Notify.
    Cdn = 14,
    /// WAN-Error-Notify.
    Wen = 15,
    /// Set-Link-Info.
    Sli = 16,
    /// Explicit-Acknowledgement, of version 3.
    Ack = 20,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The tunnel, or control connection, as a whole.
    Tunnel,
    /// One session.
    Session,
}

impl MessageKind {
    /// All of them, in ascending order of their numbers.
    pub const ALL: &'static [MessageKind] = &[
        MessageKind::Sccrq,
        MessageKind::Sccrp,
        MessageKind::Scccn,
        MessageKind::StopCcn,
        MessageKind::Hello,
        MessageKind::Ocrq,
        MessageKind::Ocrp,
        MessageKind::Occn,
        MessageKind::Icrq,
        MessageKind::Icrp,
        MessageKind::Iccn,
        MessageKind::Cdn,
        MessageKind::Wen,
        MessageKind::Sli,
        MessageKind::Ack,
    ];

    /// The one with this number.
    pub fn from_number(number: u16) -> Option<MessageKind> {
        let mut all = MessageKind::ALL.iter().copied();
        all.find(|kind| kind.number() == number)
    }

    /// Its number in a Message Type AVP.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Whether it is about the tunnel or about a session.
    pub const fn scope(self) -> Scope {
        match self {
            MessageKind::Sccrq
            | MessageKind::Sccrp
            | MessageKind::Scccn
            | MessageKind::StopCcn
            | MessageKind::Hello
            | MessageKind::Ack => Scope::Tunnel,
            MessageKind::Ocrq
            | MessageKind::Ocrp
            | MessageKind::Occn
            | MessageKind::Icrq
            | MessageKind::Icrp
            | MessageKind::Iccn
            | MessageKind::Cdn
            | MessageKind::Wen
            | MessageKind::Sli => Scope::Session,
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MessageKind::Sccrq => "SCCRQ",
            MessageKind::Sccrp => "SCCRP",
            MessageKind::Scccn => "SCCCN",
            MessageKind::StopCcn => "StopCCN",
            MessageKind::Hello => "HELLO",
            MessageKind::Ocrq => "OCRQ",
            MessageKind::Ocrp => "OCRP",
            MessageKind::Occn => "OCCN",
            MessageKind::Icrq => "ICRQ",
            MessageKind::Icrp => "ICRP",
            MessageKind::Iccn => "ICCN",
            MessageKind::Cdn => "CDN",
            MessageKind::Wen => "WEN",
            MessageKind::Sli => "SLI",
            MessageKind::Ack => "ACK",
        })
    }
}
