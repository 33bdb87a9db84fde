use crate::namespace::Namespace;
use crate::rtnetlink::Conversation;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage,
};
use netlink_packet_route::link::{
    InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

/// A network device as it was when asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Interface name.
    pub name: String,
    /// Interface index.
    pub index: u32,
    /// MTU in octets.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// Whether it is up and has a carrier.
    pub carrier: bool,
    /// Hardware address; empty where there is none.
    pub mac: Vec<u8>,
    /// Addresses with their prefix lengths, link-local ones included.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// Joins two namespaces with a virtual Ethernet cable whose ends are `a_end` in `a` and `b_end`
/// in `b`, both down and without addresses.
///
/// # Errors
/// EEXIST when a name is taken.
pub fn veth(a: &Namespace, a_end: &str, b: &Namespace, b_end: &str) -> io::Result<()> {
    let mut peer = named(b_end);
    peer.attributes
        .push(LinkAttribute::NetNsFd(b.fd().as_raw_fd()));
    a.create(
        a_end,
        InfoKind::Veth,
        Some(InfoData::Veth(InfoVeth::Peer(peer))),
    )
}

impl Namespace {
    /// Adds a bridge, down. It floods multicast to every port and so has nothing to say about
    /// groups itself.
    pub fn add_bridge(&self, name: &str) -> io::Result<()> {
        let data = InfoData::Bridge(vec![InfoBridge::MulticastSnooping(false)]);
        self.create(name, InfoKind::Bridge, Some(data))
    }

    /// Makes `link` a port of the bridge `master`.
    pub fn set_master(&self, link: &str, master: &str) -> io::Result<()> {
        let master = self.link(master)?;
        self.set(link, LinkAttribute::Controller(master.index))
    }

    /// Sets the MTU in octets.
    pub fn set_mtu(&self, link: &str, mtu: u32) -> io::Result<()> {
        self.set(link, LinkAttribute::Mtu(mtu))
    }

    /// Brings a device up.
    pub fn set_up(&self, link: &str) -> io::Result<()> {
        self.set_flags(link, LinkFlags::Up)
    }

    /// Takes a device down.
    pub fn set_down(&self, link: &str) -> io::Result<()> {
        self.set_flags(link, LinkFlags::empty())
    }

    /// Adds an address such as `192.0.2.1/24` to `link`. IPv6 addresses are usable at once, for
    /// duplicates are not looked for.
    ///
    /// # Errors
    /// EEXIST when the device has it; ENODEV without the device; InvalidInput when `address` is
    /// not an address, a slash and a prefix length.
    pub fn add_address(&self, link: &str, address: &str) -> io::Result<()> {
        let (address, prefix_len) = parse_address(address)?;
        let mut message = AddressMessage::default();
        message.header.index = self.link(link)?.index;
        message.header.prefix_len = prefix_len;
        message.attributes.push(AddressAttribute::Local(address));
        message.attributes.push(AddressAttribute::Address(address));
        message.header.family = match address {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        if address.is_ipv6() {
            message.header.flags = AddressHeaderFlags::Nodad;
            let flags = AddressAttribute::Flags(AddressFlags::Nodad);
            message.attributes.push(flags);
        }
        self.change(
            RouteNetlinkMessage::NewAddress(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    /// Moves a device to another namespace, where it is down and has no addresses.
    pub fn move_link(&self, link: &str, to: &Namespace) -> io::Result<()> {
        self.set(link, LinkAttribute::NetNsFd(to.fd().as_raw_fd()))
    }

    /// Removes a device.
    pub fn delete_link(&self, link: &str) -> io::Result<()> {
        self.change(RouteNetlinkMessage::DelLink(named(link)), 0)
    }

    /// The device of this name.
    ///
    /// # Errors
    /// NotFound when there is none.
    pub fn link(&self, name: &str) -> io::Result<Link> {
        let absent = || io::Error::new(io::ErrorKind::NotFound, format!("no link {name}"));
        let mut links = self.links()?.into_iter();
        links.find(|link| link.name == name).ok_or_else(absent)
    }

    /// All devices, by index.
    pub fn links(&self) -> io::Result<Vec<Link>> {
        let (links, addresses) = self.run(|| {
            let kernel = Conversation::open()?;
            let links = kernel.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
            let all = RouteNetlinkMessage::GetAddress(AddressMessage::default());
            Ok::<_, io::Error>((links, kernel.dump(all)?))
        })?;
        let mut links: Vec<Link> = links.into_iter().filter_map(read_link).collect();
        for (index, address) in addresses.into_iter().filter_map(read_address) {
            if let Some(link) = links.iter_mut().find(|link| link.index == index) {
                link.addresses.push(address);
            }
        }
        links.sort_by_key(|link| link.index);
        Ok(links)
    }

    fn create(&self, name: &str, kind: InfoKind, data: Option<InfoData>) -> io::Result<()> {
        let mut message = named(name);
        let mut info = vec![LinkInfo::Kind(kind)];
        info.extend(data.map(LinkInfo::Data));
        message.attributes.push(LinkAttribute::LinkInfo(info));
        self.change(
            RouteNetlinkMessage::NewLink(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    fn set(&self, link: &str, attribute: LinkAttribute) -> io::Result<()> {
        let mut message = named(link);
        message.attributes.push(attribute);
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }

    fn set_flags(&self, link: &str, flags: LinkFlags) -> io::Result<()> {
        let mut message = named(link);
        message.header.flags = flags;
        message.header.change_mask = LinkFlags::Up;
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }

    fn change(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.run(|| Conversation::open()?.change(message, flags))
    }
}

fn named(name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_owned()));
    message
}

fn parse_address(text: &str) -> io::Result<(IpAddr, u8)> {
    let bad = || io::Error::new(io::ErrorKind::InvalidInput, format!("no address: {text}"));
    let (address, prefix_len) = text.split_once('/').ok_or_else(bad)?;
    Ok((
        address.parse().map_err(|_| bad())?,
        prefix_len.parse().map_err(|_| bad())?,
    ))
}

fn read_link(message: RouteNetlinkMessage) -> Option<Link> {
    let RouteNetlinkMessage::NewLink(message) = message else {
        return None;
    };
    let mut link = Link {
        name: String::new(),
        index: message.header.index,
        mtu: 0,
        up: message.header.flags.contains(LinkFlags::Up),
        carrier: message.header.flags.contains(LinkFlags::LowerUp),
        mac: Vec::new(),
        addresses: Vec::new(),
    };
    for attribute in message.attributes {
        if let LinkAttribute::IfName(name) = attribute {
            link.name = name;
        } else if let LinkAttribute::Mtu(mtu) = attribute {
            link.mtu = mtu;
        } else if let LinkAttribute::Address(mac) = attribute {
            link.mac = mac;
        }
    }
    Some(link)
}

/// The index of the device and the address on it.
fn read_address(message: RouteNetlinkMessage) -> Option<(u32, (IpAddr, u8))> {
    let RouteNetlinkMessage::NewAddress(message) = message else {
        return None;
    };
    let address = message.attributes.iter().find_map(|attribute| {
        if let AddressAttribute::Address(address) = attribute {
            Some(*address)
        } else {
            None
        }
    });
    Some((message.header.index, (address?, message.header.prefix_len)))
}
