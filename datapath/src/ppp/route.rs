//! Who gets a received frame: the rules of Linux's generic PPP driver.

use adit_wire::ppp::protocol;

/// What a unit does with the packets of one network protocol (Linux's `enum NPmode`): only those
/// that pass are not dropped. Linux keeps any number for who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NpMode(pub u32);

impl NpMode {
    /// They pass.
    pub const PASS: NpMode = NpMode(0);
    /// They are dropped.
    pub const DROP: NpMode = NpMode(1);
    /// They are dropped, and whoever sends one shall know.
    pub const ERROR: NpMode = NpMode(2);
    /// They wait, for which Linux drops them too.
    pub const QUEUE: NpMode = NpMode(3);
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
    /// The unit's decompressor, and then its device, as IPv4.
    Decompressor,
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
        Member::OfUnit => match protocol {
            protocol::VJ_COMPRESSED | protocol::VJ_UNCOMPRESSED => Route::Decompressor,
            _ => network(protocol).map_or(Route::UnitFile, Route::Network),
        },
    }
}
