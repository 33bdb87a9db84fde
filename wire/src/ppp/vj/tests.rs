use super::*;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// A TCP packet as its sender has it.
#[derive(Debug, Clone)]
struct Packet {
    id: u16,
    sequence: u32,
    ack: u32,
    window: u16,
    urgent: Option<u16>,
    push: bool,
    payload: Vec<u8>,
}

impl Packet {
    fn octets(&self) -> Vec<u8> {
        let len = 40 + self.payload.len() as u16;
        let mut out = vec![0x45, 0];
        out.extend(len.to_be_bytes());
        out.extend(self.id.to_be_bytes());
        out.extend([0x40, 0, 64, TCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        let sum = checksum(&out);
        out[10..12].copy_from_slice(&sum.to_be_bytes());
        out.extend([0, 80, 0x30, 0x39]);
        out.extend(self.sequence.to_be_bytes());
        out.extend(self.ack.to_be_bytes());
        let flags = 0x10 | (u8::from(self.push) * PSH) | self.urgent.map_or(0, |_| URG);
        out.extend([0x50, flags]);
        out.extend(self.window.to_be_bytes());
        // The checksum is any number here: it passes as it is.
        out.extend([0xab, self.id as u8]);
        out.extend(self.urgent.unwrap_or(0).to_be_bytes());
        out.extend(&self.payload);
        out
    }

    /// As it is sent uncompressed in connection 3.
    fn uncompressed(&self) -> Vec<u8> {
        let mut out = self.octets();
        out[9] = 3;
        out
    }

    /// As it is sent behind `last`, when it can be compressed.
    fn compressed(&self, last: &Packet, names_connection: bool) -> Option<Vec<u8>> {
        let octets = self.octets();
        let (mut changes, mut behind) = (0, Vec::new());
        let mut number = |value: u16| match value {
            1..=255 => behind.push(value as u8),
            _ => {
                behind.push(0);
                behind.extend(value.to_be_bytes());
            }
        };
        let ahead = |new: u32, old: u32| u16::try_from(new.wrapping_sub(old)).ok();
        let (sequence, ack) = (
            ahead(self.sequence, last.sequence)?,
            ahead(self.ack, last.ack)?,
        );
        let window = self.window.wrapping_sub(last.window);
        let sent = last.payload.len() as u16;
        let special = self.urgent.is_none() && window == 0 && sent > 0 && sequence == sent;
        if special && ack == sent {
            changes |= change::ECHOED;
        } else if special && ack == 0 {
            changes |= change::STREAM;
        } else {
            for (value, bit, always) in [
                (
                    self.urgent.unwrap_or(0),
                    change::URGENT,
                    self.urgent.is_some(),
                ),
                (window, change::WINDOW, false),
                (ack, change::ACK, false),
                (sequence, change::SEQUENCE, false),
            ] {
                if value != 0 || always {
                    changes |= bit;
                    number(value);
                }
            }
            let taken = [change::ECHOED, change::STREAM];
            if taken.contains(&(changes & change::STREAM)) || changes == 0 {
                return None;
            }
        }
        let ids = self.id.wrapping_sub(last.id);
        if ids != 1 {
            changes |= change::ID;
            number(ids);
        }
        if self.push {
            changes |= change::PUSH;
        }
        let connection: &[u8] = if names_connection { &[3] } else { &[] };
        if names_connection {
            changes |= change::CONNECTION;
        }
        let sum = &octets[36..38];
        Some([&[changes], connection, sum, &behind, &self.payload].concat())
    }
}

fn first() -> Packet {
    Packet {
        id: 7,
        sequence: 0xffff_fff0,
        ack: 100,
        window: 1000,
        urgent: None,
        push: false,
        payload: vec![1; 30],
    }
}

#[test]
fn nothing_is_made_up_after_a_loss() {
    let mut line = Decompressor::new(15);
    let first = first();
    let next = Packet {
        id: 8,
        sequence: first.sequence.wrapping_add(30),
        ..first.clone()
    };
    let bare = next.compressed(&first, false).unwrap();
    assert_eq!(line.compressed(&bare), None, "no connection yet");
    assert_eq!(
        line.uncompressed(&first.uncompressed()),
        Some(first.octets())
    );
    assert_eq!(line.compressed(&[]), None, "damaged");
    assert_eq!(line.compressed(&bare), None);
    let named = next.compressed(&first, true).unwrap();
    assert_eq!(line.compressed(&named), Some(next.octets()));
}

#[test]
fn connections_beyond_the_last_and_damage_are_refused() {
    let mut line = Decompressor::new(2);
    let first = first();
    assert_eq!(
        line.uncompressed(&first.uncompressed()),
        None,
        "id 3 of 0 to 2"
    );
    let mut line = Decompressor::new(3);
    for at in [0, 2, 8, 32] {
        let mut damaged = first.uncompressed();
        damaged[at] ^= 0x10;
        assert_eq!(line.uncompressed(&damaged), None, "octet {at}");
    }
    let whole = first.uncompressed();
    for len in 0..whole.len() {
        assert_eq!(line.uncompressed(&whole[..len]), None);
    }
}

fn steps() -> impl Strategy<Value = Vec<Packet>> {
    let delta = || prop_oneof![Just(0u32), Just(30), 0u32..300, 0u32..70_000];
    let step = (
        (delta(), delta()),
        (
            prop_oneof![Just(0u16), any::<u16>()],
            proptest::option::weighted(0.2, any::<u16>()),
        ),
        (prop_oneof![Just(1u16), any::<u16>()], any::<bool>()),
        prop_oneof![
            Just(vec![1u8; 30]),
            proptest::collection::vec(any::<u8>(), 0..60)
        ],
    );
    proptest::collection::vec(step, 1..30).prop_map(|steps| {
        let mut now = first();
        let mut packets = vec![now.clone()];
        for ((sequence, ack), (window, urgent), (id, push), payload) in steps {
            now = Packet {
                id: now.id.wrapping_add(id),
                sequence: now.sequence.wrapping_add(sequence),
                ack: now.ack.wrapping_add(ack),
                window: now.window.wrapping_add(window),
                urgent,
                push,
                payload,
            };
            packets.push(now.clone());
        }
        packets
    })
}

proptest! {
    /// What a sender compresses is expanded to the same octets.
    #[test]
    fn packets_come_out_as_they_went_in(packets in steps()) {
        let mut line = Decompressor::new(15);
        let mut last: Option<&Packet> = None;
        for packet in &packets {
            let compressed = last.and_then(|last| packet.compressed(last, false));
            let got = match compressed {
                Some(octets) => line.compressed(&octets),
                None => line.uncompressed(&packet.uncompressed()),
            };
            let mut expected = packet.octets();
            if packet.urgent.is_none() {
                // An urgent pointer without URG means nothing, and stays what it was.
                let kept = got.as_ref().map(|got| got[38..40].to_vec());
                expected[38..40].copy_from_slice(&kept.unwrap_or(vec![0, 0]));
            }
            prop_assert_eq!(got, Some(expected));
            last = Some(packet);
        }
    }

    #[test]
    fn nothing_panics(packets in proptest::collection::vec((any::<bool>(), any::<Vec<u8>>()), 0..8)) {
        let mut line = Decompressor::new(15);
        line.uncompressed(&first().uncompressed());
        for (compressed, octets) in packets {
            let _ = match compressed {
                true => line.compressed(&octets),
                false => line.uncompressed(&octets),
            };
        }
    }
}
