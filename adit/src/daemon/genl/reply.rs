//! Objects as messages: Linux's attributes in Linux's order, then Adit's own.

use super::Dialect;
use crate::control::{encapsulation, mss_number, outer_tuning, session_marks, zero_checksums6};
use crate::daemon::plane::{ConnectionDetails, Counts, Details, ListenerCounts};
use adit_datapath::FastPath;
use adit_datapath::counters::{Counters, DropReason};
use adit_datapath::limits::Limit;
use adit_datapath::spec::{DebugMask, Device, Encap, Pseudowire, SessionSpec, TunnelSpec};
use adit_wire::netlink::{Attr, Command, Writer, flag, pw_type};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The longest text of [`Attr::Problem`] that its policy admits.
const PROBLEM_OCTETS: usize = 1024;
/// The longest [`Attr::PeerName`] that is told.
const NAME_OCTETS: usize = 255;
/// The longest text of [`Attr::Text`] that its policy admits.
const TEXT_OCTETS: usize = 4096;

/// The part of a message that depends on the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whether the message is one of a dump.
    pub multi: bool,
    /// The request's sequence number.
    pub seq: u32,
    /// The request's port id.
    pub portid: u32,
    /// Whether cookies may be told: who knows a session's cookie can send into it.
    pub cookies: bool,
    /// Whether Linux's attributes are all that is told.
    pub dialect: Dialect,
    /// The command that has been done to the object, where all who listen are told so.
    pub news: Option<Command>,
}

/// What Adit knows of an object beyond its specification.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extra {
    /// Its counters.
    pub counters: Counters,
    /// Whether the configuration file asks for it.
    pub configured: bool,
    /// Why it carries nothing yet.
    pub problem: Option<String>,
    /// What its control protocol knows, where it was set up by one.
    pub details: Option<Details>,
    /// What it has to do without.
    pub limits: Vec<Limit>,
    /// The path's MTU, as far as it is known.
    pub path_mtu: Option<u32>,
    /// How it uses the path inside the kernel, where that was asked for.
    pub fast_path: Option<FastPath>,
}

/// A tunnel. A single one's header has the ACK flag, as Linux's has by accident.
pub fn tunnel(header: Header, spec: &TunnelSpec, extra: &Extra) -> Vec<u8> {
    let flags = match (header.multi, header.dialect, header.news) {
        (true, _, _) => flag::MULTI,
        (false, Dialect::Strict, None) => 0,
        (false, Dialect::Adit | Dialect::Linux | Dialect::Strict, _) => flag::ACK,
    };
    let command = header.news.unwrap_or(Command::TunnelGet);
    let mut writer = Writer::command(command, flags, header.seq, header.portid)
        .octet(Attr::ProtoVersion, spec.version)
        .word(Attr::ConnId, spec.id.0)
        .word(Attr::PeerConnId, spec.peer_id.0)
        .word(Attr::Debug, header.debug(spec.tuning.debug))
        .half(Attr::EncapType, encapsulation(&spec.encap).number())
        .statistics(extra.counters.statistics);
    if let Encap::Udp {
        local,
        remote,
        checksum,
    } = spec.encap
    {
        writer = match local.is_ipv4() {
            true => writer.octet(Attr::UdpCsum, checksum.tx.is_on().into()),
            false => zero_checksums6(writer, checksum),
        };
        writer = writer
            .half(Attr::UdpSport, local.port())
            .half(Attr::UdpDport, remote.port());
    }
    writer = writer
        .address(Attr::IpSaddr, Attr::Ip6Saddr, spec.encap.local())
        .address(Attr::IpDaddr, Attr::Ip6Daddr, header.remote(&spec.encap));
    match header.dialect {
        Dialect::Linux | Dialect::Strict => writer.finish(),
        Dialect::Adit => own(outer_tuning(writer, &spec.tuning), extra).finish(),
    }
}

/// One line of a reload's report: of a change, or of something that failed.
pub(crate) fn report(header: Header, line: &str, failed: bool) -> Vec<u8> {
    let writer = Writer::command(Command::Reload, flag::MULTI, header.seq, header.portid);
    let writer = match failed {
        true => writer.string(Attr::Problem, cut(line, PROBLEM_OCTETS)),
        false => writer.string(Attr::Text, cut(line, TEXT_OCTETS)),
    };
    writer.finish()
}

/// The empty message that answers NOOP.
pub(crate) fn noop(header: Header) -> Vec<u8> {
    Writer::command(Command::Noop, 0, header.seq, header.portid).finish()
}

