use adit_proto::l2tp::{Encapsulation, TunnelInfo};
use adit_wire::l2tp::{
    Cookie, DataError, IpMessage, SessionId, Sublayer, UdpMessage, V2ControlHeader,
    V3ControlHeader, Version, split_v3, write_v3,
};

/// A UDP payload: what decodes must encode into no more octets and decode to the same again.
pub fn l2tp_udp(data: &[u8]) {
    let Ok(message) = UdpMessage::decode(data) else {
        return;
    };
    let mut out = vec![0xff; data.len()];
    let n = message.encode(&mut out).expect("it came in as many octets");
    assert_eq!(UdpMessage::decode(&out[..n]), Ok(message));
}

/// An IP payload of protocol 115: as [`l2tp_udp`].
pub fn l2tp_ip(data: &[u8]) {
    let Ok(message) = IpMessage::decode(data) else {
        return;
    };
    let mut out = vec![0xff; data.len()];
    let n = message.encode(&mut out).expect("it came in as many octets");
    assert_eq!(IpMessage::decode(&out[..n]), Ok(message));
}

/// What stands behind a v3 session id, in a session that the first octet describes: bit 4 the
/// sublayer, the low bits the length of the cookie, which is taken from the octets that follow.
pub fn l2tp_session(data: &[u8]) {
    let Some((how, data)) = data.split_first() else {
        return;
    };
    let Some((cookie, rest)) = data.split_at_checked(usize::from(how % 9)) else {
        return;
    };
    let cookie = Cookie::new(cookie).expect("8 octets at most");
    let sublayer = match how & 0x10 {
        0 => Sublayer::None,
        _ => Sublayer::Default,
    };
    match split_v3(rest, &cookie, sublayer) {
        Err(DataError::Truncated) => assert!(rest.len() < cookie.len() + sublayer.len()),
        Err(DataError::CookieMismatch) => assert!(!rest.starts_with(cookie.as_slice())),
        Ok(read) => {
            let mut out = vec![0xff; 20];
            let n = write_v3(
                &mut out,
                false,
                SessionId(1),
                &cookie,
                sublayer,
                read.sequence,
            );
            out.truncate(n.expect("the longest header has 20 octets"));
            out.extend_from_slice(read.payload);
            assert_eq!(split_v3(&out[4..], &cookie, sublayer), Ok(read));
        }
    }
}

/// A message with these AVPs, whose header is such that the node of `tunnel` expects it next.
pub(crate) fn control_message(
    tunnel: &TunnelInfo,
    session: Option<SessionId>,
    avps: &[u8],
) -> Vec<u8> {
    let (_, nr) = tunnel.numbers;
    let mut out = vec![0; 16 + avps.len()];
    let v3 = V3ControlHeader {
        connection: tunnel.tunnel.id(),
        ns: nr,
        nr: tunnel.numbers.0,
    };
    let written = match (tunnel.version, tunnel.path.encapsulation) {
        (Version::V2, _) => {
            let header = V2ControlHeader {
                tunnel: v3.connection,
                session: session.filter(|id| id.0 <= 0xffff).unwrap_or_default(),
                ns: v3.ns,
                nr: v3.nr,
            };
            UdpMessage::V2Control { header, avps }.encode(&mut out)
        }
        (Version::V3, Encapsulation::Udp) => {
            UdpMessage::V3Control { header: v3, avps }.encode(&mut out)
        }
        (Version::V3, Encapsulation::Ip) => {
            IpMessage::Control { header: v3, avps }.encode(&mut out)
        }
    };
    out.truncate(written.unwrap_or_default());
    out
}
