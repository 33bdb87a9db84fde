use crate::sys::tap::Layer;
use crate::user::line::Line;
use crate::user::offload::network;
use adit_wire::ip::{ipv4_payload, ipv6_payload, udp_ports};
use std::net::{IpAddr, SocketAddr};

/// Recognises a tunnel's own outer packets when they come out of one of its sessions: the route
/// to the peer then leads into the tunnel, and each packet would be wrapped for ever.
pub(crate) struct OwnOuter {
    local: SocketAddr,
    remote: SocketAddr,
    udp: bool,
}

impl OwnOuter {
    pub(crate) fn of(line: &Line) -> OwnOuter {
        let (local, remote) = line.endpoints();
        OwnOuter {
            local,
            remote,
            udp: line.carrier.is_udp(),
        }
    }

    /// Whether `frame`, as devices of this layer have it, is one.
    pub(crate) fn matches(&self, layer: Layer, frame: &[u8]) -> bool {
        self.look(layer, frame).unwrap_or(false)
    }

    fn look(&self, layer: Layer, frame: &[u8]) -> Option<bool> {
        let (ethertype, start) = network(layer, frame)?;
        let packet = frame.get(start..)?;
        let (source, destination, protocol, payload): (IpAddr, IpAddr, _, _) = match ethertype {
            0x0800 => {
                let (ip, payload) = ipv4_payload(packet)?;
                (
                    ip.source.into(),
                    ip.destination.into(),
                    ip.protocol,
                    payload,
                )
            }
            0x86dd => {
                let (ip, payload) = ipv6_payload(packet)?;
                (
                    ip.source.into(),
                    ip.destination.into(),
                    ip.protocol,
                    payload,
                )
            }
            _ => return None,
        };
        if (source, destination) != (self.local.ip(), self.remote.ip()) {
            return Some(false);
        }
        Some(match self.udp {
            true => {
                protocol == 17 && udp_ports(payload)? == (self.local.port(), self.remote.port())
            }
            false => protocol == 115,
        })
    }
}

#[cfg(test)]
mod tests;
