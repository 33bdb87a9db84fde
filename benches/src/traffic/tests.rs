use super::Totals;
use super::numbers;

#[test]
fn totals_survive_the_pipe() {
    let totals = Totals {
        packets: 3,
        bytes: 4200,
        nanos: 17,
    };
    assert_eq!(totals.to_string().parse::<Totals>().unwrap(), totals);
}

#[test]
fn a_rate_is_the_difference_of_two_totals() {
    let early = Totals {
        packets: 1,
        bytes: 1_000,
        nanos: 5_000,
    };
    let late = Totals {
        packets: 9,
        bytes: 2_000,
        nanos: 6_000,
    };
    assert_eq!(
        late.since(early),
        Totals {
            packets: 8,
            bytes: 1_000,
            nanos: 1_000
        }
    );
    assert_eq!(late.since(early).gigabits_per_second(), 8.0);
}

#[test]
fn a_line_of_other_things_is_refused() {
    assert!(numbers::<3>("1 2").is_err());
    assert!(numbers::<2>("1 two").is_err());
    assert_eq!(numbers::<2>("1 2").unwrap(), [1, 2]);
}
