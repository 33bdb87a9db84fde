use super::*;

#[test]
fn codes_count_from_zero_and_names_are_unique() {
    for (code, reason) in DropReason::ALL.iter().enumerate() {
        assert_eq!(*reason as usize, code);
    }
    let names: std::collections::BTreeSet<_> = DropReason::ALL.iter().map(|r| r.name()).collect();
    assert_eq!(names.len(), DropReason::COUNT);
}

#[test]
fn a_drop_moves_its_reason_and_linux_counters() {
    let tally = Tally::default();
    tally.drop(DropReason::Cookie, 3);
    tally.add(Stat::RxPackets, 5);
    let mut read = tally.read();
    read += tally.read();
    assert_eq!(read.dropped(DropReason::Cookie), 6);
    let expected = Statistics {
        rx_packets: 10,
        rx_errors: 6,
        rx_cookie_discards: 6,
        ..Statistics::default()
    };
    assert_eq!(read.statistics, expected);
}
