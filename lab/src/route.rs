use crate::namespace::Namespace;
use crate::rtnetlink::Conversation;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::fs;
use std::io;
use std::net::IpAddr;

impl Namespace {
    /// Sends what goes to one address by way of another, a neighbour.
    ///
    /// # Errors
    /// ENETUNREACH when `gateway` is on no link; EEXIST when there is such a route.
    pub fn add_route(&self, to: IpAddr, gateway: IpAddr) -> io::Result<()> {
        let mut message = RouteMessage::default();
        let (family, len) = match to {
            IpAddr::V4(_) => (AddressFamily::Inet, 32),
            IpAddr::V6(_) => (AddressFamily::Inet6, 128),
        };
        message.header = RouteHeader {
            address_family: family,
            destination_prefix_length: len,
            table: RouteHeader::RT_TABLE_MAIN,
            protocol: RouteProtocol::Static,
            scope: RouteScope::Universe,
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        let route = |address: IpAddr| match address {
            IpAddr::V4(address) => RouteAddress::Inet(address),
            IpAddr::V6(address) => RouteAddress::Inet6(address),
        };
        message.attributes = vec![
            RouteAttribute::Destination(route(to)),
            RouteAttribute::Gateway(route(gateway)),
        ];
        let message = RouteNetlinkMessage::NewRoute(message);
        self.run(|| Conversation::open()?.change(message, NLM_F_CREATE | NLM_F_EXCL))
    }

    /// Sets a variable below `/proc/sys/net`, such as `ipv4/ip_forward`.
    pub fn set_variable(&self, name: &str, value: u32) -> io::Result<()> {
        self.run(|| fs::write(format!("/proc/sys/net/{name}"), value.to_string()))
    }
}
