use super::{AUTOMATIC_MSS, AUTOMATIC_MTU, ECN_OF_TUNNEL, TOS_INHERIT, TOS_OF_TUNNEL, TOS_UNIFORM};
use adit_datapath::spec::{
    Encap, Mss, Pmtudisc, Pseudowire, Retuning, SessionKey, SessionSpec, SessionTuning, Tos,
    TunnelRetuning, TunnelSpec, TunnelTuning, TxChecksum, UdpChecksum,
};
use adit_wire::l2tp::{Sublayer, TunnelId};
use adit_wire::netlink::{Attr, Command, Encapsulation, Writer, flag, pw_type};
use std::num::NonZeroU8;

/// Names one session in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionSelector {
    /// By tunnel and local id.
    Ids(SessionKey),
    /// By the name of its network device.
    Name(String),
}

/// A tunnel or call that is set up by protocol, in a request: a connection with or without a call
/// of its, or a tunnel with or without a session of its.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ControlTarget {
    /// The connection's name.
    pub connection: Option<String>,
    /// The call's name.
    pub call: Option<String>,
    /// The tunnel's id.
    pub tunnel: Option<u32>,
    /// The session's id.
    pub session: Option<u32>,
    /// All that is set up by protocol.
    pub everything: bool,
}

/// TUNNEL_CREATE for `spec`, wanting an acknowledgement.
pub fn create_tunnel(spec: &TunnelSpec, seq: u32) -> Vec<u8> {
    let mut writer = acknowledged(Command::TunnelCreate, seq)
        .word(Attr::ConnId, spec.id.0)
        .word(Attr::PeerConnId, spec.peer_id.0)
        .octet(Attr::ProtoVersion, spec.version)
        .half(Attr::EncapType, encapsulation(&spec.encap).number())
        .address(Attr::IpSaddr, Attr::Ip6Saddr, spec.encap.local())
        .address(Attr::IpDaddr, Attr::Ip6Daddr, spec.encap.remote());
    if let Encap::Udp {
        local,
        remote,
        checksum,
    } = spec.encap
    {
        writer = writer
            .half(Attr::UdpSport, local.port())
            .half(Attr::UdpDport, remote.port());
        writer = match (local.is_ipv4(), checksum.tx) {
            (true, TxChecksum::Always) => writer.octet(Attr::UdpCsum, 1),
            (true, TxChecksum::Spare) => writer,
            (true, TxChecksum::Never) => writer.flag(Attr::UdpNoCsum),
            (false, _) => zero_checksums6(writer, checksum),
        };
    }
    if spec.tuning.debug.0 != 0 {
        writer = writer.word(Attr::Debug, spec.tuning.debug.0);
    }
    outer_tuning(writer, &spec.tuning).finish()
}

/// What carries the tunnel, as the attribute names it.
pub(crate) fn encapsulation(encap: &Encap) -> Encapsulation {
    match encap {
        Encap::Udp { .. } => Encapsulation::Udp,
        Encap::Ip { .. } => Encapsulation::Ip,
    }
}

/// What a session carries, as the attribute names it.
pub(crate) fn pseudowire_type(pseudowire: Pseudowire) -> u16 {
    match pseudowire {
        Pseudowire::Ethernet => pw_type::ETHERNET,
        Pseudowire::Ppp => pw_type::PPP,
    }
}

/// The flags of a tunnel over IPv6 that does without UDP checksums.
pub(crate) fn zero_checksums6(mut writer: Writer, checksum: UdpChecksum) -> Writer {
    if !checksum.tx.is_on() {
        writer = writer.flag(Attr::UdpZeroCsum6Tx);
    }
    if !checksum.rx {
        writer = writer.flag(Attr::UdpZeroCsum6Rx);
    }
    writer
}

/// Adit's own attributes of what may change of a tunnel; those at their default are left out.
pub(crate) fn outer_tuning(mut writer: Writer, tuning: &TunnelTuning) -> Writer {
    if tuning.pmtudisc != Pmtudisc::default() {
        writer = writer.octet(Attr::Pmtudisc, tuning.pmtudisc as u8);
    }
    if let Some(ttl) = tuning.ttl {
        writer = writer.octet(Attr::Ttl, ttl.get());
    }
    if tuning.tos != Tos::default() {
        writer = writer.half(Attr::Tos, tos_number(tuning.tos));
    }
    if tuning.ecn {
        writer = writer.octet(Attr::Ecn, 1);
    }
    if tuning.pmtu_probe != 0 {
        writer = writer.half(Attr::PmtuProbe, tuning.pmtu_probe);
    }
    writer
}