/// A session of `tunnel`; without a device, which it may be waiting for, it has the name that it
/// asks for, if any. Its cookies are left out where the header says so.
pub fn session(
    header: Header,
    tunnel: &TunnelSpec,
    spec: &SessionSpec,
    device: Option<&Device>,
    extra: &Extra,
) -> Vec<u8> {
    let flags = match (header.multi, header.news) {
        (true, _) => flag::MULTI,
        (false, None) => 0,
        (false, Some(_)) => flag::ACK,
    };
    let kind = match spec.pseudowire {
        Pseudowire::Ethernet => pw_type::ETHERNET,
        Pseudowire::Ppp => pw_type::PPP,
    };
    let command = header.news.unwrap_or(Command::SessionGet);
    let mut writer = Writer::command(command, flags, header.seq, header.portid)
        .word(Attr::ConnId, spec.key.tunnel.0)
        .word(Attr::SessionId, spec.key.session.0)
        .word(Attr::PeerConnId, tunnel.peer_id.0)
        .word(Attr::PeerSessionId, spec.peer_id.0)
        .word(Attr::Debug, header.debug(spec.tuning.debug))
        .half(Attr::PwType, kind);
    if let Some(name) = device.map(|device| &device.name).or(spec.ifname.as_ref()) {
        writer = writer.string(Attr::Ifname, name);
    }
    if header.cookies {
        writer = cookies(writer, spec);
    }
    writer = writer
        .octet(Attr::RecvSeq, spec.tuning.recv_seq.into())
        .octet(Attr::SendSeq, spec.tuning.send_seq.into())
        .octet(Attr::LnsMode, spec.tuning.lns_mode.into());
    if !spec.tuning.reorder_timeout.is_zero() {
        let millis = spec.tuning.reorder_timeout.as_millis();
        writer = writer.long(Attr::RecvTimeout, millis.try_into().unwrap_or(u64::MAX));
    }
    writer = writer.statistics(extra.counters.statistics);
    if header.dialect.is_linux() {
        return writer.finish();
    }
    if spec.tuning.mss.is_some() {
        writer = writer.half(Attr::Mss, mss_number(spec.tuning.mss));
    }
    writer = session_marks(writer, &spec.tuning);
    if let Some(device) = device {
        writer = writer
            .half(Attr::Mtu, device.mtu.try_into().unwrap_or(u16::MAX))
            .word(Attr::Ifindex, device.index);
    }
    own(writer, extra).finish()
}

