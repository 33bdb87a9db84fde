//! A secret is changed at one end after the other.

use super::kit::*;
use crate::l2tp::config::Secret;
use crate::l2tp::{Encapsulation, TunnelConfig, Version, Versions};
use crate::sim::Network;
use std::time::Duration;

fn with(secrets: &[&str], name: &str, versions: Versions) -> TunnelConfig {
    let secrets = secrets.iter().map(|text| Secret(text.as_bytes().to_vec()));
    TunnelConfig {
        secrets: secrets.collect(),
        authenticate: true,
        hide: true,
        ..config(name, versions)
    }
}

/// As long as the ends have one secret in common, whichever comes first at either, they find it, and
/// hide AVPs by it.
#[test]
fn one_secret_in_common_is_enough() {
    let both = ["new", "old"];
    let turned = ["old", "new"];
    for (calling, answering) in [
        (&both[..], &["old"][..]),
        (&["old"], &both),
        (&both, &["new"]),
        (&["new"], &both),
        (&both, &both),
        (&both, &turned),
        (&turned, &both),
    ] {
        for calls in [Versions::V2, Versions::V3, Versions::Both] {
            for answers in [calls, Versions::Both] {
                let answering = with(answering, "lns", answers);
                let mut world = pair(4, Network::PERFECT, answering.clone());
                let tunnel = open(&mut world, Encapsulation::Udp, with(calling, "lac", calls));
                let version = match calls {
                    Versions::V2 => Version::V2,
                    Versions::V3 | Versions::Both => Version::V3,
                };
                dial(&mut world, tunnel, call(version));
                world.run_for(Duration::from_secs(5));
                let case = format!(
                    "{calling:?} {:?} {calls:?} {answers:?}",
                    answering.secrets.len()
                );
                assert_eq!(assert_agreed(&world, 0, 1), 1, "{case}");
                let info = world.host(1).node.tunnels().next().expect("it is up");
                assert_eq!(info.version, version, "{case}");
            }
        }
    }
    // Nothing in common, nothing set up.
    for versions in [Versions::V2, Versions::V3, Versions::Both] {
        let mut world = pair(4, Network::PERFECT, with(&["c", "d"], "lns", versions));
        open(
            &mut world,
            Encapsulation::Udp,
            with(&["a", "b"], "lac", versions),
        );
        world.run_for(Duration::from_secs(5));
        assert_eq!(tunnels_up(&world.events(0)), 0, "{versions:?}");
    }
}
