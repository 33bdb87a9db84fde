//! The two texts in which Linux's driver shows its state, byte for byte: debugfs `l2tp/tunnels` and
//! `/proc/net/pppol2tp`. A pure function each, of a [`snapshot`].

mod snapshot;

pub(super) use snapshot::take;

use adit_datapath::spec::{Encap, Pseudowire, SessionSpec, SessionTuning, TunnelSpec};
use adit_wire::l2tp::{Cookie, Sublayer};
use adit_wire::netlink::Statistics;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const DEBUGFS_LEGEND: &str = "\
TUNNEL ID, peer ID from IP to IP
 L2TPv2/L2TPv3, UDP/IP
 sessions session-count, refcnt refcnt/sk->refcnt
 debug tx-pkts/bytes/errs rx-pkts/bytes/errs
  SESSION ID, peer ID, PWTYPE
   refcnt cnt
   offset OFFSET l2specific TYPE/LEN
   [ cookie ]
   [ peer cookie ]
   config mtu/mru/rcvseq/sendseq/dataseq/lns debug reorderto
   nr/ns tx-pkts/bytes/errs rx-pkts/bytes/errs
";

const PROC_LEGEND: &str = "\
PPPoL2TP driver info, V2.0
TUNNEL name, user-data-ok session-count
 debug tx-pkts/bytes/errs rx-pkts/bytes/errs
  SESSION name, addr/port src-tid/sid dest-tid/sid state user-data-ok
   mtu/mru/rcvseq/sendseq/lns debug reorderto
   nr/ns tx-pkts/bytes/errs rx-pkts/bytes/errs
";

/// What an IPv6 socket has for its IPv4 address: LOOPBACK4_IPV6 of the kernel.
const LOOPBACK4_IPV6: u32 = 0x7f00_0006;

/// A tunnel as it is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tunnel {
    pub(super) spec: TunnelSpec,
    pub(super) statistics: Statistics,
    /// In the order to show, session 0 for the management socket among them.
    pub(super) sessions: Vec<Session>,
}

/// A session as it is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) spec: SessionSpec,
    /// The number expected of the next packet, and that of the next one sent.
    pub(super) nr: u32,
    pub(super) ns: u32,
    pub(super) statistics: Statistics,
    /// The PPPoL2TP socket that it belongs to.
    pub(super) socket: Option<Socket>,
    /// Its network device, or that of its PPP unit.
    pub(super) interface: Option<String>,
}

/// How far a PPPoL2TP socket is, as bits of `linux/if_pppox.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Socket {
    /// PPPOX_CONNECTED.
    Connected = 1,
    /// PPPOX_BOUND too: its channel is known.
    Bound = 3,
}

/// What debugfs `l2tp/tunnels` reads.
pub(super) fn debugfs(tunnels: &[Tunnel]) -> String {
    let texts = tunnels.iter().map(Tunnel::debugfs);
    DEBUGFS_LEGEND.to_owned() + &texts.collect::<String>()
}

/// What `/proc/net/pppol2tp` reads: tunnels of version 2 only.
pub(super) fn pppol2tp(tunnels: &[Tunnel]) -> String {
    let texts = tunnels
        .iter()
        .filter(|tunnel| tunnel.spec.version == 2)
        .map(Tunnel::pppol2tp);
    PROC_LEGEND.to_owned() + &texts.collect::<String>()
}

impl Tunnel {
    fn debugfs(&self) -> String {
        let spec = &self.spec;
        let (kind, ports, socket_references) = match spec.encap {
            Encap::Udp { local, remote, .. } => {
                let (near, far) = (local.port(), remote.port());
                ("UDP", format!(" source port {near}, dest port {far}\n"), 3)
            }
            Encap::Ip { .. } => ("IP", String::new(), 2),
        };
        let sessions = self.sessions.iter();
        // The management socket's is not counted.
        let count = sessions.filter(|it| it.spec.key.session.0 != 0).count();
        let mut out = format!(
            "\nTUNNEL {} peer {} from {} to {}\n{ports} L2TPv{}, {kind}\n \
             {count} sessions, refcnt {socket_references}/{}\n 00000000 rx {} rx {}\n",
            spec.id.0,
            spec.peer_id.0,
            spec.encap.local(),
            remote(&spec.encap),
            spec.version,
            self.references(),
            sent(&self.statistics),
            received(&self.statistics),
        );
        let sessions = self.sessions.iter();
        out.extend(sessions.map(|session| session.debugfs(spec.version)));
        out
    }

    fn pppol2tp(&self) -> String {
        let mut out = format!(
            "\nTUNNEL 'tunl {}', Y {}\n 00000000 {} {}\n",
            self.spec.id.0,
            self.references() - 1,
            sent(&self.statistics),
            received(&self.statistics),
        );
        let sessions = self.sessions.iter();
        out.extend(sessions.map(|session| session.pppol2tp(&self.spec)));
        out
    }

