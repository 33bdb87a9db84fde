use super::*;
use crate::spec::{ListenerId, Via};
use adit_wire::l2tp::TunnelId;

fn remote(source: PeerSource) -> Remote {
    let tunnel = TunnelSpec {
        id: TunnelId(1),
        peer_id: TunnelId(2),
        version: 3,
        encap: Encap::Udp {
            local: "192.0.2.1:1701".parse().unwrap(),
            remote: "192.0.2.2:1701".parse().unwrap(),
            checksum: crate::spec::UdpChecksum {
                tx: crate::spec::TxChecksum::Spare,
                rx: false,
            },
        },
        via: Some(Via {
            listener: ListenerId(1),
            source,
            mark: 0,
        }),
        tuning: Default::default(),
    };
    Remote::of(&tunnel, false).unwrap()
}

#[test]
fn the_policy_says_whose_packets_are_the_peers() {
    let from = ["192.0.2.2:1701", "192.0.2.2:9", "192.0.2.3:1701"];
    let admitted = |source| {
        let remote = remote(source);
        from.map(|from| remote.admits(Some(from.parse().unwrap())))
    };
    assert_eq!(admitted(PeerSource::Exact), [true, false, false]);
    assert_eq!(admitted(PeerSource::AnyPort), [true, true, false]);
    assert_eq!(admitted(PeerSource::Anywhere), [true, true, true]);
    assert!(!remote(PeerSource::AnyPort).admits(None));
}

#[test]
fn a_peer_that_moved_is_known_by_its_new_address_only() {
    let remote = remote(PeerSource::Exact);
    let moved = Encap::Ip {
        local: "192.0.2.1".parse().unwrap(),
        remote: "192.0.2.9".parse().unwrap(),
    };
    remote.move_to(&moved, true);
    assert!(remote.admits(Some("192.0.2.9:0".parse().unwrap())));
    assert!(!remote.admits(Some("192.0.2.2:1701".parse().unwrap())));
    assert_eq!(remote.peer().target.from, Some(moved.local()));
}
