//! Who gets a received frame: the rules of Linux's generic PPP driver.

use adit_wire::ppp::protocol;

/// What a unit does with the packets of one network protocol (Linux's `enum NPmode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum NpMode {
    /// They pass.
    #[default]
    Pass = 0,
    /// They are dropped.
    Drop = 1,
    /// They are dropped, and whoever sends one shall know.
    Error = 2,
    /// They wait, for which Linux drops them too.
    Queue = 3,
}

impl NpMode {
    /// The one with Linux's number.
    pub fn from_number(number: u32) -> Option<NpMode> {
        [NpMode::Pass, NpMode::Drop, NpMode::Error, NpMode::Queue]
            .into_iter()
            .find(|mode| *mode as u32 == number)
    }
}

/// The network protocols that have a mode.
pub(super) const NETWORK: [u16; 6] = [
    protocol::IPV4,
    protocol::IPV6,
    protocol::IPX,
    protocol::APPLETALK,
    protocol::MPLS_UNICAST,
    protocol::MPLS_MULTICAST,
];

/// The place of a network protocol in [`NETWORK`].
pub(super) fn network(protocol: u16) -> Option<usize> {
    NETWORK.iter().position(|one| *one == protocol)
}

/// What a bound channel belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Free,
    OfUnit,
    OfBridge,
}

/// Who gets a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// The file attached to the channel.
    ChannelFile,
    /// The file attached to the unit.
    UnitFile,
    /// The unit's device, if the mode of the protocol at this place of [`NETWORK`] admits it.
    Network(usize),
    /// The other channel, whatever the frame is.
    Bridge,
}

/// Whether a protocol concerns the link and not what it carries.
fn concerns_link(number: u16) -> bool {
    number >= protocol::LINK_LAYER || number == protocol::LINK_CCP
}

/// Who gets a frame of `protocol` that a channel received.
pub(super) fn route(member: Member, protocol: u16) -> Route {
    match member {
        Member::OfBridge => Route::Bridge,
        Member::Free => Route::ChannelFile,
        Member::OfUnit if concerns_link(protocol) => Route::ChannelFile,
        Member::OfUnit => network(protocol).map_or(Route::UnitFile, Route::Network),
    }
}
