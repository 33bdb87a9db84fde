use adit_datapath::ppp::{Filter, Instruction};
use adit_wire::ip::ipv4_payload;
use adit_wire::ppp::hdlc::{ControlMap, Damage, Decoder, encode};
use adit_wire::ppp::vj::Decompressor;

/// Instructions of a filter, each of eight octets as in memory, behind an octet that says how many;
/// then a packet.
pub fn ppp_filter(octets: &[u8]) {
    let Some((count, rest)) = octets.split_first() else {
        return;
    };
    let Some((program, packet)) = rest.split_at_checked(usize::from(*count) * 8) else {
        return;
    };
    let instruction = |octets: &[u8]| Instruction {
        code: u16::from_le_bytes([octets[0], octets[1]]),
        jump_true: octets[2],
        jump_false: octets[3],
        k: u32::from_le_bytes([octets[4], octets[5], octets[6], octets[7]]),
    };
    let program: Vec<_> = program.chunks_exact(8).map(instruction).collect();
    if let Ok(filter) = Filter::new(&program) {
        let (front, back) = packet.split_at(packet.len() / 2);
        assert_eq!(filter.run(&[packet]), filter.run(&[front, back]));
    }
}

/// PPP packets of compressed TCP, each behind an octet whose highest bit says that it is compressed
/// and the others how long it is.
pub fn ppp_vj(mut octets: &[u8]) {
    let mut line = Decompressor::new(15);
    while let Some((head, rest)) = octets.split_first() {
        let len = usize::from(head & 0x7f).min(rest.len());
        let (packet, behind) = rest.split_at(len);
        let whole = match head & 0x80 {
            0 => line.uncompressed(packet),
            _ => line.compressed(packet),
        };
        if let Some(whole) = whole {
            let (ip, _) = ipv4_payload(&whole).expect("an IPv4 packet");
            assert_eq!((ip.protocol, ip.total_len), (6, whole.len()));
        }
        octets = behind;
    }
}

/// Octets from a terminal line, behind one that says how many come at a time and one that chooses
/// the control characters which the line may insert.
pub fn ppp_hdlc(octets: &[u8]) {
    let [at_a_time, map, line @ ..] = octets else {
        return;
    };
    let map = ControlMap(u32::from(*map) * 0x0101_0101);
    let longest = 100;
    let read = |line: &[u8], at_a_time: usize| {
        let mut decoder = Decoder::new(map, longest);
        let mut found = Vec::new();
        for piece in line.chunks(at_a_time) {
            decoder.read(piece, |frame| found.push(frame.map(<[u8]>::to_vec)));
        }
        found
    };
    let found = read(line, usize::from(*at_a_time).max(1));
    assert_eq!(found, read(line, line.len().max(1)));
    let mut again = Vec::new();
    let frames = found.into_iter().filter(Result::is_ok);
    let frames: Vec<Result<Vec<u8>, Damage>> = frames.collect();
    for frame in frames.iter().flatten() {
        assert!((2..=longest).contains(&frame.len()));
        encode(&[frame], map, &mut again);
    }
    assert_eq!(read(&again, again.len().max(1)), frames);
}
