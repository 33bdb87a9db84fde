use super::{Summary, quantile};

#[test]
fn the_median_is_the_middle_or_the_mean_of_two() {
    let odd = Summary::of(&[9.0, 1.0, 5.0]).unwrap();
    assert_eq!((odd.runs, odd.median, odd.min, odd.max), (3, 5.0, 1.0, 9.0));
    assert_eq!(Summary::of(&[4.0, 1.0, 2.0, 9.0]).unwrap().median, 3.0);
}

#[test]
fn nothing_has_no_summary() {
    assert_eq!(Summary::of(&[]), None);
    assert_eq!(Summary::of(&[1.0, f64::NAN]), None);
}

#[test]
fn a_ratio_needs_a_base() {
    let of = |value| Summary::of(&[value]).unwrap();
    assert_eq!(of(3.0).ratio(&of(2.0)), Some(1.5));
    assert_eq!(of(3.0).ratio(&of(0.0)), None);
}

#[test]
fn quantiles_are_nearest_ranks() {
    let sorted: Vec<f64> = (1..=200).map(f64::from).collect();
    assert_eq!(quantile(&sorted, 0.5), 100.0);
    assert_eq!(quantile(&sorted, 0.99), 198.0);
    assert_eq!(quantile(&sorted, 1.0), 200.0);
    assert!(quantile(&[], 0.5).is_nan());
}
