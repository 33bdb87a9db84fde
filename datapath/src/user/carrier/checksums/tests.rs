use super::*;

#[test]
fn packets_after_a_cut_message_have_checksums_for_a_while() {
    let start = Instant::now();
    let mut checksums = Checksums::default();
    let mut want = |cut, after| checksums.want(cut, || start + after);
    assert!(!want(false, Duration::ZERO));
    assert!(want(true, Duration::ZERO));
    assert!(want(false, LINGER));
    assert!(want(true, LINGER));
    assert!(want(false, LINGER * 2));
    assert!(!want(false, LINGER * 2 + Duration::from_millis(1)));
    assert!(!want(false, LINGER * 2));
}
