//! Super-frames taken apart without any of the code under test: by RFC 791, 8200, 9293 and 768, one
//! octet after the other.

/// Octets of the virtio header in front of a frame.
pub const VIRTIO: usize = 10;

/// What a frame with a virtio header stands for: complete Ethernet frames.
///
/// # Panics
/// When the two do not fit each other.
pub fn expand(octets: &[u8]) -> Vec<Vec<u8>> {
    let (virtio, frame) = octets.split_at(VIRTIO);
    let half = |at: usize| usize::from(u16::from_ne_bytes([virtio[at], virtio[at + 1]]));
    let (partial, kind, size) = (virtio[0] & 1 != 0, virtio[1] & 0x7f, half(4));
    let (start, offset) = (half(6), half(8));
    if kind == 0 {
        let mut frame = frame.to_vec();
        if partial {
            frame[start + offset..][..2].copy_from_slice(&[0, 0]);
            let sum = transport_checksum(&frame, start);
            frame[start + offset..][..2].copy_from_slice(&nonzero(sum));
        }
        return vec![frame];
    }
    assert!(partial && size > 0, "{virtio:02x?}");
    let udp = kind == 5;
    let headers = start
        + if udp {
            8
        } else {
            usize::from(frame[start + 12] >> 4) * 4
        };
    let (headers, payload) = frame.split_at(headers);
    let count = payload.len().div_ceil(size);
    let segment = |(at, part): (usize, &[u8])| {
        let mut out = [headers, part].concat();
        set_lengths(&mut out, start, at);
        if udp {
            let len = (8 + part.len()) as u16;
            out[start + 4..start + 6].copy_from_slice(&len.to_be_bytes());
            out[start + 6..start + 8].copy_from_slice(&[0, 0]);
            let sum = nonzero(transport_checksum(&out, start));
            out[start + 6..start + 8].copy_from_slice(&sum);
        } else {
            set_tcp(&mut out[start..], at * size, at == 0, at + 1 == count);
            let sum = transport_checksum(&out, start);
            out[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
        }
        out
    };
    payload.chunks(size).enumerate().map(segment).collect()
}

/// Where the IP header of a frame starts.
pub fn network(frame: &[u8]) -> usize {
    let mut at = 12;
    while [[0x81, 0x00], [0x88, 0xa8]].contains(&[frame[at], frame[at + 1]]) {
        at += 4;
    }
    at + 2
}

fn set_lengths(frame: &mut [u8], transport: usize, number: usize) {
    let at = network(frame);
    let ip = &mut frame[at..];
    if ip[0] >> 4 == 4 {
        let len = ip.len() as u16;
        ip[2..4].copy_from_slice(&len.to_be_bytes());
        let id = u16::from_be_bytes([ip[4], ip[5]]).wrapping_add(number as u16);
        ip[4..6].copy_from_slice(&id.to_be_bytes());
        ip[10..12].copy_from_slice(&[0, 0]);
        let sum = checksum(&ip[..transport - at]);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
    } else {
        let len = (ip.len() - 40) as u16;
        ip[4..6].copy_from_slice(&len.to_be_bytes());
    }
}

fn set_tcp(segment: &mut [u8], offset: usize, first: bool, last: bool) {
    const FIN_PSH: u8 = 0x09;
    const CWR: u8 = 0x80;
    let number = u32::from_be_bytes([segment[4], segment[5], segment[6], segment[7]]);
    let number = number.wrapping_add(offset as u32);
    segment[4..8].copy_from_slice(&number.to_be_bytes());
    if !last {
        segment[13] &= !FIN_PSH;
    }
    if !first {
        segment[13] &= !CWR;
    }
    segment[16..18].copy_from_slice(&[0, 0]);
}

/// The checksum that a TCP or UDP segment has to have where its field is 0: what stands from
/// `transport` on, and its pseudo header.
pub fn transport_checksum(frame: &[u8], transport: usize) -> u16 {
    let ip = &frame[network(frame)..];
    let (addresses, protocol) = match ip[0] >> 4 {
        4 => (&ip[12..20], ip[9]),
        _ => (&ip[8..40], ip[6]),
    };
    let segment = &frame[transport..];
    let len = (segment.len() as u32).to_be_bytes();
    checksum(&[addresses, &len, &[0, 0, 0, protocol], segment].concat())
}

/// The Internet checksum (RFC 1071).
pub fn checksum(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn nonzero(sum: u16) -> [u8; 2] {
    if sum == 0 {
        [0xff; 2]
    } else {
        sum.to_be_bytes()
    }
}
