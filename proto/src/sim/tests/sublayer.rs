use super::kit::*;
use crate::l2tp::{Encapsulation, SessionConfig, TunnelConfig, Version, Versions};
use crate::sim::Network;
use adit_wire::l2tp::Sublayer;
use adit_wire::l2tp::avp::DataSequencing;
use std::time::Duration;

/// What the ends are configured to ask for may differ; what they agree on has the same sublayer
/// both ways, and one wherever numbers are wanted.
#[test]
fn a_session_has_a_sublayer_both_ways_or_neither() {
    use DataSequencing::{All, None as Free};
    use Sublayer::{Default, None as Bare};
    for (asks, asks_numbers, answers, answers_numbers, agreed) in [
        (Bare, Free, Bare, Free, Bare),
        (Bare, Free, Default, Free, Bare),
        (Default, Free, Bare, Free, Default),
        (Default, Free, Default, Free, Default),
        (Bare, All, Bare, Free, Default),
        (Bare, Free, Bare, All, Default),
        (Default, All, Bare, All, Default),
    ] {
        let session = |sublayer, sequencing| SessionConfig {
            sublayer,
            sequencing,
            ..SessionConfig::default()
        };
        let mut answering = config("lns", Versions::V3);
        answering.calls.session = session(answers, answers_numbers);
        let mut world = pair(3, Network::PERFECT, answering);
        let calling: TunnelConfig = config("lac", Versions::V3);
        let tunnel = open(&mut world, Encapsulation::Udp, calling);
        let mut request = call(Version::V3);
        request.session = session(asks, asks_numbers);
        dial(&mut world, tunnel, request);
        world.run_for(Duration::from_secs(1));
        assert_eq!(assert_agreed(&world, 0, 1), 1);
        for host in [0, 1] {
            let path = world.host(host).paths.values().next().expect("it is up");
            let both = (path.sublayer_in, path.sublayer_out);
            assert_eq!(both, (agreed, agreed), "host {host}: {asks:?} {answers:?}");
        }
    }
}
