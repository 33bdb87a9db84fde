//! Reordering and loss between the hosts, made on purpose and the same in every run.

use adit_e2e::{
    Encap, Family, Pair, Setup, Side, Test, eventually, lose_every, relayed, swap_every, test,
};
use adit_lab::{Amount, tcp_transfer};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "relay::unnumbered_packets_pass_in_any_order",
            unnumbered_packets_pass_in_any_order,
        ),
        test(
            "relay::reordering_off_drops_the_overtaken",
            reordering_off_drops_the_overtaken,
        ),
        test(
            "relay::reordering_on_loses_nothing",
            reordering_on_loses_nothing,
        ),
        test("relay::loss_is_survived_with_reordering_off", || {
            survives_loss("seq both")
        }),
        test("relay::loss_is_survived_with_reordering_on", || {
            survives_loss("seq both reorder_timeout 20")
        }),
    ]
}

fn setup(words: &str) -> Setup {
    Setup::new(Encap::Udp, Family::V4).session(words)
}

/// Moves data from A to B, the direction that the relay disturbs.
fn transfer(pair: &Pair, octets: u64) -> Test {
    let address = (Side::B.inner(Family::V4), 0).into();
    let moved = tcp_transfer(&pair.a, &pair.b, address, Amount::Octets(octets))?;
    assert_eq!(moved.octets, octets);
    Ok(())
}

fn unnumbered_packets_pass_in_any_order() -> Test {
    let (pair, _relay) = relayed(&setup("seq none"), swap_every(10));
    pair.await_ping();
    transfer(&pair, 2_000_000)?;
    let early = pair.b.counter(2000, "rx_device_down");
    assert_eq!(pair.b.counter(2000, "rx_errors"), early);
    Ok(())
}

fn reordering_off_drops_the_overtaken() -> Test {
    let (pair, _relay) = relayed(&setup("seq both"), swap_every(40));
    pair.await_ping();
    transfer(&pair, 500_000)?;
    assert!(pair.b.counter(2000, "rx_seq_discards") > 0);
    assert_eq!(pair.b.counter(2000, "rx_oos_packets"), 0);
    Ok(())
}

fn reordering_on_loses_nothing() -> Test {
    let (pair, _relay) = relayed(&setup("seq both reorder_timeout 5000"), swap_every(10));
    pair.await_ping();
    transfer(&pair, 2_000_000)?;
    assert!(pair.b.counter(2000, "rx_oos_packets") > 0);
    assert_eq!(pair.b.counter(2000, "rx_seq_discards"), 0);
    Ok(())
}

fn survives_loss(words: &str) -> Test {
    let (pair, _relay) = relayed(&setup(words), lose_every(50));
    pair.await_ping();
    transfer(&pair, 500_000)?;
    eventually("fewer arrive than were sent", || {
        pair.b.counter(2000, "rx_packets") < pair.a.counter(1000, "tx_packets")
    });
    Ok(())
}