fn tos_number(tos: Tos) -> u16 {
    match tos {
        Tos::Fixed(octet) => octet.into(),
        Tos::Inherit => TOS_INHERIT,
        Tos::Uniform => TOS_UNIFORM,
    }
}

/// The value of the MSS attribute.
pub(crate) fn mss_number(mss: Option<Mss>) -> u16 {
    match mss {
        None => 0,
        Some(Mss::Octets(octets)) => octets,
        Some(Mss::Auto) => AUTOMATIC_MSS,
    }
}

/// SESSION_CREATE for `spec`, wanting an acknowledgement.
pub fn create_session(spec: &SessionSpec, seq: u32) -> Vec<u8> {
    let sublayer = match spec.sublayer {
        Sublayer::None => 0,
        Sublayer::Default => 1,
    };
    let mut writer = acknowledged(Command::SessionCreate, seq)
        .word(Attr::ConnId, spec.key.tunnel.0)
        .word(Attr::SessionId, spec.key.session.0)
        .word(Attr::PeerSessionId, spec.peer_id.0)
        .half(Attr::PwType, pseudowire_type(spec.pseudowire))
        .octet(Attr::L2specType, sublayer);
    if let Some(name) = &spec.ifname {
        writer = writer.string(Attr::Ifname, name);
    }
    if !spec.cookie.is_empty() {
        writer = writer.octets(Attr::Cookie, spec.cookie.as_slice());
    }
    if !spec.peer_cookie.is_empty() {
        writer = writer.octets(Attr::PeerCookie, spec.peer_cookie.as_slice());
    }
    tuning(writer, &spec.tuning).finish()
}

/// TUNNEL_DELETE, wanting an acknowledgement.
pub fn delete_tunnel(id: TunnelId, seq: u32) -> Vec<u8> {
    acknowledged(Command::TunnelDelete, seq)
        .word(Attr::ConnId, id.0)
        .finish()
}

/// SESSION_DELETE, wanting an acknowledgement.
pub fn delete_session(session: &SessionSelector, seq: u32) -> Vec<u8> {
    select(acknowledged(Command::SessionDelete, seq), session).finish()
}

/// TUNNEL_MODIFY with what `change` names, wanting an acknowledgement.
pub fn modify_tunnel(id: TunnelId, change: &TunnelRetuning, seq: u32) -> Vec<u8> {
    let mut writer = acknowledged(Command::TunnelModify, seq).word(Attr::ConnId, id.0);
    if let Some(debug) = change.debug {
        writer = writer.word(Attr::Debug, debug.0);
    }
    if let Some(mode) = change.pmtudisc {
        writer = writer.octet(Attr::Pmtudisc, mode as u8);
    }
    if let Some(ttl) = change.ttl {
        writer = writer.octet(Attr::Ttl, ttl.map_or(0, NonZeroU8::get));
    }
    if let Some(tos) = change.tos {
        writer = writer.half(Attr::Tos, tos_number(tos));
    }
    if let Some(ecn) = change.ecn {
        writer = writer.octet(Attr::Ecn, ecn.into());
    }
    if let Some(every) = change.pmtu_probe {
        writer = writer.half(Attr::PmtuProbe, every);
    }
    writer.finish()
}

/// SESSION_MODIFY with what `change` names, wanting an acknowledgement.
pub fn modify_session(session: &SessionSelector, change: &Retuning, seq: u32) -> Vec<u8> {
    let mut writer = select(acknowledged(Command::SessionModify, seq), session);
    let switches = [
        (Attr::RecvSeq, change.recv_seq),
        (Attr::SendSeq, change.send_seq),
        (Attr::LnsMode, change.lns_mode),
    ];
    for (attr, on) in switches {
        if let Some(on) = on {
            writer = writer.octet(attr, on.into());
        }
    }
    if let Some(timeout) = change.reorder_timeout {
        writer = writer.long(Attr::RecvTimeout, timeout.as_millis() as u64);
    }
    if let Some(mtu) = change.mtu {
        writer = writer.half(Attr::Mtu, mtu.unwrap_or(AUTOMATIC_MTU));
    }
    if let Some(mss) = change.mss {
        writer = writer.half(Attr::Mss, mss_number(mss));
    }
    if let Some(tos) = change.tos {
        writer = writer.half(Attr::Tos, tos.map_or(TOS_OF_TUNNEL, tos_number));
    }
    if let Some(ecn) = change.ecn {
        writer = writer.octet(Attr::Ecn, ecn.map_or(ECN_OF_TUNNEL, u8::from));
    }
    if let Some(ttl) = change.ttl {
        writer = writer.octet(Attr::Ttl, ttl.map_or(0, NonZeroU8::get));
    }
    if let Some(debug) = change.debug {
        writer = writer.word(Attr::Debug, debug.0);
    }
    writer.finish()
}

