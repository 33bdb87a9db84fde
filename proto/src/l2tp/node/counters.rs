use std::fmt;

/// Why a control message was dropped, or ended what it was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum MessageDrop {
    /// It has no readable header.
    Header,
    /// It is a data message.
    Data,
    /// No tunnel has its tunnel id, or one of the other version.
    UnknownTunnel,
    /// It names a tunnel but does not come from its peer.
    WrongPeer,
    /// Its digest is missing or wrong.
    Unauthentic,
    /// Its challenge or nonce is one of this node's own: somebody mirrors it.
    Reflected,
    /// Its Nr acknowledges what was never sent.
    InvalidNr,
    /// It was received before.
    Duplicate,
    /// Its Ns is beyond the receive window, or it came early and is too long to keep.
    BeyondWindow,
    /// The peer leaves so many messages unacknowledged that it gets no more answers.
    Backlog,
    /// It has tunnel id 0 and is neither an SCCRQ nor about a tunnel that is being opened.
    NotARequest,
    /// An SCCRQ that cannot be understood.
    BadRequest,
    /// An SCCRQ that no profile matches.
    Stranger,
    /// SCCRQs come too fast from its address, or too many tunnels of it are half open.
    TooManyRequests,
    /// No more tunnels are allowed.
    TunnelLimit,
    /// An SCCRQ that lost a tie.
    LostTie,
    /// Its type is not known, and it may be ignored.
    UnknownType,
    /// Its AVPs cannot be understood.
    Malformed,
    /// It came in a state that has no place for it.
    OutOfPlace,
    /// It names a session that is not there.
    UnknownSession,
    /// Its tunnel is closed already.
    Closed,
}

/// How many there are.
const REASONS: usize = MessageDrop::ALL.len();

/// What a node has counted since it began.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// Datagrams given to the node.
    pub received: u64,
    /// Datagrams taken from it.
    pub transmitted: u64,
    /// Messages among them that were sent before.
    pub retransmitted: u64,
    /// AVPs that were ignored in messages that were not.
    pub ignored_avps: u64,
    /// Tunnels established.
    pub tunnels: u64,
    /// Sessions established.
    pub sessions: u64,
    /// Tunnels given up because the peer did not answer.
    pub unreachable: u64,
    /// Half-open tunnels that gave way to younger ones.
    pub evicted: u64,
    /// Calls refused by a limit.
    pub refused_calls: u64,
    /// Refusals that were not sent, since too many others waited to be.
    pub unsent: u64,
    dropped: [u64; REASONS],
    latest: Option<MessageDrop>,
}

impl MessageDrop {
    /// All of them.
    pub const ALL: &'static [MessageDrop] = &[
        MessageDrop::Header,
        MessageDrop::Data,
        MessageDrop::UnknownTunnel,
        MessageDrop::WrongPeer,
        MessageDrop::Unauthentic,
        MessageDrop::Reflected,
        MessageDrop::InvalidNr,
        MessageDrop::Duplicate,
        MessageDrop::BeyondWindow,
        MessageDrop::Backlog,
        MessageDrop::NotARequest,
        MessageDrop::BadRequest,
        MessageDrop::Stranger,
        MessageDrop::TooManyRequests,
        MessageDrop::TunnelLimit,
        MessageDrop::LostTie,
        MessageDrop::UnknownType,
        MessageDrop::Malformed,
        MessageDrop::OutOfPlace,
        MessageDrop::UnknownSession,
        MessageDrop::Closed,
    ];

    /// The name, for counters.
    pub const fn name(self) -> &'static str {
        match self {
            MessageDrop::Header => "header",
            MessageDrop::Data => "data",
            MessageDrop::UnknownTunnel => "unknown_tunnel",
            MessageDrop::WrongPeer => "wrong_peer",
            MessageDrop::Unauthentic => "unauthentic",
            MessageDrop::Reflected => "reflected",
            MessageDrop::InvalidNr => "invalid_nr",
            MessageDrop::Duplicate => "duplicate",
            MessageDrop::BeyondWindow => "beyond_window",
            MessageDrop::Backlog => "backlog",
            MessageDrop::NotARequest => "not_a_request",
            MessageDrop::BadRequest => "bad_request",
            MessageDrop::Stranger => "stranger",
            MessageDrop::TooManyRequests => "too_many_requests",
            MessageDrop::TunnelLimit => "tunnel_limit",
            MessageDrop::LostTie => "lost_tie",
            MessageDrop::UnknownType => "unknown_type",
            MessageDrop::Malformed => "malformed",
            MessageDrop::OutOfPlace => "out_of_place",
            MessageDrop::UnknownSession => "unknown_session",
            MessageDrop::Closed => "closed",
        }
    }
}

impl Counters {
    /// How many messages were dropped for `reason`.
    pub fn dropped(&self, reason: MessageDrop) -> u64 {
        self.dropped[reason as usize]
    }

    /// The counters beside the drops, with their names.
    pub fn totals(&self) -> [(&'static str, u64); 10] {
        [
            ("received", self.received),
            ("transmitted", self.transmitted),
            ("retransmitted", self.retransmitted),
            ("ignored_avps", self.ignored_avps),
            ("tunnels", self.tunnels),
            ("sessions", self.sessions),
            ("unreachable", self.unreachable),
            ("evicted", self.evicted),
            ("refused_calls", self.refused_calls),
            ("unsent", self.unsent),
        ]
    }

    pub(super) fn drop(&mut self, reason: MessageDrop) {
        self.dropped[reason as usize] += 1;
        self.latest = Some(reason);
    }

    pub(super) fn take_latest(&mut self) -> Option<MessageDrop> {
        self.latest.take()
    }
}

impl fmt::Display for MessageDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
