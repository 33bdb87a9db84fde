//! For which sessions there is a fast path, and what it has to know of them.

use super::cutter::Cutter;
use super::facts::{Ends, Facts};
use super::program::{ETHERNET, Egress, Entry, Family, MAX_REST, TAG, key};
use crate::link::Kind;
use crate::spec::{Encap, TxChecksum};
use crate::user::devices::is_here;
use crate::user::port::Port;
use adit_wire::l2tp::Sublayer;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

/// Over which devices sessions have a fast path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that put packets on a wire: cut, and with their checksums.
    Wires,
    /// Those as well that may hand packets on as they are (veth pairs, TAP devices of virtual machines,
    /// bridges): super-frames, and checksums that somebody has yet to complete. No peer in user space
    /// can read these.
    All,
}

/// Why a session has no fast path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A program's socket carries it.
    ProgramsSocket,
    /// Its tunnel has no peer yet.
    NoPeer,
    /// UDP checksums are sent, or demanded.
    Checksums,
    /// Version 2, which carries PPP.
    Version,
    /// It numbers packets.
    Sequence,
    /// TCP's segment size is changed on the way.
    Mss,
    /// Codepoints or congestion marks are copied.
    Class,
    /// The device is down.
    DeviceDown,
    /// The device is in another network namespace, or gone.
    DeviceElsewhere,
    /// The device's MTU is beyond that of the path.
    Mtu { device: u32, path: u32 },
    /// There is no route to the peer by a device.
    NoRoute,
    /// The route to the peer leads into the session.
    OwnRoute,
    /// The device may hand packets over as they are, and nobody has said that the peer takes them.
    Near(Kind),
    /// IPsec may want the outer packets.
    Ipsec,
    /// The kernel, or a device, refuses.
    Refused(String),
    /// The session is going.
    Ended,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::ProgramsSocket => "a program's socket carries the tunnel",
            Reason::NoPeer => "the tunnel has no peer yet",
            Reason::Checksums => "UDP checksums are on",
            Reason::Version => "L2TP version 2",
            Reason::Sequence => "packets are numbered",
            Reason::Mss => "mss is set",
            Reason::Class => "tos or ecn is copied",
            Reason::DeviceDown => "the device is down",
            Reason::DeviceElsewhere => "the device is in another namespace",
            Reason::Mtu { device, path } => {
                return write!(f, "the MTU {device} is too large for a path of {path}");
            }
            Reason::NoRoute => "no route to the peer by a device",
            Reason::OwnRoute => "the route to the peer leads into the session",
            Reason::Near(neighbour) => {
                let remedy = "which takes --fast-path=all at both ends";
                return write!(f, "the peer is behind {neighbour}, {remedy}");
            }
            Reason::Ipsec => "there are IPsec policies",
            Reason::Refused(text) => text,
            Reason::Ended => "the session ends",
        })
    }
}

/// What programs have to know of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) egress: Egress,
    /// The device that packets leave by.
    pub(crate) underlay: u32,
    pub(crate) family: Family,
    /// What the peer's packets are found by.
    pub(crate) key: Vec<u8>,
    pub(crate) entry: Entry,
}

