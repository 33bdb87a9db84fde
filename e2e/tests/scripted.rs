//! Peers that Adit is none of: their messages are written by hand.

use adit_e2e::script::{Avps, Script, avp, cisco_avp, message};
use adit_e2e::{Family, Pair, Side, Test, address_device, eventually, frame, test};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "scripted::avps_of_the_drafts_are_taken_where_wanted",
            avps_of_the_drafts_are_taken_where_wanted,
        ),
        test(
            "scripted::each_end_has_the_sublayer_that_it_wants",
            each_end_has_the_sublayer_that_it_wants,
        ),
    ]
}

/// Kinds of messages (RFC 3931 §3.1).
const SCCRQ: u16 = 1;
const SCCRP: u16 = 2;
const SCCCN: u16 = 3;
const ICRQ: u16 = 10;
const ICRP: u16 = 11;
const ICCN: u16 = 12;

/// Numbers of AVPs (RFC 3931 §5.4).
const HOST_NAME: u16 = 7;
const SERIAL: u16 = 15;
const ROUTER_ID: u16 = 60;
const ASSIGNED_CONNECTION: u16 = 61;
const PW_CAPABILITIES: u16 = 62;
const LOCAL_SESSION: u16 = 63;
const REMOTE_SESSION: u16 = 64;
const COOKIE: u16 = 65;
const REMOTE_END: u16 = 66;
const PW_TYPE: u16 = 68;
const SUBLAYER: u16 = 69;
const SEQUENCING: u16 = 70;
const CIRCUIT_STATUS: u16 = 71;

/// The script's ids and cookie.
const CONNECTION: [u8; 4] = [0, 0, 0x47, 0x11];
const SESSION: [u8; 4] = [0, 1, 2, 3];
const OWN_COOKIE: [u8; 4] = *b"cook";

const ETHERNET: [u8; 2] = [0, 5];
const UP: [u8; 2] = [0, 1];

/// How an AVP is written.
type Write = fn(u16, &[u8]) -> Vec<u8>;

/// The daemon's host, with a peer of these terms, and the peer.
fn scene(terms: &str) -> Result<(Pair, Script), Box<dyn std::error::Error>> {
    let mut pair = Pair::idle();
    let [own, peer] = [Side::A, Side::B].map(|side| side.outer(Family::V4));
    pair.a.start_configured(&format!(
        "[[listener]]\nname = \"l\"\nlocal = \"{own}\"\n[[peer]]\nname = \"script\"\n{terms}\n"
    ));
    let script = Script::new(&pair.b, peer, own)?;
    Ok((pair, script))
}

fn sccrq(write: Write, connection: u16, capabilities: u16) -> Vec<u8> {
    message(
        SCCRQ,
        &[
            avp(HOST_NAME, b"script"),
            avp(ROUTER_ID, &[192, 0, 2, 2]),
            write(connection, &CONNECTION),
            write(capabilities, &ETHERNET),
        ],
    )
}

/// Has the control connection established.
fn connect(script: &mut Script, sccrq: &[u8]) -> Test {
    script.say(sccrq)?;
    let sccrp = script.hear(SCCRP)?.ok_or("an SCCRP")?;
    script.address(&sccrp[&ASSIGNED_CONNECTION]);
    script.say(&message(SCCCN, &[]))?;
    Ok(())
}

/// Numbers of the AVPs of an ICRQ, and how they are written.
struct Dialect {
    write: Write,
    local: u16,
    remote: u16,
    cookie: u16,
    end: u16,
    kind: u16,
    status: u16,
}

const RFC: Dialect = Dialect {
    write: avp,
    local: LOCAL_SESSION,
    remote: REMOTE_SESSION,
    cookie: COOKIE,
    end: REMOTE_END,
    kind: PW_TYPE,
    status: CIRCUIT_STATUS,
};

const DRAFT: Dialect = Dialect {
    write: cisco_avp,
    local: 3,
    remote: 4,
    cookie: 5,
    end: 6,
    kind: 7,
    status: 8,
};

