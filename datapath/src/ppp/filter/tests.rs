use super::*;
use proptest::prelude::*;

fn op(code: u16, jump_true: u8, jump_false: u8, k: u32) -> Instruction {
    Instruction {
        code,
        jump_true,
        jump_false,
        k,
    }
}

/// What pcap makes of "outbound and icmp" for a link with directions: the direction's octet, the
/// protocol behind it, the IPv4 protocol behind that.
fn outbound_icmp() -> Vec<Instruction> {
    vec![
        op(0x30, 0, 0, 0),     // ldb [0]
        op(0x15, 0, 5, 1),     // jeq 1
        op(0x28, 0, 0, 2),     // ldh [2]
        op(0x15, 0, 3, 0x21),  // jeq 0x21
        op(0x30, 0, 0, 13),    // ldb [13]
        op(0x15, 0, 1, 1),     // jeq 1
        op(0x06, 0, 0, 65535), // ret 65535
        op(0x06, 0, 0, 0),     // ret 0
    ]
}

#[test]
fn a_usual_filter_tells_packets_apart() {
    let filter = Filter::new(&outbound_icmp()).unwrap();
    let icmp = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1];
    let udp = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17];
    for (expected, pieces) in [
        (65535, [&[1, 0, 0, 0x21][..], &icmp[..]]),
        (0, [&[0, 0, 0, 0x21], &icmp]),
        (0, [&[1, 0, 0, 0x57], &icmp]),
        (0, [&[1, 0, 0, 0x21], &udp]),
        (0, [&[1, 0, 0, 0x21], &icmp[..9]]),
    ] {
        assert_eq!(filter.run(&pieces), expected);
        assert_eq!(filter.run(&[&pieces.concat()]), expected, "in one piece");
    }
}

#[test]
fn every_operation_does_what_it_says() {
    let packet: &[u8] = &[0x45, 1, 2, 3, 4, 5];
    for (expected, program) in [
        (7, vec![op(0x06, 0, 0, 7)]),
        (6, vec![op(0x80, 0, 0, 0), op(0x16, 0, 0, 0)]),
        (0x0102_0304, vec![op(0x20, 0, 0, 1), op(0x16, 0, 0, 0)]),
        // X = 4 * (0x45 & 15) would load from beyond.
        (
            0,
            vec![op(0xb1, 0, 0, 0), op(0x48, 0, 0, 0), op(0x16, 0, 0, 0)],
        ),
        // X = 3, A = half at 1 + X.
        (
            0x0405,
            vec![op(0x01, 0, 0, 3), op(0x48, 0, 0, 1), op(0x16, 0, 0, 0)],
        ),
        // Through memory and X: (5 - 2) << 3 | 1.
        (
            25,
            vec![
                op(0x00, 0, 0, 5),
                op(0x14, 0, 0, 2),
                op(0x64, 0, 0, 3),
                op(0x02, 0, 0, 15),
                op(0x61, 0, 0, 15),
                op(0x87, 0, 0, 0),
                op(0x44, 0, 0, 1),
                op(0x16, 0, 0, 0),
            ],
        ),
        // X is 0, and nothing is divided by it.
        (
            0,
            vec![op(0x00, 0, 0, 9), op(0x3c, 0, 0, 0), op(0x06, 0, 0, 1)],
        ),
        // Jumps over one, then a bit is there.
        (
            3,
            vec![
                op(0x05, 0, 0, 1),
                op(0x06, 0, 0, 1),
                op(0x00, 0, 0, 6),
                op(0x45, 1, 0, 2),
                op(0x06, 0, 0, 2),
                op(0x06, 0, 0, 3),
            ],
        ),
    ] {
        let filter = Filter::new(&program).unwrap();
        assert_eq!(filter.run(&[packet]), expected, "{program:x?}");
    }
}

#[test]
fn what_is_unsound_is_refused() {
    let end = op(0x06, 0, 0, 0);
    for (why, program) in [
        ("empty", vec![]),
        ("no return", vec![op(0x00, 0, 0, 0)]),
        ("jump to the end", vec![op(0x05, 0, 0, 1), end]),
        ("jump around", vec![op(0x05, 0, 0, u32::MAX), end]),
        ("branch beyond", vec![op(0x15, 1, 0, 0), end]),
        ("division", vec![op(0x34, 0, 0, 0), end]),
        ("remainder", vec![op(0x94, 0, 0, 0), end]),
        ("shift", vec![op(0x64, 0, 0, 32), end]),
        ("memory", vec![op(0x02, 0, 0, 16), end]),
        ("unknown", vec![op(0xffff, 0, 0, 0), end]),
        ("too long", vec![end; MAX_INSTRUCTIONS + 1]),
    ] {
        assert_eq!(Filter::new(&program), Err(Unsound), "{why}");
    }
}

fn instruction() -> impl Strategy<Value = Instruction> {
    let known = prop_oneof![
        Just(0x20u16),
        Just(0x28),
        Just(0x30),
        Just(0x40),
        Just(0x48),
        Just(0x50),
        Just(0x00),
        Just(0x01),
        Just(0x60),
        Just(0x61),
        Just(0x80),
        Just(0x81),
        Just(0xb1),
        Just(0x02),
        Just(0x03),
        Just(0x04),
        Just(0x0c),
        Just(0x14),
        Just(0x24),
        Just(0x34),
        Just(0x3c),
        Just(0x44),
        Just(0x54),
        Just(0x64),
        Just(0x6c),
        Just(0x74),
        Just(0x84),
        Just(0x94),
        Just(0xa4),
        Just(0x05),
        Just(0x15),
        Just(0x25),
        Just(0x35),
        Just(0x45),
        Just(0x1d),
        Just(0x06),
        Just(0x16),
        Just(0x07),
        Just(0x87),
        any::<u16>(),
    ];
    let near = prop_oneof![0u32..20, any::<u32>()];
    (known, 0u8..6, 0u8..6, near).prop_map(|(code, yes, no, k)| op(code, yes, no, k))
}

proptest! {
    /// Whatever is admitted ends, and no packet makes it panic.
    #[test]
    fn what_is_admitted_runs(
        mut program in proptest::collection::vec(instruction(), 0..24),
        packet: Vec<u8>,
        cut in 0usize..8,
    ) {
        program.push(op(0x16, 0, 0, 0));
        if let Ok(filter) = Filter::new(&program) {
            let (front, back) = packet.split_at(cut.min(packet.len()));
            prop_assert_eq!(filter.run(&[front, back]), filter.run(&[&packet]));
        }
    }
}
