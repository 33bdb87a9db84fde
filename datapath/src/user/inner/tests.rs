use super::replace;
use super::samples::checksum;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_checksum_follows_what_is_replaced(
        mut octets in proptest::collection::vec(any::<u8>(), 24..60),
        at in 4usize..20, new in proptest::collection::vec(any::<u8>(), 1..4), field in 0usize..2,
    ) {
        let field = field * 2;
        octets[field..field + 2].fill(0);
        let sum = checksum(&octets);
        octets[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        replace(&mut octets, at, &new, field);
        prop_assert_eq!(&octets[at..at + new.len()], &new[..]);
        prop_assert_eq!(checksum(&octets), 0);
    }
}
