use crate::netlink::controller::{KIND, Lookup, family};
use crate::netlink::{FAMILY_ID, Frames, Writer, flag};
use alloc::vec::Vec;

type Given<'a> = &'a [(u16, &'a [u8])];

fn asked(flags: u16, attributes: Given<'_>) -> Option<Lookup> {
    let writer = Writer::plain(KIND, flags, 1, 0).generic(3, 1);
    let message = attributes
        .iter()
        .fold(writer, |writer, (number, value)| writer.raw(*number, value))
        .finish();
    Lookup::read(&Frames::new(&message).next().unwrap().unwrap())
}

#[test]
fn the_family_is_asked_for_by_name_or_id() {
    let ours = FAMILY_ID.to_ne_bytes();
    let cases: [(Given<'_>, _); 7] = [
        (&[(2, b"l2tp\0")], Some(Lookup::Family)),
        (&[(2, b"l2tp")], None),
        (&[(2, b"l2tp2\0")], None),
        (&[(1, &ours)], Some(Lookup::Family)),
        (&[(1, &[16, 0])], None),
        (&[(1, &ours), (2, b"nlctrl\0")], None),
        (&[], None),
    ];
    for (attributes, expected) in cases {
        assert_eq!(asked(flag::REQUEST, attributes), expected, "{attributes:?}");
    }
    assert_eq!(asked(flag::REQUEST | flag::DUMP, &[]), Some(Lookup::All));
}

/// What Linux 6.1 says of its family `l2tp`, apart from the numbers that it gave out.
#[test]
fn the_family_is_told_as_linux_tells_it() {
    let operation = |index: u8, command: u8, flags: u8| {
        let mut octets = [20, 0, index, 0].to_vec();
        octets.extend([8, 0, 1, 0, command, 0, 0, 0]);
        octets.extend([8, 0, 2, 0, flags, 0, 0, 0]);
        octets
    };
    let flags = [0x0a, 0x1a, 0x1a, 0x1a, 0x1e, 0x1a, 0x1a, 0x1a, 0x1e];
    let operations: Vec<u8> = (0..9)
        .flat_map(|command| operation(command + 1, command, flags[usize::from(command)]))
        .collect();
    let mut expected = Vec::new();
    expected.extend([1, 2, 0, 0]);
    expected.extend([9, 0, 2, 0, b'l', b'2', b't', b'p', 0, 0, 0, 0]);
    expected.extend([6, 0, 1, 0, 0xfe, 0x03, 0, 0]);
    expected.extend([8, 0, 3, 0, 1, 0, 0, 0]);
    expected.extend([8, 0, 4, 0, 0, 0, 0, 0]);
    expected.extend([8, 0, 5, 0, 35, 0, 0, 0]);
    expected.extend([184, 0, 6, 0]);
    expected.extend(operations);
    expected.extend([28, 0, 7, 0, 24, 0, 1, 0]);
    expected.extend([8, 0, 2, 0, 0x57, 0x7e, 0, 0]);
    expected.extend([9, 0, 1, 0, b'l', b'2', b't', b'p', 0, 0, 0, 0]);
    let message = family(true, 5, 9);
    let frame = Frames::new(&message).next().unwrap().unwrap();
    assert_eq!((frame.kind, frame.flags), (KIND, flag::MULTI));
    assert_eq!((frame.seq, frame.portid), (5, 9));
    assert_eq!(frame.body, expected);
}
