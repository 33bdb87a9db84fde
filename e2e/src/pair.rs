use crate::harness::eventually;
use crate::host::Host;
use adit_lab::{Namespace, Ping, veth};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// What carries the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encap {
    /// UDP.
    Udp,
    /// IP protocol 115.
    Ip,
}

/// The family of the tunnel's outer addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The length of every address's prefix.
    pub fn prefix_len(self) -> u8 {
        match self {
            Family::V4 => 24,
            Family::V6 => 64,
        }
    }
}

/// An end of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Tunnel 3000, session 1000, UDP port 5000.
    A,
    /// Tunnel 4000, session 2000, UDP port 6000.
    B,
}

impl Side {
    /// The other end.
    pub fn other(self) -> Side {
        match self {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }

    /// The local tunnel id.
    pub fn tunnel(self) -> u32 {
        match self {
            Side::A => 3000,
            Side::B => 4000,
        }
    }

    /// The local session id.
    pub fn session(self) -> u32 {
        match self {
            Side::A => 1000,
            Side::B => 2000,
        }
    }

    /// The local UDP port.
    pub fn port(self) -> u16 {
        match self {
            Side::A => 5000,
            Side::B => 6000,
        }
    }

    /// The address below the tunnel.
    pub fn outer(self, family: Family) -> IpAddr {
        let text = match (family, self) {
            (Family::V4, Side::A) => "192.0.2.1",
            (Family::V4, Side::B) => "192.0.2.2",
            (Family::V6, Side::A) => "2001:db8::1",
            (Family::V6, Side::B) => "2001:db8::2",
        };
        text.parse().expect("an address")
    }

    /// The address inside the pseudowire.
    pub fn inner(self, family: Family) -> IpAddr {
        let text = match (family, self) {
            (Family::V4, Side::A) => "10.42.1.1",
            (Family::V4, Side::B) => "10.42.1.2",
            (Family::V6, Side::A) => "fd42::1",
            (Family::V6, Side::B) => "fd42::2",
        };
        text.parse().expect("an address")
    }

    /// The cookie that this end demands, in hexadecimal.
    pub fn cookie(self, octets: usize) -> &'static str {
        let digits = match self {
            Side::A => "a1b2c3d4e5f60718",
            Side::B => "1122334455667788",
        };
        &digits[..octets * 2]
    }
}

/// A tunnel with one session, as both ends shall have it.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What carries the tunnel.
    pub encap: Encap,
    /// The family of its addresses.
    pub family: Family,
    cookie: usize,
    tunnel: String,
    session: String,
    second: bool,
}

impl Setup {
    /// Nothing but what must be said.
    pub fn new(encap: Encap, family: Family) -> Setup {
        Setup {
            encap,
            family,
            cookie: 0,
            tunnel: String::new(),
            session: String::new(),
            second: false,
        }
    }

    /// Behind another session of the tunnel, which nobody uses.
    pub fn second(self) -> Setup {
        Setup {
            second: true,
            ..self
        }
    }

    /// Cookies of so many octets both ways, different ones.
    pub fn cookie(self, cookie: usize) -> Setup {
        Setup { cookie, ..self }
    }

    /// More words for the command that adds the tunnel.
    pub fn tunnel(self, words: &str) -> Setup {
        Setup {
            tunnel: format!("{} {words}", self.tunnel),
            ..self
        }
    }

    /// More words for the command that adds the session.
    pub fn session(self, words: &str) -> Setup {
        Setup {
            session: format!("{} {words}", self.session),
            ..self
        }
    }

    /// Octets between the outer packet's IP header and a frame.
    pub(crate) fn before_frame(&self) -> usize {
        let l2tp = match self.encap {
            // A UDP header, and a version word (RFC 3931 section 4.1.2.1).
            Encap::Udp => 8 + 4 + 4,
            Encap::Ip => 4,
        };
        let sublayer = match self.session.contains("l2spec_type none") {
            true => 0,
            false => 4,
        };
        l2tp + self.cookie + sublayer
    }

    /// The command that adds the tunnel at `side`.
    pub fn add_tunnel(&self, side: Side) -> String {
        let peer = side.other();
        let encap = match self.encap {
            Encap::Udp => format!("udp udp_sport {} udp_dport {}", side.port(), peer.port()),
            Encap::Ip => "ip".to_owned(),
        };
        format!(
            "add tunnel tunnel_id {} peer_tunnel_id {} local {} remote {} encap {encap} {}",
            side.tunnel(),
            peer.tunnel(),
            side.outer(self.family),
            peer.outer(self.family),
            self.tunnel,
        )
    }

