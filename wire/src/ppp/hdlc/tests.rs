use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::vec::Vec;

fn encoded(frame: &[u8], escaped: ControlMap) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&[frame], escaped, &mut out);
    out
}

/// All that a decoder finds in `pieces`, which come one behind the other.
fn decoded<'a>(
    inserted: ControlMap,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Result<Vec<u8>, Damage>> {
    let mut decoder = Decoder::new(inserted, 2000);
    let mut found = Vec::new();
    for piece in pieces {
        decoder.read(piece, |frame| found.push(frame.map(<[u8]>::to_vec)));
    }
    found
}

/// The check sequence bit by bit, as ITU-T V.42 §8.1.1.6.1 has it.
fn slow_check(octets: &[u8]) -> u16 {
    let bits = octets
        .iter()
        .flat_map(|octet| (0..8).map(move |n| (octet >> n) & 1));
    !bits.fold(0xffff, |register: u16, bit| {
        let feedback = (register & 1) ^ u16::from(bit);
        (register >> 1) ^ (feedback * 0x8408)
    })
}

#[test]
fn the_check_sequence_is_the_known_one() {
    // The check value of CRC-16/X-25 in every catalogue of such codes.
    let found = b"123456789"
        .iter()
        .fold(0xffff, |sum, octet| check(sum, *octet));
    assert_eq!(!found, 0x906e);
    assert_eq!(slow_check(b"123456789"), 0x906e);
}

/// An LCP Configure-Request with Magic-Number, as pppd 2.4.9 writes it to a line before anything is
/// agreed on.
#[test]
fn a_frame_as_pppd_writes_it() {
    let line = b"\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x21\x7d\x20\x7d\x34\x7d\x22\x7d\x26\x7d\x20\
                 \x7d\x20\x7d\x20\x7d\x20\x7d\x25\x7d\x26\x3a\xa8\x79\xe2\x7d\x27\x7d\x22\x7d\x28\
                 \x7d\x22";
    let frame = b"\xff\x03\xc0\x21\x01\x01\x00\x14\x02\x06\x00\x00\x00\x00\x05\x06\x3a\xa8\x79\xe2\
                  \x07\x02\x08\x02";
    let written = encoded(frame, ControlMap::ALL);
    assert!(written.starts_with(line), "{written:x?}");
    assert_eq!(decoded(ControlMap::ALL, [&*written]), [Ok(frame.to_vec())]);
}

#[test]
fn what_is_between_frames_is_none() {
    let frame = encoded(b"\xff\x03\xc0\x21", ControlMap::NONE);
    let line = [b"noise", &*frame, b"~~~", &frame, b"ab~"].concat();
    let good = Ok(b"\xff\x03\xc0\x21".to_vec());
    assert_eq!(decoded(ControlMap::NONE, [&*line]), [good.clone(), good]);
}

#[test]
fn each_damage_is_told_and_the_next_frame_is_found() {
    let good = encoded(b"\xff\x03\xc0\x21", ControlMap::NONE);
    for (line, damage) in [
        (&b"~abcdef~"[..], Damage::Check),
        (b"~abcdef\x7d~", Damage::Aborted),
        (&[&b"~"[..], &[1; 5000], b"~"].concat(), Damage::Long),
    ] {
        let found = decoded(ControlMap::NONE, [line, &good]);
        assert_eq!(found[0], Err(damage));
        assert_eq!(found[1], Ok(b"\xff\x03\xc0\x21".to_vec()));
        assert_eq!(found.len(), 2);
    }
}

#[test]
fn the_longest_frame_passes_and_a_longer_one_does_not() {
    let line = [2000, 2001]
        .map(|len| encoded(&std::vec![0x21; len], ControlMap::NONE))
        .concat();
    let found = decoded(ControlMap::NONE, [&*line]);
    assert_eq!(found, [Ok(std::vec![0x21; 2000]), Err(Damage::Long)]);
}

#[test]
fn what_a_line_inserts_is_dropped_even_between_an_escape_and_its_octet() {
    let mut line = Vec::new();
    for octet in encoded(b"\xff\x03\xc0\x21\x7e\x11", ControlMap::ALL) {
        // XON, which the line sends at its pleasure.
        line.extend([octet, 0x11]);
    }
    let found = decoded(ControlMap(1 << 0x11), [&*line]);
    assert_eq!(found, [Ok(b"\xff\x03\xc0\x21\x7e\x11".to_vec())]);
}

proptest! {
    #[test]
    fn frames_pass_however_the_line_cuts_them(
        frames in vec(vec(any::<u8>(), 2..200), 1..8),
        map: u32,
        cuts in vec(1..50_usize, 1..50),
    ) {
        let map = ControlMap(map);
        let line: Vec<u8> = frames.iter().flat_map(|frame| encoded(frame, map)).collect();
        prop_assert!(!line.iter().any(|octet| map.has(*octet)));
        let mut rest = &*line;
        let mut pieces = Vec::new();
        for cut in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        let frames: Vec<_> = frames.into_iter().map(Ok).collect();
        // Neither is lost what no line has inserted, whatever it may insert.
        prop_assert_eq!(&decoded(map, pieces.iter().copied()), &frames);
        prop_assert_eq!(&decoded(ControlMap::NONE, pieces), &frames);
    }

    #[test]
    fn pieces_are_one_frame(frame in vec(any::<u8>(), 2..100), cut in 0..100_usize, map: u32) {
        let (front, back) = frame.split_at(cut.min(frame.len()));
        let mut out = Vec::new();
        encode(&[front, &[], back], ControlMap(map), &mut out);
        prop_assert_eq!(out, encoded(&frame, ControlMap(map)));
    }

    #[test]
    fn the_table_does_what_the_bits_do(octets in vec(any::<u8>(), 0..300)) {
        let fast = octets.iter().fold(0xffff, |sum, octet| check(sum, *octet));
        prop_assert_eq!(!fast, slow_check(&octets));
    }

    #[test]
    fn a_changed_octet_is_noticed(
        frame in vec(any::<u8>(), 2..100),
        at: prop::sample::Index,
        change in 1..=255_u8,
    ) {
        let mut line = encoded(&frame, ControlMap::ALL);
        // The flags stay.
        let at = 1 + at.index(line.len() - 2);
        line[at] ^= change;
        for found in decoded(ControlMap::NONE, [&*line]) {
            // One change may cut the frame in two, of which neither is whole.
            prop_assert!(found != Ok(frame.clone()), "{:x?}", line);
        }
    }
}
