use super::merge::{Bundle, Merger};
use super::split::{complete, split};
use super::*;
use crate::sys::tap::{Joins, Layer};
use crate::user::offload::virtio::{ChecksumState, Kind, Segments};
use crate::user::order::Payload;
use proptest::prelude::*;
use std::borrow::Cow;

/// A frame to build; what is not here is fixed.
#[derive(Debug, Clone)]
struct Shape {
    v4: bool,
    tcp: bool,
    tags: usize,
    options: bool,
    id: u16,
    sequence: u32,
    flags: u8,
    port: u16,
    payload: Vec<u8>,
}

impl Default for Shape {
    fn default() -> Shape {
        let (id, sequence, flags, port) = (7, 1000, 0x10, 5);
        Shape {
            v4: true,
            tcp: true,
            tags: 0,
            options: false,
            id,
            sequence,
            flags,
            port,
            payload: vec![1; 100],
        }
    }
}

/// RFC 1071 by the letter, apart from the code under test.
fn checksum(octets: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

impl Shape {
    fn frame(&self) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        for tag in 0..self.tags {
            frame.extend([0x81, 0x00, 0, 10 + tag as u8]);
        }
        frame.extend(if self.v4 { [0x08, 0x00] } else { [0x86, 0xdd] });
        let segment = self.segment();
        if self.v4 {
            let options: &[u8] = if self.options { &[1, 1, 1, 0] } else { &[] };
            let total = (20 + options.len() + segment.len()) as u16;
            let mut ip = vec![0x45 + options.len() as u8 / 4, 0];
            ip.extend(total.to_be_bytes());
            ip.extend(self.id.to_be_bytes());
            ip.extend([0x40, 0, 64, self.protocol(), 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            ip.extend(options);
            let sum = checksum(&ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            frame.extend(ip);
        } else {
            frame.extend([0x60, 0, 0, 0]);
            frame.extend((segment.len() as u16).to_be_bytes());
            frame.extend([self.protocol(), 64]);
            frame.extend(self.addresses());
        }
        frame.extend(segment);
        frame
    }

    fn protocol(&self) -> u8 {
        if self.tcp { 6 } else { 17 }
    }

    fn addresses(&self) -> Vec<u8> {
        if self.v4 {
            vec![10, 0, 0, 1, 10, 0, 0, 2]
        } else {
            (0..32).collect()
        }
    }

    fn segment(&self) -> Vec<u8> {
        let mut segment = vec![0x30, 0x39];
        segment.extend(self.port.to_be_bytes());
        if self.tcp {
            segment.extend(self.sequence.to_be_bytes());
            let options: &[u8] = if self.options {
                &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]
            } else {
                &[]
            };
            segment.extend([
                0,
                0,
                0,
                9,
                (5 + options.len() as u8 / 4) << 4,
                self.flags,
                1,
                0,
                0,
                0,
                0,
                0,
            ]);
            segment.extend(options);
        } else {
            segment.extend((8 + self.payload.len() as u16).to_be_bytes());
            segment.extend([0, 0]);
        }
        segment.extend(&self.payload);
        let mut pseudo = self.addresses();
        pseudo.extend((segment.len() as u32).to_be_bytes());
        pseudo.extend([0, self.protocol()]);
        pseudo.extend(&segment);
        let sum = if checksum(&pseudo) == 0 && !self.tcp {
            0xffff
        } else {
            checksum(&pseudo)
        };
        let at = if self.tcp { 16 } else { 6 };
        segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        segment
    }

    /// The frames of a flow whose payloads have these lengths.
    fn flow(&self, lens: &[usize]) -> Vec<Vec<u8>> {
        let mut shape = self.clone();
        let mut frames = Vec::new();
        for (n, len) in lens.iter().enumerate() {
            shape.payload = (0..*len).map(|octet| (octet * 7 + n) as u8).collect();
            frames.push(shape.frame());
            shape.id = shape.id.wrapping_add(1);
            shape.sequence = shape.sequence.wrapping_add(*len as u32);
        }
        frames
    }
}

fn payload(frame: &[u8]) -> Payload<'_> {
    Payload {
        octets: Cow::Borrowed(frame),
        header: 8,
        class: 0,
    }
}

/// What a device would be given for these frames: each write's octets.
fn merged(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut writes = Vec::new();
    let mut out = |bundle: Bundle<'_>| {
        writes.push(
            bundle
                .pieces
                .iter()
                .flat_map(|piece| piece.to_vec())
                .collect(),
        );
    };
    let mut merger = Merger::new(Layer::Ethernet, Joins::TcpAndUdp);
    for frame in frames {
        merger.push(payload(frame), &mut out);
    }
    merger.flush(&mut out);
    writes
}

