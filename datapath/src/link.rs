//! Network devices as rtnetlink shows them: the few questions and orders the data path has.

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::fmt;
use std::io;
use std::net::IpAddr;

/// RTMGRP_LINK: changes of devices.
const LINK_GROUP: u32 = 1;

/// A device as rtnetlink describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) mtu: u32,
    /// What somebody has called it besides.
    pub(crate) alias: Option<String>,
    /// Where it may take packets as they are.
    pub(crate) kind: Option<Kind>,
    /// The interface index of the device of this namespace that it stands on, as one of a VLAN does.
    pub(crate) lower: Option<u32>,
    /// The link-layer address.
    pub(crate) address: Vec<u8>,
    /// Whether somebody has brought it up.
    pub(crate) up: bool,
}

/// Devices that may take packets as they are, super-frames and unfinished checksums, because who gets
/// them is on the same machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Veth,
    /// Of the driver `tun`, which has a program at its other end: QEMU, most often.
    Tap,
    Bridge,
    MacVlan,
    IpVlan,
    Netkit,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Veth => "a veth pair",
            Kind::Tap => "a TAP device",
            Kind::Bridge => "a bridge",
            Kind::MacVlan => "a macvlan device",
            Kind::IpVlan => "an ipvlan device",
            Kind::Netkit => "a netkit pair",
        })
    }
}

/// A change of a device, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkEvent {
    Changed(Link),
    /// The device of this index was deleted or moved to another namespace.
    Gone(u32),
    /// Changes were missed: ask for every device that matters.
    Overrun,
}

/// Where packets to a peer go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Out by the device of this index.
    Device(u32),
    /// Nowhere, or to this host.
    Other,
}

/// A request socket of the namespace in which it was opened.
#[derive(Debug)]
pub(crate) struct Links {
    socket: Socket,
    sequence: u32,
}

impl Links {
    pub(crate) fn open() -> io::Result<Links> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Links {
            socket,
            sequence: 0,
        })
    }

    /// The device of this name.
    pub(crate) fn by_name(&mut self, name: &str) -> io::Result<Link> {
        let mut message = LinkMessage::default();
        message
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        self.ask(message)
    }

    /// The device of this index.
    pub(crate) fn by_index(&mut self, index: u32) -> io::Result<Link> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        self.ask(message)
    }

    /// Which way packets from `local` to `remote` go, by the device of this name if there is one.
    pub(crate) fn way(
        &mut self,
        local: IpAddr,
        remote: IpAddr,
        device: Option<&str>,
    ) -> io::Result<Way> {
        let mut message = RouteMessage::default();
        let (family, bits) = match remote {
            IpAddr::V4(_) => (AddressFamily::Inet, 32),
            IpAddr::V6(_) => (AddressFamily::Inet6, 128),
        };
        message.header.address_family = family;
        message.header.destination_prefix_length = bits;
        message.header.source_prefix_length = bits;
        message.attributes = vec![
            RouteAttribute::Destination(address(remote)),
            RouteAttribute::Source(address(local)),
        ];
        if let Some(name) = device {
            let index = self.by_name(name)?.index;
            message.attributes.push(RouteAttribute::Oif(index));
        }
        let answer = self.request(RouteNetlinkMessage::GetRoute(message))?;
        let Some(RouteNetlinkMessage::NewRoute(route)) = answer else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let device = route.attributes.iter().find_map(|attribute| {
            if let RouteAttribute::Oif(index) = attribute {
                Some(*index)
            } else {
                None
            }
        });
        Ok(match device {
            Some(index) if route.header.kind == RouteType::Unicast => Way::Device(index),
            Some(_) | None => Way::Other,
        })
    }

    /// Changes attributes of one device.
    pub(crate) fn set(&mut self, index: u32, attributes: Vec<LinkAttribute>) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes = attributes;
        self.request(RouteNetlinkMessage::SetLink(message))
            .map(drop)
    }

    /// Brings a device up.
    pub(crate) fn set_up(&mut self, index: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.request(RouteNetlinkMessage::SetLink(message))
            .map(drop)
    }

    /// Makes a veth pair, whose ends are down.
    pub(crate) fn add_veth(&mut self, one: &str, other: &str) -> io::Result<()> {
        let named = |name: &str| {
            let mut message = LinkMessage::default();
            let name = LinkAttribute::IfName(name.to_owned());
            message.attributes.push(name);
            message
        };
        let mut message = named(one);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(named(other)))),
        ]));
        self.request(RouteNetlinkMessage::NewLink(message))
            .map(drop)
    }

    /// Deletes a device.
    pub(crate) fn delete(&mut self, index: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        self.request(RouteNetlinkMessage::DelLink(message))
            .map(drop)
    }

    /// Deletes all devices of a group at once.
    pub(crate) fn delete_group(&mut self, group: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::Group(group));
        self.request(RouteNetlinkMessage::DelLink(message))
            .map(drop)
    }

    fn ask(&mut self, message: LinkMessage) -> io::Result<Link> {
        let answer = self.request(RouteNetlinkMessage::GetLink(message))?;
        match answer {
            Some(RouteNetlinkMessage::NewLink(link)) => {
                describe(&link).ok_or_else(|| io::ErrorKind::InvalidData.into())
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Sends one request and gives the object in its answer, or nothing for an acknowledgement.
    #[allow(clippy::wildcard_enum_match_arm)] // the library's enum is open
    fn request(&mut self, inner: RouteNetlinkMessage) -> io::Result<Option<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let wants_object = matches!(
            inner,
            RouteNetlinkMessage::GetLink(_) | RouteNetlinkMessage::GetRoute(_)
        );
        let makes = matches!(inner, RouteNetlinkMessage::NewLink(_));
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | if wants_object { 0 } else { NLM_F_ACK };
        header.flags |= if makes { NLM_F_CREATE | NLM_F_EXCL } else { 0 };
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(inner));
        message.finalize();
        let mut octets = vec![0; message.buffer_len()];
        message.serialize(&mut octets);
        self.socket.send(&octets, 0)?;
        loop {
            let (octets, _) = self.socket.recv_from_full()?;
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&octets)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            if message.header.sequence_number != self.sequence {
                continue;
            }
            return match message.payload {
                NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
                NetlinkPayload::InnerMessage(object) => Ok(Some(object)),
                NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => Ok(None),
                // The kernel sends nothing else in answer to one request.
                _ => continue,
            };
        }
    }
}

