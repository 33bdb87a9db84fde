//! What both sides have counted.

use crate::rig::{Rig, insist};
use adit_e2e::Test;
use serde_json::Value;
use std::error::Error;

/// How far a successor of a killed daemon begins ahead of the number that was written down, which
/// is 0 still after few packets.
const LEAP: u64 = 1 << 21;

/// Packets that a receiver drops before it believes in another place of the sequence.
const RESYNC: u64 = 5;

/// What one side says of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    sent: Flow,
    received: Flow,
}

/// One direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flow {
    packets: u64,
    /// From the L2TP header on.
    bytes: u64,
    errors: u64,
}

/// Packets and bytes that one side has sent and the other has not counted: Adit's, and the kernel's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Missing([[i64; 2]; 2]);

impl Missing {
    fn between(adit: Counts, kernel: Counts) -> Missing {
        let ways = [(adit.sent, kernel.received), (kernel.sent, adit.received)];
        Missing(ways.map(|(sent, received)| {
            let less = |sent: u64, received: u64| sent as i64 - received as i64;
            [
                less(sent.packets, received.packets),
                less(sent.bytes, received.bytes),
            ]
        }))
    }
}

/// What has come to a side of a call that had no session yet, on a call whose ends are silent.
pub(crate) fn early(rig: &mut Rig) -> Result<Missing, Box<dyn Error>> {
    let mut last = None;
    insist(|| {
        let (adit, (kernel, _)) = (adit(rig)?, kernel(rig)?);
        let now = (adit, kernel);
        match last.replace(now) == Some(now) {
            true => Ok(Missing::between(adit, kernel)),
            false => Err(format!("packets pass still: {now:?}").into()),
        }
    })
}

/// What each side has sent the other has received, but for what was `early`, to the byte and without
/// an error, and the kernel's sequence numbers are the number of packets if they are `numbered`.
pub(crate) fn agree(rig: &mut Rig, numbered: bool, early: Missing) -> Test {
    // Packets may be on the way still, so that the two are first read at different times.
    let (adit, kernel, numbers) = insist(|| {
        let (adit, (kernel, numbers)) = (adit(rig)?, kernel(rig)?);
        if Missing::between(adit, kernel) != early {
            return Err(format!("Adit has {adit:?}, the kernel {kernel:?}, {early:?}").into());
        }
        Ok((adit, kernel, numbers))
    })?;
    assert!(
        adit.sent.packets > 100 && adit.received.packets > 100,
        "{adit:?}"
    );
    for side in [adit, kernel] {
        assert_eq!((side.sent.errors, side.received.errors), (0, 0), "{side:?}");
    }
    let expected = match numbered {
        true => [adit.sent.packets, adit.received.packets],
        false => [0, 0],
    };
    assert_eq!(
        numbers, expected,
        "the kernel's next to receive and next to send"
    );
    Ok(())
}

/// After so many kills of Adit the kernel expects what Adit sends next, and for each kill it has
/// dropped no more than it takes to believe in a jump.
pub(crate) fn resumed(rig: &mut Rig, kills: u64) -> Test {
    insist(|| {
        let (adit, (kernel, [expected, _])) = (adit(rig)?, kernel(rig)?);
        let first = kills * LEAP;
        let next = first + adit.sent.packets;
        if (expected, kernel.received.errors) != (next, kills * RESYNC) {
            return Err(format!("{adit:?} from {first}, the kernel {expected} {kernel:?}").into());
        }
        Ok(())
    })
}

/// Both sides have sent, and either has dropped what the other one sent, for its cookie.
pub(crate) fn all_dropped(rig: &mut Rig) -> Test {
    insist(|| {
        let (adit, (kernel, _)) = (adit(rig)?, kernel(rig)?);
        let stats = stats(rig)?;
        for (sent, received) in [(adit.sent, kernel.received), (kernel.sent, adit.received)] {
            if sent.packets == 0 || (received.packets, received.errors) != (0, sent.packets) {
                return Err(format!("{sent:?} became {received:?}").into());
            }
        }
        let discarded = stats.get("rx_cookie_discards").and_then(Value::as_u64);
        if discarded != Some(kernel.sent.packets) {
            return Err(format!("cookie discards: {stats}, the kernel has {kernel:?}").into());
        }
        Ok(())
    })
}

/// Adit's counters of the one session that there is.
fn adit(rig: &Rig) -> Result<Counts, Box<dyn Error>> {
    let stats = stats(rig)?;
    let counter = |name: &str| {
        let value = stats.get(name).and_then(Value::as_u64);
        value.ok_or_else(|| format!("no {name} in {stats}"))
    };
    let flow = |direction: &str| {
        Ok::<_, Box<dyn Error>>(Flow {
            packets: counter(&format!("{direction}_packets"))?,
            bytes: counter(&format!("{direction}_bytes"))?,
            errors: counter(&format!("{direction}_errors"))?,
        })
    };
    Ok(Counts {
        sent: flow("tx")?,
        received: flow("rx")?,
    })
}

fn stats(rig: &Rig) -> Result<Value, Box<dyn Error>> {
    match rig.host.list("session").as_mut_slice() {
        [session] => Ok(session["stats"].take()),
        sessions => Err(format!("not one session: {sessions:?}").into()),
    }
}

/// The kernel's counters of the one session that there is, and its sequence numbers: the next
/// expected and the next to send.
fn kernel(rig: &mut Rig) -> Result<(Counts, [u64; 2]), Box<dyn Error>> {
    let dump = rig.guest("cat /sys/kernel/debug/l2tp/tunnels")?;
    // Behind the legend, and but for session 0, which is a management socket's, there is one.
    let mut sessions = dump.split("  SESSION ");
    let session = sessions.find(|text| text.starts_with(|digit| matches!(digit, '1'..='9')));
    // The line `   <nr>/<ns> tx <packets>/<bytes>/<errors> rx <packets>/<bytes>/<errors>`.
    let line = session
        .unwrap_or_default()
        .lines()
        .find(|line| line.contains(" tx ") && line.contains(" rx "));
    let words: Vec<_> = line.unwrap_or_default().split_whitespace().collect();
    let [numbers, "tx", sent, "rx", received] = words.as_slice() else {
        return Err(format!("no counters in {dump}").into());
    };
    let [nr, ns] = numbers_of(numbers)?;
    let counts = Counts {
        sent: flow(sent)?,
        received: flow(received)?,
    };
    Ok((counts, [nr, ns]))
}

fn flow(text: &str) -> Result<Flow, Box<dyn Error>> {
    let [packets, bytes, errors] = numbers_of(text)?;
    Ok(Flow {
        packets,
        bytes,
        errors,
    })
}

fn numbers_of<const COUNT: usize>(text: &str) -> Result<[u64; COUNT], Box<dyn Error>> {
    let numbers: Vec<u64> = text.split('/').map(str::parse).collect::<Result<_, _>>()?;
    <[u64; COUNT]>::try_from(numbers).map_err(|_| format!("not {COUNT} numbers: {text}").into())
}