    /// The command that adds the session at `side`.
    pub fn add_session(&self, side: Side) -> String {
        let peer = side.other();
        let cookies = match self.cookie {
            0 => String::new(),
            octets => format!(
                "cookie {} peer_cookie {}",
                peer.cookie(octets),
                side.cookie(octets)
            ),
        };
        format!(
            "add session tunnel_id {} session_id {} peer_session_id {} {cookies} {}",
            side.tunnel(),
            side.session(),
            peer.session(),
            self.session,
        )
    }

    /// Adds tunnel and session at one end.
    #[track_caller]
    pub fn add(&self, host: &Host, side: Side) {
        host.adit(&self.add_tunnel(side));
        if self.second {
            host.adit(&format!(
                "add session tunnel_id {} session_id 1 peer_session_id 1 name first",
                side.tunnel()
            ));
        }
        host.adit(&self.add_session(side));
    }

    /// Adds tunnel and session at one end, and brings the device up with its addresses.
    #[track_caller]
    pub fn install(&self, host: &Host, side: Side) {
        self.add(host, side);
        address_device(host, side);
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (encap, family) = (self.encap, self.family);
        let words = [self.tunnel.trim(), self.session.trim()].join(" ");
        let text = format!("{encap:?} {family:?} cookie {} {words}", self.cookie);
        f.write_str(text.trim_end())
    }
}

/// Brings `l2tpeth0` up with its addresses.
#[track_caller]
pub fn address_device(host: &Host, side: Side) {
    address(host, "l2tpeth0", |family| side.inner(family));
}

/// Brings the cable's end `eth0` up with the addresses below the tunnel.
#[track_caller]
pub(crate) fn address_cable(namespace: &Namespace, side: Side) {
    address(namespace, "eth0", |family| side.outer(family));
}

#[track_caller]
fn address(namespace: &Namespace, link: &str, of: impl Fn(Family) -> IpAddr) {
    for family in [Family::V4, Family::V6] {
        let address = format!("{}/{}", of(family), family.prefix_len());
        namespace.add_address(link, &address).expect("an address");
    }
    namespace.set_up(link).expect("a device that comes up");
}

/// Two hosts on a cable.
#[derive(Debug)]
pub struct Pair {
    /// The end called [`Side::A`].
    pub a: Host,
    /// The end called [`Side::B`].
    pub b: Host,
}

impl Pair {
    /// Hosts whose daemons run and have nothing to do.
    #[track_caller]
    pub fn new() -> Pair {
        let mut pair = Pair::idle();
        pair.a.start(&[]);
        pair.b.start(&[]);
        pair
    }

    /// Hosts whose daemons have yet to be started.
    #[track_caller]
    pub fn idle() -> Pair {
        let (a, b) = (Host::idle("a"), Host::idle("b"));
        veth(&a, "eth0", &b, "eth0").expect("a cable");
        address_cable(&a, Side::A);
        address_cable(&b, Side::B);
        Pair { a, b }
    }

    /// Hosts joined by a pseudowire.
    #[track_caller]
    pub fn connected(setup: &Setup) -> Pair {
        let pair = Pair::new();
        pair.connect(setup);
        pair
    }

    /// Adds tunnel and session at both ends, and leaves the devices as they are.
    #[track_caller]
    pub fn add(&self, setup: &Setup) {
        setup.add(&self.a, Side::A);
        setup.add(&self.b, Side::B);
    }

    /// Joins the hosts by a pseudowire.
    #[track_caller]
    pub fn connect(&self, setup: &Setup) {
        setup.add(&self.a, Side::A);
        setup.add(&self.b, Side::B);
        address_device(&self.a, Side::A);
        address_device(&self.b, Side::B);
    }

    /// Waits until either end answers the other through the pseudowire. Both ask, for a device
    /// that is new makes itself known to old neighbours by asking.
    #[track_caller]
    pub fn await_ping(&self) {
        for (from, target) in [(&self.b, Side::A), (&self.a, Side::B)] {
            let ping = Ping::to(target.inner(Family::V4)).timeout(Duration::from_millis(500));
            eventually("a ping is answered", || {
                ping.run(from).is_ok_and(|report| report.complete())
            });
        }
    }
}

impl Default for Pair {
    fn default() -> Pair {
        Pair::new()
    }
}