/// The frames that a peer would get for a device's write.
fn cut(write: &[u8]) -> Vec<Vec<u8>> {
    let (header, frame) = write.split_first_chunk::<HEADER_LEN>().unwrap();
    let header = VirtioHeader::read(header).unwrap();
    let mut frames = Vec::new();
    match header.segments {
        Some(segments) => split(
            Layer::Ethernet,
            &segments,
            frame,
            &mut |headers, payload| {
                frames.push([headers, &frame[payload]].concat());
            },
        )
        .unwrap(),
        None => {
            let mut frame = frame.to_vec();
            complete(&header, &mut frame).unwrap();
            frames.push(frame);
        }
    }
    frames
}

fn shapes() -> impl Strategy<Value = Shape> {
    (
        any::<(bool, bool, bool)>(),
        0usize..3,
        any::<u16>(),
        any::<u32>(),
        1u16..3,
    )
        .prop_map(|((v4, tcp, options), tags, id, sequence, port)| Shape {
            v4,
            tcp,
            tags,
            options,
            id,
            sequence,
            port,
            ..Shape::default()
        })
}

fn segment_count(writes: &[Vec<u8>]) -> Vec<usize> {
    writes.iter().map(|write| cut(write).len()).collect()
}

#[test]
fn a_flow_becomes_one_write() {
    for (v4, tcp) in [(true, true), (false, true), (true, false), (false, false)] {
        let frames = Shape {
            v4,
            tcp,
            ..Shape::default()
        }
        .flow(&[100, 100, 100, 40]);
        assert_eq!(segment_count(&merged(&frames)), [4], "v4 {v4} tcp {tcp}");
    }
}

#[test]
fn what_ends_a_run() {
    let flow = |change: fn(&mut Shape)| {
        let mut shape = Shape::default();
        let mut frames = shape.flow(&[100]);
        shape.id += 1;
        shape.sequence += 100;
        change(&mut shape);
        frames.push(shape.frame());
        segment_count(&merged(&frames))
    };
    assert_eq!(flow(|_| ()), [2]);
    assert_eq!(flow(|s| s.flags = 0x18), [2], "PSH is taken along");
    for (why, change) in [
        ("sequence gap", (|s| s.sequence += 1) as fn(&mut Shape)),
        ("repeated segment", |s| s.sequence -= 100),
        ("id gap", |s| s.id += 1),
        ("FIN", |s| s.flags |= 0x01),
        ("RST", |s| s.flags |= 0x04),
        ("URG", |s| s.flags |= 0x20),
        ("ECE", |s| s.flags |= 0x40),
        ("CWR", |s| s.flags |= 0x80),
        ("longer", |s| s.payload.push(1)),
        ("empty", |s| s.payload.clear()),
        ("other port", |s| s.port += 1),
        ("options", |s| s.options = true),
    ] {
        assert_eq!(flow(change), [1, 1], "{why}");
    }
}

#[test]
fn a_wrong_checksum_is_never_joined_and_never_hidden() {
    let mut frames = Shape::default().flow(&[100, 100, 100]);
    frames[1][80] ^= 1;
    let writes = merged(&frames);
    assert_eq!(
        writes.iter().flat_map(|w| cut(w)).collect::<Vec<_>>(),
        frames
    );
    let bad = writes
        .iter()
        .find(|write| write[HEADER_LEN..] == frames[1])
        .unwrap();
    assert_eq!(bad[..HEADER_LEN], VirtioHeader::PLAIN.write());
}

#[test]
fn a_partial_checksum_is_completed() {
    let whole = Shape {
        tcp: false,
        ..Shape::default()
    }
    .frame();
    let mut frame = whole.clone();
    let pseudo = [10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 108];
    frame[40..42].copy_from_slice(&(!checksum(&pseudo)).to_be_bytes());
    let checksum = ChecksumState::Partial {
        start: 34,
        offset: 6,
    };
    complete(
        &VirtioHeader {
            checksum,
            segments: None,
        },
        &mut frame,
    )
    .unwrap();
    assert_eq!(frame, whole);
}

