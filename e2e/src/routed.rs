use crate::host::Host;
use crate::pair::{Family, Pair, Side};
use adit_lab::{Namespace, veth};
use std::io;
use std::net::IpAddr;

/// The link between the two routers.
const MIDDLE: &str = "middle";

/// Two hosts with two routers between them, so that neither host sees the link in the middle.
#[derive(Debug)]
pub struct Routed {
    /// The hosts, whose links have an MTU of 1500.
    pub pair: Pair,
    routers: [Namespace; 2],
}

impl Routed {
    /// Hosts whose daemons run and have nothing to do. What they learn of the path's MTU they
    /// forget after `memory` seconds. The link in the middle has this MTU.
    #[track_caller]
    pub fn new(mtu: u32, memory: u32) -> Routed {
        let mut routed = build(memory).expect("two routers");
        routed.set_mtu(mtu);
        routed.pair.a.start(&[]);
        routed.pair.b.start(&[]);
        routed
    }

    /// Sets the MTU of the link in the middle.
    #[track_caller]
    pub fn set_mtu(&self, mtu: u32) {
        for router in &self.routers {
            router.set_mtu(MIDDLE, mtu).expect("an MTU");
        }
    }

    /// Makes the link in the middle swallow what is longer than its MTU on the way from A to B, and
    /// tell nobody.
    #[track_caller]
    pub fn swallow(&self, mtu: u32) {
        self.routers[1].set_mtu(MIDDLE, mtu).expect("an MTU");
    }

    /// The link in the middle, as the first router has it.
    pub fn middle(&self) -> (&Namespace, &'static str) {
        (&self.routers[0], MIDDLE)
    }
}

fn build(memory: u32) -> io::Result<Routed> {
    let (a, b) = (Host::idle("a"), Host::idle("b"));
    let routers = [Namespace::new("ra")?, Namespace::new("rb")?];
    veth(&a, "eth0", &routers[0], "host")?;
    veth(&b, "eth0", &routers[1], "host")?;
    veth(&routers[0], MIDDLE, &routers[1], MIDDLE)?;
    for router in &routers {
        router.set_variable("ipv4/ip_forward", 1)?;
        router.set_variable("ipv6/conf/all/forwarding", 1)?;
    }
    for namespace in [&*a, &*b, &routers[0], &routers[1]] {
        namespace.set_variable("ipv4/route/mtu_expires", memory)?;
        namespace.set_variable("ipv6/route/mtu_expires", memory)?;
    }
    for family in [Family::V4, Family::V6] {
        address(&a, &routers[0], Side::A, family)?;
        address(&b, &routers[1], Side::B, family)?;
        let ends = [within(family, 3, 1), within(family, 3, 2)];
        for (at, router) in routers.iter().enumerate() {
            add(router, MIDDLE, ends[at], family.prefix_len())?;
            router.set_up(MIDDLE)?;
        }
        routers[0].add_route(Side::B.outer(family), ends[1])?;
        routers[1].add_route(Side::A.outer(family), ends[0])?;
    }
    let pair = Pair { a, b };
    Ok(Routed { pair, routers })
}

/// Gives a host's link a network of its own, beside the host's address below the tunnel.
fn address(host: &Namespace, router: &Namespace, side: Side, family: Family) -> io::Result<()> {
    let network = if side == Side::A { 1 } else { 2 };
    let [near, far] = [within(family, network, 2), within(family, network, 1)];
    let whole = if family == Family::V4 { 32 } else { 128 };
    add(host, "eth0", side.outer(family), whole)?;
    add(host, "eth0", near, family.prefix_len())?;
    add(router, "host", far, family.prefix_len())?;
    host.set_up("eth0")?;
    router.set_up("host")?;
    host.add_route(side.other().outer(family), far)?;
    router.add_route(side.outer(family), near)
}

fn add(namespace: &Namespace, link: &str, address: IpAddr, prefix_len: u8) -> io::Result<()> {
    namespace.add_address(link, &format!("{address}/{prefix_len}"))
}

/// An address of one of the links between hosts and routers.
fn within(family: Family, network: u8, host: u8) -> IpAddr {
    match family {
        Family::V4 => [10, 99, network, host].into(),
        Family::V6 => [0xfd99, 0, 0, network.into(), 0, 0, 0, host.into()].into(),
    }
}
