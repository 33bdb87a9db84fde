use crate::user::carrier::Carrier;
use std::net::IpAddr;

/// Recognises a tunnel's own outer packets when they come out of one of its sessions: the route
/// to the peer then leads into the tunnel, and each packet would be wrapped for ever.
pub(crate) struct OwnOuter {
    local: IpAddr,
    remote: IpAddr,
    /// UDP source and destination ports as on the wire.
    ports: Option<[u8; 4]>,
}

impl OwnOuter {
    pub(crate) fn of(carrier: &Carrier) -> OwnOuter {
        let (local, remote) = carrier.endpoints();
        let ([a, b], [c, d]) = (local.port().to_be_bytes(), remote.port().to_be_bytes());
        let ports = carrier.is_udp().then_some([a, b, c, d]);
        OwnOuter {
            local: local.ip(),
            remote: remote.ip(),
            ports,
        }
    }

    /// Whether `frame`, an untagged Ethernet frame, is one.
    pub(crate) fn matches(&self, frame: &[u8]) -> bool {
        self.look(frame).unwrap_or(false)
    }

    fn look(&self, frame: &[u8]) -> Option<bool> {
        let packet = frame.get(14..)?;
        let (protocol, addresses, payload) = match frame.get(12..14)? {
            [0x08, 0x00] => {
                let header = usize::from(packet.first()? & 0x0f) * 4;
                (*packet.get(9)?, packet.get(12..20)?, packet.get(header..)?)
            }
            [0x86, 0xdd] => (*packet.get(6)?, packet.get(8..40)?, packet.get(40..)?),
            _ => return None,
        };
        let same = match (self.local, self.remote) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => {
                addresses == [local.octets(), remote.octets()].as_flattened()
            }
            (IpAddr::V6(local), IpAddr::V6(remote)) => {
                addresses == [local.octets(), remote.octets()].as_flattened()
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        };
        Some(
            same && match self.ports {
                Some(ports) => protocol == 17 && payload.get(..4)? == ports,
                None => protocol == 115,
            },
        )
    }
}