    /// Those who hold the tunnel: its list, its socket and each session.
    fn references(&self) -> usize {
        2 + self.sessions.len()
    }
}

impl Session {
    fn debugfs(&self, version: u8) -> String {
        let Session { spec, nr, ns, .. } = self;
        let kind = match spec.pseudowire {
            Pseudowire::Ethernet => "ETH",
            Pseudowire::Ppp => "PPP",
        };
        let mut out = format!(
            "  SESSION {}, peer {}, {kind}\n",
            spec.key.session.0, spec.peer_id.0
        );
        if spec.tuning.send_seq || spec.tuning.recv_seq {
            out.push_str(&format!("   nr {nr}, ns {ns}\n"));
        }
        let sublayer = match spec.sublayer {
            Sublayer::Default if version != 2 => "1/4",
            Sublayer::Default | Sublayer::None => "0/0",
        };
        out.push_str(&format!(
            "   refcnt {}\n   config 0/0/{}/-/{}\n   offset 0 l2specific {sublayer}\n{}{}   \
             {nr}/{ns} tx {} rx {}\n",
            2 + usize::from(self.socket.is_some()),
            switches(&spec.tuning),
            mode(&spec.tuning),
            cookie("cookie", &spec.cookie),
            cookie("peer cookie", &spec.peer_cookie),
            sent(&self.statistics),
            received(&self.statistics),
        ));
        match spec.pseudowire {
            Pseudowire::Ethernet => out.extend(self.interface.as_deref().map(interface)),
            Pseudowire::Ppp => out.push_str(&self.unit()),
        }
        out
    }

    fn pppol2tp(&self, tunnel: &TunnelSpec) -> String {
        let Session { spec, nr, ns, .. } = self;
        let (address, port) = source(&tunnel.encap);
        let (state, taken) = match self.socket {
            Some(socket) => (socket as u8, 'Y'),
            None => (0, 'N'),
        };
        let (tid, sid) = (spec.key.tunnel.0, spec.key.session.0);
        let (peer_tid, peer_sid) = (tunnel.peer_id.0, spec.peer_id.0);
        format!(
            "  SESSION 'sess {tid}/{sid}' {address:08X}/{port} {tid:04X}/{sid:04X} -> \
             {peer_tid:04X}/{peer_sid:04X} {state} {taken}\n   0/0/{}/{}\n   {nr}/{ns} {} {}\n{}",
            switches(&spec.tuning),
            mode(&spec.tuning),
            sent(&self.statistics),
            received(&self.statistics),
            self.unit(),
        )
    }

    /// The line of the PPP unit, which a session with a socket has even without a unit.
    fn unit(&self) -> String {
        match self.socket {
            Some(_) => interface(self.interface.as_deref().unwrap_or("(null)")),
            None => String::new(),
        }
    }
}

fn interface(name: &str) -> String {
    format!("   interface {name}\n")
}

/// Packets, octets and errors sent.
fn sent(of: &Statistics) -> String {
    format!("{}/{}/{}", of.tx_packets, of.tx_bytes, of.tx_errors)
}

/// Packets, octets and errors received.
fn received(of: &Statistics) -> String {
    format!("{}/{}/{}", of.rx_packets, of.rx_bytes, of.rx_errors)
}

fn switches(tuning: &SessionTuning) -> String {
    let shown = |is_on, letter| if is_on { letter } else { '-' };
    let (received, sent) = (shown(tuning.recv_seq, 'R'), shown(tuning.send_seq, 'S'));
    format!("{received}/{sent}")
}

/// Mode, debug mask and reorder timeout.
fn mode(tuning: &SessionTuning) -> String {
    let mode = if tuning.lns_mode { "LNS" } else { "LAC" };
    format!("{mode} 00000000 {}", tuning.reorder_timeout.as_millis())
}

/// A line of 8 octets, or of 4 whatever there are.
fn cookie(name: &str, cookie: &Cookie) -> String {
    let octets = cookie.as_slice();
    let shown = match octets.len() {
        0 => return String::new(),
        8 => 8,
        _ => 4,
    };
    let octets = octets.iter().chain([0; 4].iter()).take(shown);
    let digits: String = octets.map(|octet| format!("{octet:02x}")).collect();
    format!("   {name} {digits}\n")
}

/// Where the tunnel's socket is connected to, which is nowhere without a port.
fn remote(encap: &Encap) -> IpAddr {
    match encap {
        Encap::Udp { remote, .. } if remote.port() == 0 => match remote.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        },
        Encap::Udp { .. } | Encap::Ip { .. } => encap.remote(),
    }
}

/// The IPv4 address and port of a tunnel's socket.
fn source(encap: &Encap) -> (u32, u16) {
    let port = match encap {
        Encap::Udp { local, .. } => local.port(),
        Encap::Ip { .. } => 0,
    };
    let address = match encap.local() {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => 0,
        IpAddr::V6(_) => LOOPBACK4_IPV6,
    };
    (address, port)
}

#[cfg(test)]
mod tests;
