pub(crate) mod bench;
mod files;
mod sockets;
mod terminals;
mod units;

use super::route::{Member, Route, network, route};
use adit_wire::ppp::protocol::*;

#[test]
fn who_gets_which_protocol() {
    let net = |protocol| Route::Network(network(protocol).unwrap());
    for (name, protocol, of_unit) in [
        ("IPv4", IPV4, net(IPV4)),
        ("IPv6", IPV6, net(IPV6)),
        ("IPX", IPX, net(IPX)),
        ("AppleTalk", APPLETALK, net(APPLETALK)),
        ("MPLS unicast", MPLS_UNICAST, net(MPLS_UNICAST)),
        ("MPLS multicast", MPLS_MULTICAST, net(MPLS_MULTICAST)),
        ("VJ compressed", VJ_COMPRESSED, Route::Decompressor),
        ("VJ uncompressed", VJ_UNCOMPRESSED, Route::Decompressor),
        ("multilink", 0x003d, Route::UnitFile),
        ("compressed", 0x00fd, Route::UnitFile),
        ("IPCP", 0x8021, Route::UnitFile),
        ("IPV6CP", 0x8057, Route::UnitFile),
        ("CCP", 0x80fd, Route::UnitFile),
        ("CCP of a link", LINK_CCP, Route::ChannelFile),
        ("before LCP's", 0xbfff, Route::UnitFile),
        ("the first of LCP's", 0xc000, Route::ChannelFile),
        ("LCP", LCP, Route::ChannelFile),
        ("PAP", 0xc023, Route::ChannelFile),
        ("CHAP", 0xc223, Route::ChannelFile),
        ("unassigned", 0xffff, Route::ChannelFile),
    ] {
        assert_eq!(route(Member::OfUnit, protocol), of_unit, "{name}");
        assert_eq!(route(Member::Free, protocol), Route::ChannelFile, "{name}");
        assert_eq!(route(Member::OfBridge, protocol), Route::Bridge, "{name}");
    }
}
