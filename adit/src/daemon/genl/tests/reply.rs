//! Objects as they are told.

use super::*;

const HEADER: Header = Header {
    multi: true,
    seq: 7,
    portid: 9,
    cookies: true,
    dialect: Dialect::Adit,
    news: None,
};

/// The attributes' numbers in the order in which they stand.
fn order(message: &[u8]) -> Vec<Attr> {
    let frame = Frames::new(message).next().unwrap().unwrap();
    assert_eq!((frame.flags, frame.seq, frame.portid), (flag::MULTI, 7, 9));
    let (_, _, mut rest) = frame.genl().unwrap();
    let mut out = Vec::new();
    while let Some(head) = rest.first_chunk::<4>() {
        let len = u16::from_ne_bytes([head[0], head[1]]);
        out.extend(Attr::from_number(u16::from_ne_bytes([head[2], head[3]])));
        rest = rest
            .get(usize::from(len).next_multiple_of(4)..)
            .unwrap_or(&[]);
    }
    out
}

#[test]
fn tunnels_are_told_in_linuxs_order() {
    use Attr::*;
    let first = [ProtoVersion, ConnId, PeerConnId, Debug, EncapType, Stats];
    let plain = Extra::default();
    let v4 = order(&tunnel(HEADER, &udp(1), &plain));
    assert_eq!(v4[..6], first);
    assert_eq!(v4[6..], [UdpCsum, UdpSport, UdpDport, IpSaddr, IpDaddr]);
    let waiting = Extra {
        configured: true,
        problem: Some("no address".to_owned()),
        ..Extra::default()
    };
    let v6 = order(&tunnel(HEADER, &ip(1), &waiting));
    assert_eq!(v6[6..], [Ip6Saddr, Ip6Daddr, Configured, Problem]);
}

#[test]
fn sessions_are_told_in_linuxs_order() {
    use Attr::*;
    let mut spec = sample(1, 5);
    spec.tuning.reorder_timeout = std::time::Duration::from_millis(20);
    spec.cookie = "01020304".parse().unwrap();
    spec.peer_cookie = spec.cookie;
    let device = Device {
        name: "l2tpeth0".to_owned(),
        index: 3,
        mtu: 1446,
    };
    let mut extra = Extra::default();
    extra.counters.drops[4] = 1;
    let message = session(HEADER, &udp(1), &spec, Some(&device), &extra);
    let linux = [
        ConnId,
        SessionId,
        PeerConnId,
        PeerSessionId,
        Debug,
        PwType,
        Ifname,
        Cookie,
        PeerCookie,
        RecvSeq,
        SendSeq,
        LnsMode,
        RecvTimeout,
        Stats,
    ];
    let told = order(&message);
    assert_eq!(told[..14], linux);
    assert_eq!(told[14..], [Mtu, Ifindex, Drops]);
}

#[test]
fn texts_are_cut_between_characters() {
    assert_eq!(cut("häh", 2), "h");
    assert_eq!(cut("häh", 3), "hä");
    assert_eq!(cut("häh", 9), "häh");
}
