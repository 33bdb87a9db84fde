//! A pseudowire in use for a while, over a link that loses packets, while offloads come and go.

use crate::differential::{Sites, Switches, by_source, mixed};
use adit_e2e::superframe::expand;
use adit_e2e::traffic::Random;
use adit_e2e::{Disturbance, Encap, Family, Test, apart, test};
use libtest_mimic::Trial;
use std::collections::BTreeMap;
use std::env;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long it takes, unless ADIT_SOAK_SECONDS says otherwise. ADIT_SOAK_SEED repeats what a
/// failure has told the seed of.
const SECONDS: u64 = 30;
/// Frames on their way at a time, which the relay's socket has to hold.
const WINDOW: usize = 60;
/// UDP's version word, session id and sublayer.
const HEADER: usize = 12;

pub(crate) fn tests() -> Vec<Trial> {
    vec![test("soak::nothing_else_is_lost", nothing_else_is_lost)]
}

/// Frames that the link has lost.
type Lost = Arc<Mutex<Vec<Vec<u8>>>>;

/// Loses one packet in 50, and keeps what was in it.
fn loss(seed: u64, lost: Lost) -> Disturbance {
    let mut random = Random::new(seed);
    Box::new(move |_, packet| {
        if !random.one_in(50) {
            return vec![packet];
        }
        let mut lost = lost.lock().expect("nobody panics with it");
        lost.push(packet[HEADER..].to_vec());
        Vec::new()
    })
}

/// What the link loses is missing at the other end, and nothing else is.
fn nothing_else_is_lost() -> Test {
    let seconds = env::var("ADIT_SOAK_SECONDS").ok();
    let seconds = seconds.map_or(Ok(SECONDS), |text| text.parse())?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let seed = match env::var("ADIT_SOAK_SEED") {
        Ok(text) => text.parse()?,
        Err(_) => u64::from(SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos()),
    };
    let mut random = Random::new(seed);
    let lost = Lost::default();
    let (pair, _relay) = apart(Family::V4, loss(seed + 1, lost.clone()));
    let mut sites = Sites::of(pair, Encap::Udp, Family::V4, "")?;
    let (mut carried, mut missing) = (0, 0);
    while Instant::now() < end {
        let switches = Switches {
            near: random.one_in(2),
            link: random.one_in(2),
            far: random.one_in(2),
        };
        sites.switch(switches)?;
        let together = random.one_in(2);
        let what = format!("seed {seed} after {carried}: {switches:?} together {together}");
        let frames = mixed(&mut random, together, 20);
        let (sent, gone) = round(&mut sites, &frames, &lost, &what)?;
        (carried, missing) = (carried + sent, missing + gone);
    }
    println!("{carried} frames, of which the link has lost {missing}");
    assert!(
        carried > 1000 && missing > 0,
        "{carried} frames, {missing} lost"
    );
    Ok(())
}

/// Sees that of what was sent nothing is missing but the losses, and that the frames of one source
/// are in their order.
#[track_caller]
fn compare(sent: Vec<Vec<u8>>, arrived: Vec<Vec<u8>>, losses: Vec<Vec<u8>>, what: &str) {
    let [sent, arrived, losses] = [sent, arrived, losses].map(by_source);
    for (source, sent) in &sent {
        let of = |frames: &BTreeMap<u8, Vec<Vec<u8>>>| frames.get(source).cloned();
        let (arrived, losses) = (
            of(&arrived).unwrap_or_default(),
            of(&losses).unwrap_or_default(),
        );
        let mut rest = sent.iter();
        let in_order = arrived.iter().all(|frame| rest.any(|sent| sent == frame));
        assert!(
            in_order,
            "{what}: source {source}: out of order, or nobody's"
        );
        let (mut sent, mut found) = (sent.clone(), [arrived, losses].concat());
        sent.sort_unstable();
        found.sort_unstable();
        let missing = sent.iter().find(|frame| !found.contains(frame));
        let missing = missing.map_or(&[][..], |frame| &frame[..frame.len().min(80)]);
        let counts = (sent.len(), found.len());
        assert!(
            sent == found,
            "{what}: source {source}: {counts:?} sent and found, missing {missing:02x?}"
        );
    }
    let known = |source| sent.contains_key(source);
    assert!(arrived.keys().all(known), "{what}");
}

/// Sends frames and sees that those come out which the link has not lost. Gives how many there
/// were, and how many it has lost.
fn round(
    sites: &mut Sites,
    frames: &[Vec<u8>],
    lost: &Lost,
    what: &str,
) -> Result<(usize, usize), Box<dyn std::error::Error>> {
    let mut frames = frames.iter().peekable();
    let (mut all, mut gone) = (0, 0);
    while frames.peek().is_some() {
        let mut expected = Vec::new();
        while let Some(next) = frames.peek()
            && (expected.is_empty() || expected.len() + expand(next).len() <= WINDOW)
        {
            expected.extend(expand(next));
            sites.near.send(next)?;
            frames.next();
        }
        all += expected.len();
        let mut arrived = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(30);
        let losses = loop {
            let losses = lost.lock().expect("nobody panics with it").len();
            let left = expected.len().saturating_sub(losses + arrived.len());
            if left == 0 || Instant::now() > deadline {
                break std::mem::take(&mut *lost.lock().expect("nobody panics with it"));
            }
            arrived.extend(sites.arrivals_within(Duration::from_millis(50), left)?);
        };
        gone += losses.len();
        if Instant::now() > deadline {
            let [a, b] = [sites.pair.a.session(1000), sites.pair.b.session(2000)];
            eprintln!("counters: {a} {b} {}", sites.pair.b.list("tunnel")[0]);
        }
        compare(expected, arrived, losses, what);
    }
    Ok((all, gone))
}