impl Header {
    /// The peer's address to tell; Linux's socket is connected to none where the port is 0.
    fn remote(self, encap: &Encap) -> IpAddr {
        let unconnected = matches!(encap, Encap::Udp { remote, .. } if remote.port() == 0);
        match encap.remote() {
            remote if self.dialect == Dialect::Adit || !unconnected => remote,
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// The debug mask to tell; Linux's is always 0.
    fn debug(self, mask: DebugMask) -> u32 {
        match self.dialect {
            Dialect::Adit => mask.0,
            Dialect::Linux | Dialect::Strict => 0,
        }
    }
}

fn cookies(mut writer: Writer, spec: &SessionSpec) -> Writer {
    let cookies = [
        (Attr::Cookie, &spec.cookie),
        (Attr::PeerCookie, &spec.peer_cookie),
    ];
    for (attr, cookie) in cookies.iter().filter(|(_, cookie)| !cookie.is_empty()) {
        writer = writer.octets(*attr, cookie.as_slice());
    }
    writer
}

fn own(mut writer: Writer, extra: &Extra) -> Writer {
    if extra.configured {
        writer = writer.octet(Attr::Configured, 1);
    }
    if let Some(details) = &extra.details {
        writer = negotiated(writer, details);
    }
    if let Some(problem) = &extra.problem {
        writer = writer.string(Attr::Problem, cut(problem, PROBLEM_OCTETS));
    }
    if let Some(mtu) = extra.path_mtu {
        writer = writer.word(Attr::PathMtu, mtu);
    }
    if !extra.limits.is_empty() {
        let limits: Vec<_> = extra.limits.iter().map(Limit::to_string).collect();
        writer = writer.string(Attr::Limits, cut(&limits.join("; "), TEXT_OCTETS));
    }
    if let Some(fast_path) = &extra.fast_path {
        writer = writer.string(Attr::FastPath, cut(&fast_path.to_string(), TEXT_OCTETS));
    }
    drops(writer, &extra.counters)
}

/// The reasons that struck.
fn drops(writer: Writer, counters: &Counters) -> Writer {
    let drops: Vec<_> = DropReason::ALL
        .iter()
        .map(|reason| (*reason as u16, counters.dropped(*reason)))
        .filter(|(_, count)| *count != 0)
        .collect();
    match drops.is_empty() {
        true => writer,
        false => writer.counters(Attr::Drops, drops),
    }
}

fn negotiated(writer: Writer, details: &Details) -> Writer {
    let mut writer = writer
        .string(Attr::State, &details.state)
        .string(Attr::Origin, cut(&details.origin, NAME_OCTETS))
        .string(Attr::PeerName, cut(&details.peer, NAME_OCTETS));
    if let Some(uptime) = details.uptime {
        writer = writer.long(Attr::Uptime, saturating(uptime.as_millis()));
    }
    if let Some(circuits) = &details.circuits {
        writer = writer
            .string(Attr::Circuit, &circuits.own)
            .string(Attr::PeerCircuit, &circuits.peer);
    }
    if let Some(channel) = details.channel {
        writer = writer
            .word(Attr::Window, channel.window)
            .word(Attr::InFlight, channel.in_flight)
            .long(Attr::Retransmissions, channel.retransmissions)
            .word(Attr::Sessions, channel.sessions);
        if let Some(rtt) = channel.rtt {
            writer = writer.long(Attr::RoundTrip, saturating(rtt.as_micros()));
        }
    }
    writer
}

/// A connection, the peers that it may be opened to, and its calls.
pub(crate) fn connection(header: Header, connection: &ConnectionDetails) -> Vec<Vec<u8>> {
    let ConnectionDetails {
        name,
        state,
        tunnel,
        uptime,
        problem,
        next,
        failures,
        peers,
        calls,
    } = connection;
    let row = || {
        let flags = flag::MULTI;
        Writer::command(Command::ConnectionGet, flags, header.seq, header.portid)
            .string(Attr::Connection, name)
    };
    let later = |writer: Writer, next: Option<Duration>| match next {
        Some(next) => writer.long(Attr::Next, saturating(next.as_millis())),
        None => writer,
    };
    let why = |writer: Writer, problem: &Option<String>| match problem {
        Some(problem) => writer.string(Attr::Problem, cut(problem, PROBLEM_OCTETS)),
        None => writer,
    };
    let mut own = row()
        .string(Attr::State, state)
        .word(Attr::Failures, *failures);
    if let Some(tunnel) = tunnel {
        own = own.word(Attr::ConnId, tunnel.0);
    }
    if let Some(uptime) = uptime {
        own = own.long(Attr::Uptime, saturating(uptime.as_millis()));
    }
    let peers = peers.iter().map(|peer| {
        let one = row()
            .string(Attr::Host, &peer.host)
            .half(Attr::UdpDport, peer.port)
            .half(Attr::Priority, peer.priority)
            .half(Attr::Weight, peer.weight);
        let one = if peer.called {
            one.flag(Attr::Called)
        } else {
            one
        };
        later(one, peer.avoided)
    });
    let calls = calls.iter().map(|call| {
        let one = row()
            .string(Attr::Call, &call.name)
            .string(Attr::State, call.state);
        let one = match call.session {
            Some(session) => one.word(Attr::SessionId, session.0),
            None => one,
        };
        later(why(one, &call.problem), call.next)
    });
    let own = later(why(own, problem), *next);
    let all = std::iter::once(own).chain(peers).chain(calls);
    all.map(Writer::finish).collect()
}

/// What the control protocol has counted.
pub(crate) fn control(header: Header, counts: &Counts) -> Vec<Vec<u8>> {
    let row = || {
        let flags = flag::MULTI;
        Writer::command(Command::ControlGet, flags, header.seq, header.portid)
    };
    let totals = counts
        .totals
        .iter()
        .map(|(name, count)| row().string(Attr::Counter, name).long(Attr::Count, *count));
    let dropped = counts.drops.iter().map(|drop| {
        let one = row()
            .string(Attr::Dropped, drop.reason)
            .long(Attr::Count, drop.count);
        match drop.latest {
            Some((from, ago)) => one
                .string(Attr::Host, &from.to_string())
                .long(Attr::Ago, saturating(ago.as_millis())),
            None => one,
        }
    });
    let listeners = counts.listeners.iter().map(|one| listener(row(), one));
    let all = totals.chain(dropped).chain(listeners);
    all.map(Writer::finish).collect()
}

fn listener(row: Writer, listener: &ListenerCounts) -> Writer {
    let mut one = row
        .string(Attr::Listener, &listener.name)
        .string(Attr::Text, &listener.local);
    if let Some(problem) = &listener.problem {
        one = one.string(Attr::Problem, cut(problem, PROBLEM_OCTETS));
    }
    drops(one, &listener.counters)
}

fn saturating(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// `text`, or as much of it as `octets` hold.
pub(crate) fn cut(text: &str, octets: usize) -> &str {
    text.get(..text.floor_char_boundary(octets)).unwrap_or(text)
}
