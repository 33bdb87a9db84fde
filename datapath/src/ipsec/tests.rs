use super::*;

/// An answer as Linux 6.18 gives it: counts in, out and forwarded, then those of sockets.
fn answer(counts: [u32; 6]) -> Vec<u8> {
    let mut octets = 80u32.to_ne_bytes().to_vec();
    octets.extend(NEW_SPD_INFO.to_ne_bytes());
    octets.extend([0; 14]);
    octets.extend(28u16.to_ne_bytes());
    octets.extend(SPD_INFO.to_ne_bytes());
    octets.extend(counts.iter().flat_map(|count| count.to_ne_bytes()));
    octets
}

#[test]
fn policies_of_sockets_are_not_counted() {
    assert_eq!(policies(&answer([0, 0, 0, 1, 1, 0])), Some(0));
    assert_eq!(policies(&answer([1, 2, 3, 9, 9, 9])), Some(6));
}

#[test]
fn an_answer_that_ends_early_says_nothing() {
    let whole = answer([1, 1, 1, 0, 0, 0]);
    for len in 0..HEADER + 4 + 16 {
        assert_eq!(policies(&whole[..len]), None, "{len}");
    }
}

#[test]
fn the_kernel_answers() {
    // No policy is set up where tests run; a kernel without IPsec says so as well.
    assert!(has_policies().is_ok());
}
