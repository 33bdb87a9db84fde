//! Generated traffic: flows of TCP and UDP as single frames and as super-frames, and frames of
//! every odd kind between them.

use crate::superframe::{VIRTIO, checksum, transport_checksum};

/// The first octets of every generated frame's source address; the last one is the flow's number.
pub const SOURCE: [u8; 5] = [2, 0xd1, 0xff, 0, 0];

/// Octets behind some packets.
const BEHIND: usize = 7;

/// Random numbers that a seed repeats (xorshift64*).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed, which must not be 0.
    pub fn new(seed: u64) -> Random {
        Random(seed.max(1))
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

/// What a kind of frame is made of.
#[derive(Debug, Clone)]
pub struct Flow {
    number: u8,
    v4: bool,
    tcp: bool,
    tags: usize,
    options: bool,
    id: u16,
    sequence: u32,
    /// Octets of payload in a full segment.
    size: usize,
}

impl Flow {
    /// A flow by its number; numbers below 32 differ in kind.
    pub fn new(number: u8, random: &mut Random, mtu: usize) -> Flow {
        let [v4, tcp, tagged, options] = [1, 2, 4, 8].map(|bit| number & bit != 0);
        // Room for a tag, and for octets behind the packet.
        let headers = if v4 { 20 } else { 40 } + if tcp { 20 } else { 8 } + 12 + 4 + BEHIND;
        let size = match random.below(3) {
            0 => mtu - headers,
            _ => 1 + random.below(mtu - headers),
        };
        Flow {
            number,
            v4,
            tcp,
            tags: match (tagged, number & 16 != 0) {
                (false, _) => 0,
                (true, false) => 1,
                (true, true) => 2,
            },
            options,
            id: random.below(1 << 16) as u16,
            sequence: random.below(1 << 32) as u32,
            size,
        }
    }

    /// The next frames of the flow, as a virtio device takes them. `together` allows super-frames.
    pub fn next(&mut self, random: &mut Random, together: bool) -> Vec<Vec<u8>> {
        let count = 1 + random.below(30);
        if together && count > 1 && random.below(3) > 0 {
            let last = 1 + random.below(self.size);
            // A device's kernel takes no longer ones.
            let count = count.min(60_000 / self.size.max(1)).clamp(2, 40);
            return vec![self.together(random, (count - 1) * self.size + last)];
        }
        let mut frames = Vec::new();
        for number in 0..count {
            let full = !random.one_in(12) && number + 1 < count;
            let len = if full {
                self.size
            } else {
                random.below(self.size + 1)
            };
            frames.push(self.alone(random, len));
        }
        // Out of order, repeated, lost: as it comes.
        if frames.len() > 2 && random.one_in(6) {
            let at = random.below(frames.len() - 1);
            frames.swap(at, at + 1);
        }
        if random.one_in(8) {
            frames.push(frames[0].clone());
        }
        if random.one_in(8) {
            frames.remove(random.below(frames.len()));
        }
        frames
    }

    /// One frame, its checksum complete, or left to the device, or wrong.
    fn alone(&mut self, random: &mut Random, len: usize) -> Vec<u8> {
        let flags = self.flags(random);
        let (mut frame, transport) = self.frame(&random.octets(len), flags);
        let field = transport + if self.tcp { 16 } else { 6 };
        let mut virtio = [0; VIRTIO];
        match random.below(12) {
            0 => {
                let sum = !self.pseudo_header(&frame, transport);
                frame[field..field + 2].copy_from_slice(&sum.to_be_bytes());
                virtio = self.virtio(0, 0, transport);
            }
            1 => frame[field] ^= 0x55,
            2 if self.v4 => frame[transport - 10] ^= 0x01,
            3 if !self.tcp && self.v4 => frame[field..field + 2].copy_from_slice(&[0, 0]),
            4 => frame.extend(random.octets(BEHIND)),
            _ => {}
        }
        self.advance(1, len);
        [&virtio[..], &frame].concat()
    }

    /// A super-frame with so many octets of payload.
    fn together(&mut self, random: &mut Random, len: usize) -> Vec<u8> {
        let flags = self.flags(random) & !0x26;
        let (mut frame, transport) = self.frame(&random.octets(len), flags);
        let field = transport + if self.tcp { 16 } else { 6 };
        let sum = !self.pseudo_header(&frame, transport);
        frame[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        let ecn = if self.tcp && flags & 0x80 != 0 {
            0x80
        } else {
            0
        };
        let kind = match (self.tcp, self.v4) {
            (false, _) => 5,
            (true, true) => 1 | ecn,
            (true, false) => 4 | ecn,
        };
        let virtio = self.virtio(kind, self.size, transport);
        self.advance(len.div_ceil(self.size), len);
        [&virtio[..], &frame].concat()
    }

    fn advance(&mut self, frames: usize, octets: usize) {
        self.id = self.id.wrapping_add(frames as u16);
        self.sequence = self.sequence.wrapping_add(octets as u32);
    }

    /// Mostly ACK, now and then any other.
    fn flags(&self, random: &mut Random) -> u8 {
        match random.below(10) {
            0 => 0x18,
            1 => 0x11,
            2 => 0x90,
            3 => 0x50,
            4 => random.below(256) as u8,
            _ => 0x10,
        }
    }

    /// A frame with right checksums, and where its transport header starts.
    fn frame(&self, payload: &[u8], flags: u8) -> (Vec<u8>, usize) {
        let mut frame = vec![2, 0, 0, 0, 0, 1];
        frame.extend(SOURCE);
        frame.push(self.number);
        for tag in 0..self.tags {
            frame.extend([0x81, 0x00, 0x20, 10 + tag as u8]);
        }
        let segment = self.segment(payload, flags);
        let protocol = if self.tcp { 6 } else { 17 };
        if self.v4 {
            let mut ip = vec![0x45, 0];
            ip.extend((20 + segment.len() as u16).to_be_bytes());
            ip.extend(self.id.to_be_bytes());
            ip.extend([
                0x40,
                0,
                64,
                protocol,
                0,
                0,
                10,
                77,
                0,
                1,
                10,
                77,
                1,
                self.number,
            ]);
            let sum = checksum(&ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            frame.extend([0x08, 0x00]);
            frame.extend(ip);
        } else {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend((segment.len() as u16).to_be_bytes());
            frame.extend([protocol, 64]);
            for last in [1, self.number] {
                frame.extend([0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
            }
        }
        let transport = frame.len();
        frame.extend(segment);
        let field = transport + if self.tcp { 16 } else { 6 };
        let sum = transport_checksum(&frame, transport);
        let sum = if sum == 0 && !self.tcp { 0xffff } else { sum };
        frame[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        (frame, transport)
    }

    fn segment(&self, payload: &[u8], flags: u8) -> Vec<u8> {
        let mut out = vec![0x30, 0x39, 0x20, self.number];
        if self.tcp {
            let options: &[u8] = match self.options {
                true => &[1, 1, 8, 10, 0, 1, 2, 3, 4, 5, 6, 7],
                false => &[],
            };
            out.extend(self.sequence.to_be_bytes());
            out.extend([0, 0, 0, 9, (5 + options.len() as u8 / 4) << 4, flags]);
            out.extend([0x20, 0, 0, 0, 0, 0]);
            out.extend(options);
        } else {
            out.extend((8 + payload.len() as u16).to_be_bytes());
            out.extend([0, 0]);
        }
        out.extend(payload);
        out
    }

    /// The sum, not inverted, of the pseudo header of what starts at `transport`.
    fn pseudo_header(&self, frame: &[u8], transport: usize) -> u16 {
        let len = frame.len() - transport;
        let ip = if self.v4 {
            transport - 20
        } else {
            transport - 40
        };
        let addresses = if self.v4 {
            ip + 12..ip + 20
        } else {
            ip + 8..ip + 40
        };
        let protocol = if self.tcp { 6 } else { 17 };
        let rest = [&(len as u32).to_be_bytes()[..], &[0, 0, 0, protocol]].concat();
        checksum(&[&frame[addresses], &rest].concat())
    }

    fn virtio(&self, kind: u8, size: usize, transport: usize) -> [u8; VIRTIO] {
        let headers = transport
            + if self.tcp { 20 } else { 8 }
            + if self.tcp && self.options { 12 } else { 0 };
        let mut virtio = [1, kind, 0, 0, 0, 0, 0, 0, 0, 0];
        let offset = if self.tcp { 16 } else { 6 };
        for (at, value) in [(2, headers), (4, size), (6, transport), (8, offset)] {
            let value = if kind == 0 && at < 6 { 0 } else { value as u16 };
            virtio[at..at + 2].copy_from_slice(&value.to_ne_bytes());
        }
        virtio
    }
}

/// A frame that nothing can be done with but to carry it, from the address of flow `number`.
pub fn odd(random: &mut Random, number: u8, mtu: usize) -> Vec<u8> {
    let mut frame = match random.below(3) {
        0 => vec![0xff; 6],
        1 => vec![0x01, 0x00, 0x5e, 1, 2, 3],
        _ => vec![2, 0, 0, 0, 0, 1],
    };
    frame.extend(SOURCE);
    frame.push(number);
    // Linux itself drops what has fewer than two octets behind a VLAN tag's EtherType.
    let len = 2 + random.below(mtu);
    let fragment = [
        0x45, 0, 0, 60, 1, 2, 0x20, 0, 64, 17, 0, 0, 10, 77, 0, 1, 10, 77, 1, 9,
    ];
    let heads: [&[u8]; 9] = [
        &[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1],
        &[0x81, 0x00, 0x20, 0x07, 0x08, 0x06],
        &[0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 7, 0x88, 0xb5],
        &[0x00, 0x10, 0x42, 0x42, 0x03],
        &[0x88, 0xcc, 2, 7, 4],
        &[0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 44, 64],
        &[0x08, 0x00, 0x4f, 0, 0, 3],
        &[0x08, 0x00],
        &[0x86, 0xdd, 0x60],
    ];
    frame.extend(heads[random.below(heads.len())]);
    if frame.ends_with(&[0x08, 0x00]) {
        frame.extend(fragment);
    }
    frame.extend(random.octets(len));
    frame.truncate(mtu + 14);
    [&[0; VIRTIO][..], &frame].concat()
}
