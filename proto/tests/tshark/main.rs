//! What Adit sends, as tshark reads it: every message of both versions, with every AVP that it can
//! have.

mod capture;
mod messages;
mod worlds;

use adit_proto::Random;
use adit_proto::l2tp::auth::Auth;
use adit_proto::l2tp::config::{Secret, TunnelConfig};
use adit_wire::l2tp::avp::{DigestType, walk};
use adit_wire::l2tp::control::v2;
use adit_wire::l2tp::{SessionId, TunnelId, UdpMessage};
use adit_wire::l2tp::{V2ControlHeader, V3ControlHeader, Version};
use capture::{Sent, dissect};

/// What tshark says of each message besides the fields that a test asks for.
const REMARKS: [&str; 4] = [
    "l2tp.avp.message_type",
    "l2tp.avp.type",
    "_ws.expert.message",
    "_ws.malformed",
];

fn v2_message(message: &v2::Message<'_>) -> Vec<u8> {
    let mut avps = Vec::new();
    message.encode(&mut avps).expect("the sample is sound");
    let header = V2ControlHeader {
        tunnel: TunnelId(7),
        session: SessionId(8),
        ns: 1,
        nr: 2,
    };
    encode(UdpMessage::V2Control {
        header,
        avps: &avps,
    })
}

fn v3_message(connection: u32, avps: &[u8]) -> Vec<u8> {
    let header = V3ControlHeader {
        connection: TunnelId(connection),
        ns: 1,
        nr: 2,
    };
    encode(UdpMessage::V3Control { header, avps })
}

fn encode(message: UdpMessage<'_>) -> Vec<u8> {
    let mut out = vec![0; 4096];
    let length = message.encode(&mut out).expect("there is room");
    out.truncate(length);
    out
}

/// AVPs of RFC 3301, RFC 3308 and RFC 3437, whose headers tshark reads and whose values it does not.
const UNDISSECTED: [u16; 12] = [40, 41, 42, 43, 44, 45, 47, 48, 49, 50, 51, 52];

/// The row that tshark must give for a message with these AVPs, of which there may be none.
fn unremarkable(avps: &[u8]) -> [String; 4] {
    let all = walk(avps).map(|avp| avp.expect("it was written"));
    // Of hidden ones tshark shows no more than that they are.
    let all = all.filter(|avp| !avp.hidden);
    let all: Vec<_> = all.collect();
    let types: Vec<_> = all.iter().map(|avp| avp.attribute.to_string()).collect();
    let kind = all.first().map(|first| {
        let octets = first.value.try_into().expect("it is a Message Type");
        u16::from_be_bytes(octets).to_string()
    });
    let undissected = all
        .iter()
        .filter(|avp| UNDISSECTED.contains(&avp.attribute));
    let remarks: Vec<_> = undissected.map(|_| "Vendor-Specific AVP data").collect();
    let (types, remarks) = (types.join(","), remarks.join(","));
    [kind.unwrap_or_default(), types, remarks, String::new()]
}

#[test]
fn every_message_of_version_2_is_read_in_full() {
    let sent: Vec<_> = messages::v2()
        .iter()
        .map(v2_message)
        .map(Sent::there)
        .collect();
    let Some(rows) = dissect(&sent, &REMARKS) else {
        return;
    };
    assert_eq!(rows.len(), 14);
    for (row, sent) in rows.iter().zip(&sent) {
        assert_eq!(row[..], unremarkable(&sent.octets[12..]));
    }
}

#[test]
fn every_message_of_version_3_is_read_in_full() {
    let octets = messages::v3().into_iter().map(|message| {
        let mut avps = Vec::new();
        message.encode(&mut avps).expect("the sample is sound");
        v3_message(7, &avps)
    });
    let sent: Vec<_> = octets.map(Sent::there).collect();
    let Some(rows) = dissect(&sent, &REMARKS) else {
        return;
    };
    assert_eq!(rows.len(), 15);
    for (row, sent) in rows.iter().zip(&sent) {
        assert_eq!(row[..], unremarkable(&sent.octets[12..]));
    }
}

#[test]
fn values_of_version_2_are_what_they_were() {
    let all = messages::v2();
    let sent: Vec<_> = all.iter().map(v2_message).map(Sent::there).collect();
    let fields = messages::V2_VALUES.map(|(_, field, _)| field);
    let Some(rows) = dissect(&sent, &fields) else {
        return;
    };
    for (column, (kind, field, value)) in messages::V2_VALUES.iter().enumerate() {
        let row = all.iter().position(|message| message.kind() == Some(*kind));
        let row = row.expect("there is one of each");
        assert_eq!(rows[row][column], *value, "{kind} {field}");
    }
}

/// tshark computes digests itself, from the secret and the nonces it saw.
#[test]
fn digests_are_right() {
    for digest in [DigestType::HmacMd5, DigestType::HmacSha1] {
        let config = TunnelConfig {
            secrets: vec![Secret(capture::SECRET.into())],
            authenticate: true,
            digest,
            ..TunnelConfig::new("end")
        };
        let mut ends = [1, 2].map(|seed| {
            let mut random = Random::new([seed; 32]);
            (Auth::new(&config, Version::V3, random.octets()), random)
        });
        let mut sent = messages::authenticated(&mut ends);
        let Some(rows) = dissect(&sent, &REMARKS) else {
            return;
        };
        let silent = rows
            .iter()
            .filter(|row| row[2].is_empty() && row[3].is_empty());
        assert_eq!(silent.count(), sent.len(), "{rows:?}");
        // It would have said so.
        let last = sent.last_mut().expect("there is one");
        *last.octets.last_mut().expect("it has octets") ^= 1;
        let rows = dissect(&sent, &REMARKS).expect("it ran a moment ago");
        assert_eq!(rows.last().expect("there is one")[2], "Incorrect Digest");
    }
}
