//! Every way to carry frames carries them: small, fragmented and in bulk.

use adit_e2e::{Encap, Family, Pair, Probe, Setup, Side, Test, eventually, frame, test};
use adit_lab::{Amount, Ping, tcp_transfer};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    let mut setups = Vec::new();
    for encap in [Encap::Udp, Encap::Ip] {
        for family in [Family::V4, Family::V6] {
            for cookie in [0, 4, 8] {
                for sublayer in ["none", "default"] {
                    let setup = Setup::new(encap, family).cookie(cookie);
                    setups.push(setup.session(&format!("l2spec_type {sublayer}")));
                }
            }
        }
    }
    for checksum in ["on", "off"] {
        let setup = Setup::new(Encap::Udp, Family::V4);
        setups.push(setup.tunnel(&format!("udp_csum {checksum}")));
    }
    let both_ways = "udp6_csum_tx off udp6_csum_rx off";
    setups.push(Setup::new(Encap::Udp, Family::V6).tunnel(both_ways));
    for words in ["seq both", "seq both reorder_timeout 100", "seq send"] {
        for encap in [Encap::Udp, Encap::Ip] {
            setups.push(Setup::new(encap, Family::V4).session(words));
        }
    }
    let matrix = setups
        .into_iter()
        .map(|setup| test(format!("matrix::{setup}"), move || carries(&setup)));
    let octets = [(Encap::Udp, 12), (Encap::Ip, 8)].map(|(encap, header)| {
        let name = format!("matrix::octets_are_counted_with_the_header::{encap:?}");
        let body = move || octets_are_counted_with_the_header(encap, header);
        test(name, body)
    });
    matrix.chain(octets).collect()
}

fn carries(setup: &Setup) -> Test {
    let pair = Pair::connected(setup);
    pair.await_ping();
    for family in [Family::V4, Family::V6] {
        let target = Side::B.inner(family);
        for size in [56, 3000] {
            let report = Ping::to(target).size(size).count(3).run(&pair.a)?;
            assert!(report.complete(), "{family:?} {size}: {report:?}");
        }
    }
    let amount = Amount::Octets(4_000_000);
    for (from, to, side) in [(&pair.a, &pair.b, Side::B), (&pair.b, &pair.a, Side::A)] {
        let address = (side.inner(Family::V4), 0).into();
        assert_eq!(tcp_transfer(from, to, address, amount)?.octets, 4_000_000);
    }
    every_packet_is_counted(&pair);
    Ok(())
}

/// What one end has sent the other has delivered, but for what came before its device was up.
fn every_packet_is_counted(pair: &Pair) {
    for (from, to, side) in [(&pair.a, &pair.b, Side::A), (&pair.b, &pair.a, Side::B)] {
        let (near, far) = (side.session(), side.other().session());
        // The hosts may send by themselves meanwhile, so the two are read until they agree.
        eventually("what was sent has been counted", || {
            let sent = from.counter(near, "tx_packets");
            let early = to.counter(far, "rx_device_down");
            sent > 0 && sent == to.counter(far, "rx_packets") + early
        });
        let early = to.counter(far, "rx_device_down");
        assert_eq!(to.counter(far, "rx_errors"), early);
        assert_eq!(from.counter(near, "tx_errors"), 0);
    }
}

/// Octets are those of the whole L2TP packet, in both directions.
fn octets_are_counted_with_the_header(encap: Encap, header: usize) -> Test {
    let mut probe = Probe::new(&Setup::new(encap, Family::V4));
    let octets = u64::try_from(header + frame(1).len())?;
    probe.transmit(1);
    assert_eq!(probe.receive().len() as u64, octets);
    probe.send_frame(None, 2);
    assert_eq!(probe.delivered(1), [2]);
    for (name, count) in [
        ("tx_packets", 1),
        ("tx_bytes", octets),
        ("rx_packets", 1),
        ("rx_bytes", octets),
    ] {
        probe.await_count(Side::A.session(), name, count);
        let tunnel = probe.host.tunnel_counter(Side::A.tunnel(), name);
        assert_eq!(tunnel, count, "{name}");
    }
    Ok(())
}
