use super::*;
use proptest::prelude::*;

const EVERY: Duration = Duration::from_secs(30);

/// A path that carries `truth` octets, whose routers say `most`.
struct World {
    now: Instant,
    search: Search,
    probes: u32,
}

impl World {
    fn new(v4: bool) -> World {
        let now = Instant::now();
        World {
            now,
            search: Search::new(v4, now),
            probes: 0,
        }
    }

    /// Lets time pass until something is found out.
    fn run(&mut self, truth: u32, most: u32, limit: u32) -> Finding {
        for _ in 0..limit {
            self.now = self.now.max(self.search.due());
            let (probe, finding) = self.search.step(self.now, most, EVERY);
            if finding != Finding::Nothing {
                return finding;
            }
            self.probes += u32::from(probe.is_some());
            let Some(size) = probe.filter(|size| *size <= truth) else {
                continue;
            };
            let finding = self.search.answered(size, self.now, most, EVERY);
            if finding != Finding::Nothing {
                return finding;
            }
        }
        Finding::Nothing
    }
}

proptest! {
    #[test]
    fn the_size_is_found_and_never_too_large(truth in 1200u32..10_000, most in 1200u32..10_000) {
        let mut world = World::new(true);
        let Finding::Size(found) = world.run(truth, most, 200) else {
            panic!("nothing found");
        };
        prop_assert!(found <= truth.min(most));
        prop_assert!(truth.min(most) - found <= GRAIN, "{} of {}", found, truth.min(most));
        prop_assert!(world.probes <= 60, "{} probes", world.probes);
    }

    #[test]
    fn nothing_panics(
        steps in proptest::collection::vec((0u8..4, 0u32..70_000, 0u64..40_000), 0..200),
    ) {
        let mut search = Search::new(false, Instant::now());
        let mut now = Instant::now();
        for (kind, size, millis) in steps {
            now += Duration::from_millis(millis);
            match kind {
                0 => drop(search.step(now, size, EVERY)),
                1 => drop(search.answered(size, now, size, EVERY)),
                2 => drop(search.answered(search.size, now, search.size, EVERY)),
                _ => search.told(size, now),
            }
            prop_assert!(search.low < search.high);
        }
    }
}

#[test]
fn a_usual_path_takes_two_probes() {
    let mut world = World::new(true);
    assert_eq!(world.run(1500, 1500, 10), Finding::Size(1500));
    assert_eq!(world.probes, 2);
}

#[test]
fn a_black_hole_is_noticed_by_the_next_confirmation() {
    let mut world = World::new(true);
    assert_eq!(world.run(1500, 1500, 10), Finding::Size(1500));
    let Finding::Size(found) = world.run(1400, 1500, 200) else {
        panic!("not noticed");
    };
    assert!((1392..=1400).contains(&found), "{found}");
}

#[test]
fn a_path_that_widens_is_noticed_too() {
    let mut world = World::new(true);
    let found = world.run(1400, 1500, 200);
    assert!(matches!(found, Finding::Size(1392..=1400)), "{found:?}");
    assert_eq!(world.run(1500, 1500, 200), Finding::Size(1500));
}

#[test]
fn silence_is_no_finding() {
    let mut world = World::new(false);
    assert_eq!(world.run(0, 1500, 10), Finding::Silence);
    assert_eq!(world.run(0, 1500, 10), Finding::Silence);
    assert_eq!(world.run(1500, 1500, 10), Finding::Size(1500));
}

#[test]
fn what_a_router_says_shortens_the_search() {
    let mut world = World::new(true);
    let (probe, _) = world.search.step(world.now, 1500, EVERY);
    world
        .search
        .answered(probe.unwrap(), world.now, 1500, EVERY);
    assert_eq!(world.search.step(world.now, 1500, EVERY).0, Some(1500));
    world.search.told(1400, world.now);
    assert_eq!(world.search.step(world.now, 1500, EVERY).0, Some(1400));
    let found = world.search.answered(1400, world.now, 1500, EVERY);
    assert_eq!(found, Finding::Size(1400));
}
