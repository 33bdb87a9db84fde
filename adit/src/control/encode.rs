use adit_datapath::spec::{Encap, SessionSpec, SessionTuning, TunnelSpec};
use adit_wire::l2tp::Sublayer;
use adit_wire::netlink::{Attr, Command, Encapsulation, Writer, flag, pw_type};

/// TUNNEL_CREATE for `spec`, wanting an acknowledgement.
pub fn create_tunnel(spec: &TunnelSpec, seq: u32) -> Vec<u8> {
    let encap = if spec.encap.is_udp() {
        Encapsulation::Udp
    } else {
        Encapsulation::Ip
    };
    let mut writer = Writer::command(Command::TunnelCreate, flag::REQUEST | flag::ACK, seq, 0)
        .word(Attr::ConnId, spec.id.0)
        .word(Attr::PeerConnId, spec.peer_id.0)
        .octet(Attr::ProtoVersion, spec.version)
        .half(Attr::EncapType, encap.number())
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
        match local.is_ipv4() {
            true if checksum.tx => writer = writer.octet(Attr::UdpCsum, 1),
            true => {}
            false => {
                if !checksum.tx {
                    writer = writer.flag(Attr::UdpZeroCsum6Tx);
                }
                if !checksum.rx {
                    writer = writer.flag(Attr::UdpZeroCsum6Rx);
                }
            }
        }
    }
    if spec.debug.0 != 0 {
        writer = writer.word(Attr::Debug, spec.debug.0);
    }
    writer.finish()
}

/// SESSION_CREATE for `spec`, wanting an acknowledgement.
pub fn create_session(spec: &SessionSpec, seq: u32) -> Vec<u8> {
    let sublayer = match spec.sublayer {
        Sublayer::None => 0,
        Sublayer::Default => 1,
    };
    let mut writer = Writer::command(Command::SessionCreate, flag::REQUEST | flag::ACK, seq, 0)
        .word(Attr::ConnId, spec.key.tunnel.0)
        .word(Attr::SessionId, spec.key.session.0)
        .word(Attr::PeerSessionId, spec.peer_id.0)
        .half(Attr::PwType, pw_type::ETHERNET)
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
    if tuning.debug.0 != 0 {
        writer = writer.word(Attr::Debug, tuning.debug.0);
    }
    writer
}