/// TUNNEL_GET for one tunnel: its message, then an acknowledgement.
pub fn get_tunnel(id: TunnelId, seq: u32) -> Vec<u8> {
    acknowledged(Command::TunnelGet, seq)
        .word(Attr::ConnId, id.0)
        .finish()
}

/// TUNNEL_GET for all tunnels.
pub fn dump_tunnels(seq: u32) -> Vec<u8> {
    Writer::command(Command::TunnelGet, flag::REQUEST | flag::DUMP, seq, 0).finish()
}

/// SESSION_GET for one session: its message, then an acknowledgement.
pub fn get_session(session: &SessionSelector, seq: u32) -> Vec<u8> {
    select(acknowledged(Command::SessionGet, seq), session).finish()
}

/// SESSION_GET for all sessions.
pub fn dump_sessions(seq: u32) -> Vec<u8> {
    Writer::command(Command::SessionGet, flag::REQUEST | flag::DUMP, seq, 0).finish()
}

/// CONNECTION_GET for all connections.
pub fn dump_connections(seq: u32) -> Vec<u8> {
    let flags = flag::REQUEST | flag::DUMP;
    Writer::command(Command::ConnectionGet, flags, seq, 0).finish()
}

/// CONTROL_GET for all that the control protocol has counted.
pub fn dump_control(seq: u32) -> Vec<u8> {
    let flags = flag::REQUEST | flag::DUMP;
    Writer::command(Command::ControlGet, flags, seq, 0).finish()
}

/// Reload of the configuration file; with `dry_run` it is only told what would change.
pub fn reload(dry_run: bool, seq: u32) -> Vec<u8> {
    let writer = acknowledged(Command::Reload, seq);
    let writer = if dry_run {
        writer.flag(Attr::DryRun)
    } else {
        writer
    };
    writer.finish()
}

/// START, STOP or DRAIN, wanting an acknowledgement.
pub fn control(command: Command, target: &ControlTarget, seq: u32) -> Vec<u8> {
    let mut writer = acknowledged(command, seq);
    let names = [
        (Attr::Connection, &target.connection),
        (Attr::Call, &target.call),
    ];
    for (attr, name) in names {
        if let Some(name) = name {
            writer = writer.string(attr, name);
        }
    }
    let ids = [
        (Attr::ConnId, target.tunnel),
        (Attr::SessionId, target.session),
    ];
    for (attr, id) in ids {
        if let Some(id) = id {
            writer = writer.word(attr, id);
        }
    }
    if target.everything {
        writer = writer.flag(Attr::Everything);
    }
    writer.finish()
}

fn acknowledged(command: Command, seq: u32) -> Writer {
    Writer::command(command, flag::REQUEST | flag::ACK, seq, 0)
}

fn select(writer: Writer, session: &SessionSelector) -> Writer {
    match session {
        SessionSelector::Ids(key) => writer
            .word(Attr::ConnId, key.tunnel.0)
            .word(Attr::SessionId, key.session.0),
        SessionSelector::Name(name) => writer.string(Attr::Ifname, name),
    }
}

/// The attributes of what may change; those at their default are left out.
fn tuning(mut writer: Writer, tuning: &SessionTuning) -> Writer {
    let switches = [
        (Attr::RecvSeq, tuning.recv_seq),
        (Attr::SendSeq, tuning.send_seq),
        (Attr::LnsMode, tuning.lns_mode),
    ];
    for (attr, _) in switches.into_iter().filter(|(_, on)| *on) {
        writer = writer.octet(attr, 1);
    }
    if !tuning.reorder_timeout.is_zero() {
        writer = writer.long(Attr::RecvTimeout, tuning.reorder_timeout.as_millis() as u64);
    }
    if let Some(mtu) = tuning.mtu {
        writer = writer.half(Attr::Mtu, mtu);
    }
    if tuning.mss.is_some() {
        writer = writer.half(Attr::Mss, mss_number(tuning.mss));
    }
    writer = session_marks(writer, tuning);
    if tuning.debug.0 != 0 {
        writer = writer.word(Attr::Debug, tuning.debug.0);
    }
    writer
}

/// What outer packets bear of a session's own.
pub(crate) fn session_marks(mut writer: Writer, tuning: &SessionTuning) -> Writer {
    if let Some(tos) = tuning.tos {
        writer = writer.half(Attr::Tos, tos_number(tos));
    }
    if let Some(ecn) = tuning.ecn {
        writer = writer.octet(Attr::Ecn, ecn.into());
    }
    if let Some(ttl) = tuning.ttl {
        writer = writer.octet(Attr::Ttl, ttl.get());
    }
    writer
}
