//! Worlds with somebody in them who means harm.

mod damage;
mod forgery;
mod mirror;
mod replay;
mod script;

use super::kit::{call, config, dial, open, pair, secret};
use crate::l2tp::{Encapsulation, Path, TunnelConfig, TunnelKey, Version, Versions};
use crate::sim::{Network, World};
use adit_wire::l2tp::{IpMessage, SessionId, TunnelId, UdpMessage};
use adit_wire::l2tp::{V2ControlHeader, V3ControlHeader};
use std::time::Duration;

/// A datagram as it was overheard: its sender's path, and its octets.
type Heard = (Path, Vec<u8>);

/// How two nodes speak, and whether they share a secret.
#[derive(Debug, Clone, Copy)]
struct How {
    version: Version,
    encapsulation: Encapsulation,
    authenticated: bool,
}

const V2: How = How {
    version: Version::V2,
    encapsulation: Encapsulation::Udp,
    authenticated: false,
};

const V3: How = How {
    version: Version::V3,
    ..V2
};

const V3_PROVEN: How = How {
    authenticated: true,
    ..V3
};

const V3_IP_PROVEN: How = How {
    encapsulation: Encapsulation::Ip,
    ..V3_PROVEN
};

impl How {
    fn config(self, name: &str) -> TunnelConfig {
        let versions = match self.version {
            Version::V2 => Versions::V2,
            Version::V3 => Versions::V3,
        };
        match self.authenticated {
            true => secret(config(name, versions), "s3cret"),
            false => config(name, versions),
        }
    }

    /// A world that is overheard, in which host 0 calls host 1.
    fn begin(self, seed: u64) -> (World, TunnelKey) {
        let mut world = pair(seed, Network::PERFECT, self.config("lns"));
        world.eavesdrop();
        let tunnel = open(&mut world, self.encapsulation, self.config("lac"));
        dial(&mut world, tunnel, call(self.version));
        (world, tunnel)
    }

    /// The same once tunnel and session are up, and what was overheard until then.
    fn established(self, seed: u64) -> (World, TunnelKey, Vec<Heard>) {
        let (mut world, tunnel) = self.begin(seed);
        world.run_for(Duration::from_secs(1));
        let heard = world.overheard();
        assert_eq!(world.host(0).paths.len(), 1);
        (world, tunnel, heard)
    }
}

/// What an observer knows of one direction of a tunnel: enough to continue it.
#[derive(Debug, Clone, Copy)]
struct Thread {
    path: Path,
    tunnel: TunnelId,
    session: SessionId,
    ns: u16,
    nr: u16,
}

impl Thread {
    /// The messages from one host, continued.
    fn follow(heard: &[Heard], from: std::net::IpAddr) -> Thread {
        let of_it = heard.iter().filter(|(path, _)| path.local.ip() == from);
        let (path, last) = of_it.clone().next_back().expect("it said something");
        let mut thread = header(path, last);
        let numbers = of_it.map(|(path, octets)| {
            let is_ack = octets.len() <= 16 || octets.windows(8).any(|avp| avp == ACK);
            header(path, octets).ns.wrapping_add(u16::from(!is_ack))
        });
        thread.ns = numbers.max().expect("it said something");
        thread
    }

    /// A message with these AVPs that continues the thread.
    fn write(self, version: Version, avps: &[u8]) -> Vec<u8> {
        let mut out = vec![0; avps.len() + 16];
        let Thread { ns, nr, .. } = self;
        let v3 = V3ControlHeader {
            connection: self.tunnel,
            ns,
            nr,
        };
        let written = match (version, self.path.encapsulation) {
            (Version::V2, _) => UdpMessage::V2Control {
                header: V2ControlHeader {
                    tunnel: self.tunnel,
                    session: self.session,
                    ns,
                    nr,
                },
                avps,
            }
            .encode(&mut out),
            (Version::V3, Encapsulation::Udp) => {
                UdpMessage::V3Control { header: v3, avps }.encode(&mut out)
            }
            (Version::V3, Encapsulation::Ip) => {
                IpMessage::Control { header: v3, avps }.encode(&mut out)
            }
        };
        out.truncate(written.expect("there is room"));
        out
    }
}

/// The Message Type AVP of an ACK.
const ACK: [u8; 8] = [0x80, 8, 0, 0, 0, 0, 0, 20];

fn header(path: &Path, octets: &[u8]) -> Thread {
    let thread = |tunnel, session, ns, nr| Thread {
        path: *path,
        tunnel,
        session,
        ns,
        nr,
    };
    match path.encapsulation {
        Encapsulation::Udp => match UdpMessage::decode(octets) {
            Ok(UdpMessage::V2Control { header, .. }) => {
                thread(header.tunnel, header.session, header.ns, header.nr)
            }
            Ok(UdpMessage::V3Control { header, .. }) => {
                thread(header.connection, SessionId(0), header.ns, header.nr)
            }
            other => panic!("{other:?}"),
        },
        Encapsulation::Ip => match IpMessage::decode(octets) {
            Ok(IpMessage::Control { header, .. }) => {
                thread(header.connection, SessionId(0), header.ns, header.nr)
            }
            other => panic!("{other:?}"),
        },
    }
}
