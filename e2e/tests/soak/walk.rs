//! One pseudowire, and what it goes through.

use super::stream::STREAM;
use super::way::{Link, Way};
use crate::differential::Sites;
use crate::fast_path::{await_shown, passed, shown};
use adit_e2e::traffic::Random;
use adit_e2e::{Family, Host, Pair, Side, Test, Wire, eventually};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::fs;
use std::thread;
use std::time::Duration;

/// A pause in which programs begin.
const BEGUN: Duration = Duration::from_millis(100);
/// So many octets a daemon may grow by, whatever happens.
const GROWTH: u64 = 8 << 20;

pub(super) struct Walk<'a> {
    pub(super) way: &'a Way,
    pub(super) link: Link,
    pub(super) seed: u64,
    pub(super) random: Random,
    pub(super) sites: Sites,
    pub(super) wire: Option<Wire>,
    pub(super) steps: usize,
    /// All drops so far.
    pub(super) drops: u64,
    pub(super) figures: Figures,
    /// What the daemons occupied after the first steps.
    memory: Option<[u64; 2]>,
}

/// What it has come to.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) frames: usize,
    pub(super) lost: usize,
    pub(super) drops: u64,
    /// Missing where that may be.
    pub(super) uncounted: usize,
    pub(super) streams: usize,
    pub(super) octets: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} frames, of which the link has lost {}, {} were dropped with a reason and {} went with \
             devices; {} streams of {} octets",
            self.frames, self.lost, self.drops, self.uncounted, self.streams, self.octets
        )
    }
}

impl<'a> Walk<'a> {
    pub(super) fn start(way: &'a Way, link: Link, seed: u64) -> Result<Walk<'a>, Box<dyn Error>> {
        let (mut pair, wire) = match link {
            Link::Wire => {
                let (pair, wire) = Wire::new(&way.setup, way.weather(), seed + 1)?;
                (pair, Some(wire))
            }
            Link::Cable => (Pair::idle(), None),
        };
        pair.a.start(&way.command_line(Side::A));
        pair.b.start(&way.command_line(Side::B));
        let sites = Sites::join(pair, &way.setup)?;
        for (host, side) in [(&sites.pair.a, Side::A), (&sites.pair.b, Side::B)] {
            host.set_variable("ipv6/conf/br/disable_ipv6", 0)?;
            for family in [Family::V4, Family::V6] {
                let address = format!("{}/{}", side.inner(family), family.prefix_len());
                host.add_address("br", &address)?;
            }
        }
        let walk = Walk {
            way,
            link,
            seed,
            random: Random::new(seed),
            sites,
            wire,
            steps: 0,
            drops: 0,
            figures: Figures::default(),
            memory: None,
        };
        walk.await_fast("active");
        thread::sleep(BEGUN);
        Ok(walk)
    }

    pub(super) fn step(&mut self) -> Test {
        self.steps += 1;
        match self.random.below(6) {
            0 => self.stream(STREAM)?,
            _ => self.frames()?,
        }
        if self.steps == 20 {
            self.memory = Some(self.occupied()?);
        }
        Ok(())
    }

    /// The figures, once it is seen that the daemons have not grown, and that programs were used where
    /// they are there.
    pub(super) fn end(self) -> Result<String, Box<dyn Error>> {
        let now = self.occupied()?;
        let before = self.memory.unwrap_or(now);
        let kib = |octets: [u64; 2]| octets.map(|octets| octets >> 10);
        let memory = format!("{:?} KiB became {:?}", kib(before), kib(now));
        let grown = now
            .iter()
            .zip(before)
            .any(|(now, before)| *now > before + GROWTH);
        assert!(!grown, "{}: {memory}", self.way.name);
        for side in self.way.fast {
            let passed = passed(self.host(*side));
            let used = match side {
                Side::A => passed[0],
                Side::B => passed[1],
            };
            let enough = used > 0 || self.figures.frames < 1000;
            assert!(enough, "{}: {side:?} {passed:?}", self.way.name);
        }
        Ok(format!("{}; {:?}; {memory}", self.figures, self.reasons()))
    }

    /// Waits until a device that was down is in use again, as it was before.
    pub(super) fn await_again(&self) {
        for side in self.way.fast {
            eventually("the device is seen to be up", || {
                !shown(self.host(*side)).starts_with("no, the device is down")
            });
        }
        if !self.way.fast.is_empty() {
            thread::sleep(BEGUN);
        }
    }

    #[track_caller]
    pub(super) fn await_fast(&self, what: &str) {
        for side in self.way.fast {
            await_shown(self.host(*side), what);
        }
    }

    pub(super) fn host(&self, side: Side) -> &Host {
        match side {
            Side::A => &self.sites.pair.a,
            Side::B => &self.sites.pair.b,
        }
    }

    /// How many packets were dropped since this was asked last.
    pub(super) fn more_drops(&mut self) -> u64 {
        let all = self.reasons().values().sum();
        all - std::mem::replace(&mut self.drops, all)
    }

    /// What both ends have dropped, by reason.
    pub(super) fn reasons(&self) -> BTreeMap<String, u64> {
        let mut out = BTreeMap::new();
        for side in [Side::A, Side::B] {
            for tunnel in self.host(side).list("tunnel") {
                let drops = tunnel["drops"].as_object().into_iter().flatten();
                for (reason, count) in drops {
                    *out.entry(reason.clone()).or_insert(0) += count.as_u64().unwrap_or(0);
                }
            }
        }
        out
    }

    /// Octets that the daemons occupy.
    fn occupied(&self) -> Result<[u64; 2], Box<dyn Error>> {
        let of = |side| -> Result<u64, Box<dyn Error>> {
            let text = fs::read_to_string(self.host(side).proc("status"))?;
            let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kib: u64 = line
                .and_then(|line| line.split_whitespace().next())
                .ok_or("VmRSS")?
                .parse()?;
            Ok(kib << 10)
        };
        Ok([of(Side::A)?, of(Side::B)?])
    }
}