impl Dialect {
    /// Places a call without a sublayer, and gives the ICRP.
    fn call(&self, script: &mut Script) -> Result<Avps, Box<dyn std::error::Error>> {
        let write = self.write;
        script.say(&message(
            ICRQ,
            &[
                write(self.local, &SESSION),
                write(self.remote, &[0; 4]),
                avp(SERIAL, &[0, 0, 0, 1]),
                write(self.kind, &ETHERNET),
                write(self.end, b"blue"),
                write(self.status, &UP),
                write(self.cookie, &OWN_COOKIE),
            ],
        ))?;
        let icrp = script.hear(ICRP)?.ok_or("an ICRP")?;
        assert_eq!(icrp[&REMOTE_SESSION], SESSION);
        script.say(&message(
            ICCN,
            &[
                write(self.local, &SESSION),
                write(self.remote, &icrp[&LOCAL_SESSION]),
            ],
        ))?;
        Ok(icrp)
    }
}

/// What old IOS sends (AVPs of Cisco's that must be understood) is refused as any unknown AVP is,
/// unless the peer is known to be one of those.
fn avps_of_the_drafts_are_taken_where_wanted() -> Test {
    let (pair, mut script) = scene("")?;
    script.say(&sccrq(cisco_avp, 1, 2))?;
    assert!(script.hears_no(SCCRP)?);
    assert!(pair.a.list("tunnel").is_empty());
    drop((pair, script));
    let (pair, mut script) = scene("quirks = [\"cisco-avps\"]")?;
    connect(&mut script, &sccrq(cisco_avp, 1, 2))?;
    let icrp = DRAFT.call(&mut script)?;
    eventually("the session is established", || {
        let sessions = pair.a.list("session");
        sessions.len() == 1 && sessions[0]["state"] == "established"
    });
    let session = pair.a.list("session").remove(0);
    assert_eq!(session["peer_session_id"], u32::from_be_bytes(SESSION));
    let own = icrp[&LOCAL_SESSION].as_slice().try_into()?;
    assert_eq!(session["session_id"], u32::from_be_bytes(own));
    assert_eq!(session["cookie"], "636f6f6b");
    Ok(())
}

/// One end wants sequence numbers, which take a sublayer, the other wants neither.
fn each_end_has_the_sublayer_that_it_wants() -> Test {
    let profile = "session_profile = \"numbered\"\n[[session_profile]]\nname = \"numbered\"\n\
                   seq = \"recv\"\ncookie_octets = 0\n";
    let (pair, mut script) = scene(profile)?;
    connect(
        &mut script,
        &sccrq(avp, ASSIGNED_CONNECTION, PW_CAPABILITIES),
    )?;
    let icrp = RFC.call(&mut script)?;
    assert_eq!(icrp[&SUBLAYER], [0, 1]);
    assert_eq!(icrp[&SEQUENCING], [0, 2]);
    eventually("there is a device", || pair.a.link("l2tpeth0").is_ok());
    address_device(&pair.a, Side::A);
    let id = u32::from_be_bytes(icrp[&LOCAL_SESSION].as_slice().try_into()?);
    // What comes has a sublayer, with a number; without a number it is not taken.
    for (word, number) in [(0_u32, 1), (0x4000_0000, 2)] {
        let data = [&id.to_be_bytes()[..], &word.to_be_bytes(), &frame(number)].concat();
        script.send_data(&data)?;
    }
    eventually("one frame is taken", || {
        pair.a.counter(id, "rx_packets") == 1 && pair.a.counter(id, "rx_seq_missing") == 1
    });
    // What goes has none: the frame stands behind the cookie.
    let head = [&SESSION[..], &OWN_COOKIE].concat();
    let is_ours = |data: &[u8]| data.starts_with(&head);
    let data = script.data(is_ours)?.ok_or("a packet of the device's")?;
    let own = pair.a.link("l2tpeth0")?.mac;
    assert_eq!(data[head.len() + 6..][..6], own);
    Ok(())
}