impl Plan {
    /// The plan for the session of `port`, as it is now. What it takes to cut packets of protocol 115
    /// is there then.
    pub(crate) fn of(
        port: &Port,
        scope: Scope,
        facts: &mut Facts,
        cutter: &mut Cutter,
    ) -> Result<Plan, Reason> {
        let line = &*port.line;
        let (local, remote) = line.endpoints();
        check_tunnel(port)?;
        if line.session.is_version_2() {
            return Err(Reason::Version);
        }
        let tuning = &line.session.tuning;
        if tuning.recv_seq.load(Relaxed) || tuning.send_seq.load(Relaxed) {
            return Err(Reason::Sequence);
        }
        if tuning.mss().is_some() {
            return Err(Reason::Mss);
        }
        if facts.has_policies() {
            return Err(Reason::Ipsec);
        }
        let class = line.mark().fixed().ok_or(Reason::Class)?;
        let (longest, longest_tagged) = check_device(port)?;
        let underlay = facts.way(&Ends::of(port)).ok_or(Reason::NoRoute)?;
        if underlay == port.device.index {
            return Err(Reason::OwnRoute);
        }
        if scope == Scope::Wires
            && let Some(neighbour) = facts.neighbour(underlay)
        {
            return Err(Reason::Near(neighbour));
        }
        let mut header = Vec::new();
        line.session.append_header(&mut header);
        let ttl = match tuning.marks.ttl() {
            Some(ttl) => ttl,
            None => line.carrier.ttl().map_err(|e| refused("the TTL", &e))?,
        };
        let cutter = match line.carrier.encap {
            Encap::Udp { .. } => None,
            Encap::Ip { .. } => Some(cutter.index(facts.links())?),
        };
        let mut egress = Egress {
            local,
            remote,
            ttl,
            class,
            dont_fragment: line.outer.dont_fragment(),
            header,
            cutter,
            longest,
            longest_tagged,
            shorter: false,
        };
        let veth = facts.neighbour(underlay) == Some(Kind::Veth);
        egress.shorter = veth && egress.gains_by_shorter_segments();
        Ok(Plan {
            egress,
            underlay,
            family: Family::of(local.ip()),
            key: key(remote, local, line.session.key.session.0),
            // As user space takes them, which looks for no tag.
            entry: entry(port, longest + TAG as u32),
        })
    }
}

impl Plan {
    /// Whether `new` is the same but for the device that packets leave by.
    pub(super) fn differs_by_way(&self, new: &Plan) -> bool {
        let same = (self.egress == new.egress) && (self.key == new.key) && self.entry == new.entry;
        same && self.underlay != new.underlay
    }
}

/// A refusal of `what`.
pub(super) fn refused(what: &str, error: &std::io::Error) -> Reason {
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM) => "; it takes CAP_BPF and CAP_NET_ADMIN",
        _ => "",
    };
    Reason::Refused(format!("{what}: {error}{remedy}"))
}

fn check_tunnel(port: &Port) -> Result<(), Reason> {
    let line = &*port.line;
    if line.carrier.is_twin() {
        return Err(Reason::ProgramsSocket);
    }
    let (local, remote) = line.endpoints();
    let nowhere = local.ip().is_unspecified() || remote.ip().is_unspecified();
    if !line.has_peer() || nowhere {
        return Err(Reason::NoPeer);
    }
    let Encap::Udp { checksum, .. } = line.carrier.encap else {
        return Ok(());
    };
    if local.port() == 0 {
        return Err(Reason::NoPeer);
    }
    // Over IPv4 nobody can demand one.
    let demanded = checksum.rx && local.is_ipv6();
    if checksum.tx == TxChecksum::Always || demanded {
        return Err(Reason::Checksums);
    }
    Ok(())
}

/// The octets of the longest frames that the device's MTU admits, where they get through; and of the
/// longest of those with a tag that do.
fn check_device(port: &Port) -> Result<(u32, u32), Reason> {
    let device = &*port.device;
    if device.is_lost() || device.is_away() || !is_here(&device.tap) {
        return Err(Reason::DeviceElsewhere);
    }
    let link = device.link();
    if !link.up {
        return Err(Reason::DeviceDown);
    }
    let path = port.line.outer.path.mtu();
    let overhead = port.line.overhead() as u32;
    let longest = link.mtu + ETHERNET as u32;
    if longest + overhead > path {
        let device = link.mtu;
        return Err(Reason::Mtu { device, path });
    }
    let tagged = longest + TAG as u32;
    Ok((longest, tagged.min(path - overhead)))
}

fn entry(port: &Port, longest: u32) -> Entry {
    let (cookie, sublayer) = port.line.session.expects();
    let mut rest = [0; MAX_REST];
    rest[..cookie.len()].copy_from_slice(cookie.as_slice());
    // A sublayer without a sequence number is zeros (RFC 3931 §4.6).
    let sublayer = match sublayer {
        Sublayer::None => 0,
        Sublayer::Default => 4,
    };
    Entry {
        rest,
        rest_len: (cookie.len() + sublayer) as u32,
        device: port.device.index,
        longest,
        ..Entry::default()
    }
}
