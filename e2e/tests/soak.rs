//! Pseudowires in use for a while, set up in each way there is, while offloads, devices and the path
//! inside the kernel come and go below them, over a wire that loses packets and changes their order,
//! and over a cable that super-frames cross whole.

mod account;
mod event;
mod frames;
mod stream;
mod walk;
mod way;

use adit_e2e::traffic::Random;
use adit_e2e::{Test, test};
use libtest_mimic::Trial;
use std::env;
use std::ffi::OsStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use walk::Walk;
use way::{Link, Way};

/// How long a walk over some ways takes. With ADIT_SOAK_SECONDS each way is a test of its own, which
/// takes so long. ADIT_SOAK_SEED repeats what a failure has told the seed of, as far as the machine's
/// time does.
const SECONDS: u64 = 20;
/// How long a way takes on that walk, and what it makes at least.
const TURN: Duration = Duration::from_millis(700);

pub(crate) fn tests() -> Vec<Trial> {
    let mut tests = vec![test("soak::a_walk", a_walk)];
    if let Some(seconds) = env::var_os("ADIT_SOAK_SECONDS") {
        tests.extend(way::all().into_iter().map(|way| {
            let (name, seconds) = (format!("soak::each::{}", way.name), seconds.clone());
            test(name, move || one_way(&way, &seconds))
        }));
    }
    tests
}

/// What the link loses is missing at the other end, and nothing else is but what was counted with a
/// reason; what arrives is in the order in which it was sent, or in which the link let it pass; streams
/// arrive as they were sent; and the daemons do not grow. So it is in each way, by turns.
fn a_walk() -> Test {
    let seed = seed()?;
    let mut random = Random::new(seed);
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let ways = way::all();
    while Instant::now() < end {
        let way = &ways[random.below(ways.len())];
        let link = way.links[random.below(way.links.len())];
        walk(way, link, 1 + random.below(1 << 30) as u64, TURN)?;
    }
    Ok(())
}

/// The same for one way, all the time.
fn one_way(way: &Way, seconds: &OsStr) -> Test {
    let seconds: f64 = seconds.to_str().ok_or("ADIT_SOAK_SECONDS")?.parse()?;
    let seed = seed()?;
    for link in way.links {
        let time = Duration::from_secs_f64(seconds / way.links.len() as f64);
        walk(way, *link, seed, time)?;
    }
    Ok(())
}

fn seed() -> Result<u64, Box<dyn std::error::Error>> {
    Ok(match env::var("ADIT_SOAK_SEED") {
        Ok(text) => text.parse()?,
        Err(_) => u64::from(SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos()),
    })
}

fn walk(way: &Way, link: Link, seed: u64, time: Duration) -> Test {
    let mut walk = Walk::start(way, link, seed)?;
    let end = Instant::now() + time;
    while Instant::now() < end {
        walk.step()?;
    }
    println!("soak {} {link:?} seed {seed}: {}", way.name, walk.end()?);
    Ok(())
}