/// A socket that hears of every change.
#[derive(Debug)]
pub(crate) struct LinkMonitor {
    socket: Socket,
}

impl LinkMonitor {
    pub(crate) fn open() -> io::Result<LinkMonitor> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        // Best effort: a smaller buffer means overruns, which are handled.
        let _ = socket.set_rx_buf_sz(1 << 20);
        socket.bind(&SocketAddr::new(0, LINK_GROUP))?;
        Ok(LinkMonitor { socket })
    }

    /// Waits for changes and hands each to `each`.
    pub(crate) fn wait(&self, mut each: impl FnMut(LinkEvent)) -> io::Result<()> {
        let octets = match self.socket.recv_from_full() {
            Ok((octets, _)) => octets,
            Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => {
                each(LinkEvent::Overrun);
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&octets) else {
            return Ok(());
        };
        let NetlinkPayload::InnerMessage(message) = message.payload else {
            return Ok(());
        };
        if let RouteNetlinkMessage::NewLink(link) = &message {
            describe(link)
                .map(LinkEvent::Changed)
                .into_iter()
                .for_each(each);
        } else if let RouteNetlinkMessage::DelLink(link) = &message {
            each(LinkEvent::Gone(link.header.index));
        }
        Ok(())
    }
}

fn address(ip: IpAddr) -> RouteAddress {
    match ip {
        IpAddr::V4(ip) => RouteAddress::Inet(ip),
        IpAddr::V6(ip) => RouteAddress::Inet6(ip),
    }
}

fn describe(link: &LinkMessage) -> Option<Link> {
    let mut name = None;
    let mut mtu = None;
    let mut address = Vec::new();
    let mut alias = None;
    let mut kind = None;
    let mut lower = None;
    let mut foreign = false;
    for attribute in &link.attributes {
        if let LinkAttribute::IfName(text) = attribute {
            name = Some(text.clone());
        } else if let LinkAttribute::Mtu(value) = attribute {
            mtu = Some(*value);
        } else if let LinkAttribute::IfAlias(text) = attribute {
            alias = Some(text.clone());
        } else if let LinkAttribute::Address(octets) = attribute {
            address.clone_from(octets);
        } else if let LinkAttribute::LinkInfo(info) = attribute {
            kind = kind_of(info);
        } else if let LinkAttribute::Link(index) = attribute {
            lower = Some(*index).filter(|index| *index != 0);
        } else if let LinkAttribute::LinkNetNsId(_) = attribute {
            foreign = true;
        }
    }
    Some(Link {
        index: link.header.index,
        name: name?,
        mtu: mtu?,
        alias,
        kind,
        lower: lower.filter(|_| !foreign),
        address,
        up: link.header.flags.contains(LinkFlags::Up),
    })
}

fn kind_of(info: &[LinkInfo]) -> Option<Kind> {
    const KINDS: [(InfoKind, Kind); 8] = [
        (InfoKind::Veth, Kind::Veth),
        (InfoKind::Tun, Kind::Tap),
        (InfoKind::Bridge, Kind::Bridge),
        (InfoKind::MacVlan, Kind::MacVlan),
        (InfoKind::MacVtap, Kind::MacVlan),
        (InfoKind::IpVlan, Kind::IpVlan),
        (InfoKind::IpVtap, Kind::IpVlan),
        (InfoKind::Netkit, Kind::Netkit),
    ];
    let mut kinds = KINDS.into_iter();
    let known = kinds.find(|(known, _)| info.contains(&LinkInfo::Kind(known.clone())));
    known.map(|(_, kind)| kind)
}
