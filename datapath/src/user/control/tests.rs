use super::*;
use crate::spec::{Encap, TunnelTuning, TxChecksum, UdpChecksum};
use adit_wire::netlink::Errno;
use std::net::{Ipv4Addr, SocketAddr};

fn datapath() -> UserDatapath {
    UserDatapath::new(Options {
        fast_path: None,
        without: Default::default(),
        queues: None,
        workers: NonZeroUsize::new(1),
        notify: Arc::new(|_| {}),
    })
    .unwrap()
}

/// A tunnel over UDP from any port of `local`.
fn tunnel(local: Ipv4Addr) -> TunnelSpec {
    TunnelSpec {
        id: TunnelId(1),
        peer_id: TunnelId(2),
        version: 3,
        encap: Encap::Udp {
            local: SocketAddr::from((local, 0)),
            remote: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
            checksum: UdpChecksum {
                tx: TxChecksum::Never,
                rx: false,
            },
        },
        via: None,
        tuning: TunnelTuning::default(),
    }
}

#[test]
fn the_port_that_the_system_chose_is_told_and_may_be_asked_for_again() {
    let mut datapath = datapath();
    let any = tunnel(Ipv4Addr::LOCALHOST);
    datapath.apply(&Change::AddTunnel(any)).unwrap();
    let bound = datapath.inventory().tunnels[&any.id];
    let Encap::Udp { local, .. } = bound.encap else {
        panic!("{bound:?}");
    };
    assert_ne!(local.port(), 0);
    for same in [any, bound] {
        datapath.apply(&Change::AddTunnel(same)).unwrap();
        assert_eq!(datapath.inventory().tunnels[&any.id], bound);
    }
}

#[test]
fn a_refused_address_is_named_before_the_reason_and_the_remedy() {
    let elsewhere = tunnel(Ipv4Addr::new(192, 0, 2, 9));
    let refused = datapath().apply(&Change::AddTunnel(elsewhere)).unwrap_err();
    assert_eq!(refused.errno, Errno::EADDRNOTAVAIL);
    assert_eq!(
        refused.to_string(),
        "local: 192.0.2.9: Cannot assign requested address (os error 99); \
         give an address of this host"
    );
}