proptest! {
    /// Whatever flows interleave and however they are cut, what is written says the same frames,
    /// each flow's in its order.
    #[test]
    fn cutting_what_was_joined_gives_the_frames_back(
        flows in proptest::collection::vec(
            (shapes(), proptest::collection::vec(prop_oneof![Just(100usize), 0usize..200], 1..12)),
            1..4,
        ),
        order in proptest::collection::vec(0usize..4, 0..40),
    ) {
        let mut queues: Vec<_> = flows.iter().map(|(shape, lens)| shape.flow(lens).into_iter()).collect();
        let mut frames = Vec::new();
        for pick in order {
            let queue = pick % queues.len();
            frames.extend(queues[queue].next());
        }
        let got: Vec<_> = merged(&frames).iter().flat_map(|write| cut(write)).collect();
        let by_flow = |frames: &[Vec<u8>]| {
            let mut sorted = frames.to_vec();
            sorted.sort_by_key(|frame| frame[..14].to_vec());
            sorted.sort_by_key(|frame| flow_key(frame));
            sorted
        };
        prop_assert_eq!(by_flow(&got), by_flow(&frames));
    }

    /// A kernel's super-frame is cut into frames with right checksums and the same octets.
    #[test]
    fn a_super_frame_is_cut_right(shape in shapes(), size in 1u16..1500, len in 1usize..9000) {
        let shape = Shape { payload: (0..len).map(|n| n as u8).collect(), flags: 0x99, ..shape };
        let frame = shape.frame();
        let header_len = (frame.len() - len) as u16;
        let kind = match (shape.tcp, shape.v4) {
            (true, true) => Kind::TcpV4,
            (true, false) => Kind::TcpV6,
            (false, _) => Kind::Udp,
        };
        let mut octets = Vec::new();
        let mut index = 0;
        split(Layer::Ethernet, &Segments { kind, size, header_len }, &frame, &mut |headers, payload| {
            let expected = Shape {
                payload: frame[payload.clone()].to_vec(),
                id: shape.id.wrapping_add(index),
                sequence: shape.sequence.wrapping_add(octets.len() as u32),
                flags: match (index, payload.end == frame.len()) {
                    (0, true) => 0x99,
                    (0, false) => 0x90,
                    (_, true) => 0x19,
                    (_, false) => 0x10,
                },
                ..shape.clone()
            };
            assert_eq!(headers, &expected.frame()[..headers.len()]);
            octets.extend_from_slice(&frame[payload]);
            index += 1;
        }).unwrap();
        prop_assert_eq!(octets, shape.payload);
    }

    /// No octets make either direction panic, and nothing is lost in merging.
    #[test]
    fn arbitrary_frames_pass_unchanged(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..10),
        header: [u8; HEADER_LEN],
        size: u16,
    ) {
        let got: Vec<_> = merged(&frames).iter().flat_map(|write| cut(write)).collect();
        prop_assert_eq!(&got, &frames);
        for mut frame in frames {
            let _ = split(Layer::Ethernet, &Segments { kind: Kind::Udp, size, header_len: 0 }, &frame, &mut |_, _| ());
            if let Some(header) = VirtioHeader::read(&header) {
                let _ = complete(&header, &mut frame);
            }
        }
    }

    /// A valid frame with octets changed passes unchanged as well.
    #[test]
    fn damaged_frames_pass_unchanged(
        shape in shapes(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        keep in any::<proptest::sample::Index>(),
    ) {
        let mut frames = shape.flow(&[100, 100, 100]);
        for (at, octet) in damage {
            let frame = &mut frames[1];
            let at = at.index(frame.len());
            frame[at] = octet;
        }
        let len = keep.index(frames[2].len());
        frames[2].truncate(len);
        let mut got: Vec<_> = merged(&frames).iter().flat_map(|write| cut(write)).collect();
        got.sort();
        frames.sort();
        prop_assert_eq!(got, frames);
    }
}

/// What tells flows apart, roughly: addresses, protocol and ports live in the first 60 octets, of
/// which lengths, ids, sequence numbers and checksums are left out by taking the shape's own.
fn flow_key(frame: &[u8]) -> Vec<u8> {
    let tags = frame[12..]
        .chunks(4)
        .take_while(|tag| tag[..2] == [0x81, 0])
        .count();
    let ip = 14 + 4 * tags;
    let v4 = frame[ip] >> 4 == 4;
    let (protocol, segment) = if v4 {
        (frame[ip + 9], ip + usize::from(frame[ip] & 15) * 4)
    } else {
        (frame[ip + 6], ip + 40)
    };
    let options = if protocol == 6 {
        frame[segment + 12]
    } else {
        0
    };
    vec![tags as u8, frame[ip], protocol, frame[segment + 3], options]
}
