//! Sequence numbers of sessions over the end of the process.

use super::*;
use adit_wire::l2tp::{Sequence, Sublayer};

const LEAP: u32 = 1 << 21;

/// An engine with one session, over the ends of its process.
struct Case {
    dir: tempfile::TempDir,
    fake: Fake,
    engine: Option<Engine>,
}

impl Case {
    fn new(spec: SessionSpec) -> Case {
        let mut case = Case {
            dir: directory(),
            fake: Fake::default(),
            engine: None,
        };
        case.start();
        add(case.engine(), udp(1), &[spec]);
        case
    }

    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    fn start(&mut self) {
        let path = self.dir.path().join("state");
        self.engine = Some(stored(&self.fake, &path, Instant::now()));
    }

    fn restart(&mut self) {
        self.engine = None;
        self.fake.kill();
        self.start();
    }

    fn tune(&mut self, change: Retuning) {
        let change = Change::TuneSession(key(1, 5), change);
        self.engine().change(&change).unwrap();
    }

    /// The session sends so many packets and hears from its peer to go on so.
    fn play(&mut self, count: u32, send_seq: bool) {
        let mut world = self.fake.world();
        let numbers = world.numbers.get_mut(&key(1, 5)).unwrap();
        numbers.next_ns = numbers.next_ns.plus(count);
        let follows = std::mem::replace(&mut numbers.send_seq, send_seq) != send_seq;
        world.followed += u64::from(follows);
    }

    fn now(&self) -> (bool, u32) {
        let numbers = self.fake.world().numbers[&key(1, 5)];
        (numbers.send_seq, numbers.next_ns.0)
    }
}

fn numbering() -> SessionSpec {
    let mut spec = session(1, 5);
    spec.tuning.send_seq = true;
    spec
}

fn send_seq(on: bool) -> Retuning {
    Retuning {
        send_seq: Some(on),
        ..Retuning::default()
    }
}

#[test]
fn a_successor_is_ahead_of_all_that_was_sent_and_not_by_far() {
    let mut case = Case::new(numbering());
    let mut sent = 0;
    for count in [0, 7, 100_000, 262_143, 262_144, 1_000_000, 3, 16_000_000] {
        case.play(count, true);
        case.engine().save_numbers();
        // What is sent between the last look and the end.
        case.play(1_500_000, true);
        let before = case.now().1;
        case.restart();
        let ahead = Sequence(case.now().1).since(Sequence(before));
        assert!((1..=LEAP).contains(&ahead), "{ahead} after {count}");
        sent += count;
    }
    assert!(sent > Sequence::MAX);
}

/// However soon the next one ends.
#[test]
fn no_successor_repeats_another_ones_numbers() {
    let mut case = Case::new(numbering());
    for run in 1..=3 {
        case.restart();
        assert_eq!(case.now(), (true, run * LEAP));
    }
}

#[test]
fn nothing_is_written_for_a_few_packets_and_much_is_written_at_once() {
    let mut case = Case::new(numbering());
    add(case.engine(), udp(2), &[session(2, 6)]);
    let saved = |case: &mut Case| {
        case.engine().save_numbers();
        case.engine().numbers.clone()
    };
    assert!(saved(&mut case).is_empty());
    case.play((1 << 18) - 1, true);
    assert!(saved(&mut case).is_empty());
    case.play(1, true);
    let numbers = case.fake.world().numbers[&key(1, 5)];
    assert_eq!(saved(&mut case), BTreeMap::from([(key(1, 5), numbers)]));
}

#[test]
fn what_a_session_learnt_is_restored_and_not_taken_for_a_wish() {
    let mut case = Case::new(session(1, 5));
    let desired = case.engine().desired().clone();
    case.play(3, true);
    case.engine().save_numbers();
    case.restart();
    assert_eq!(case.now(), (true, 3 + LEAP));
    assert_eq!(case.engine().desired(), &desired);
    case.play(0, false);
    case.engine().save_numbers();
    case.restart();
    // Packets without numbers cannot have used any.
    assert_eq!(case.now(), (false, 3 + LEAP));
}

#[test]
fn a_tune_changes_what_it_names_and_nothing_else() {
    let mut case = Case::new(session(1, 5));
    case.play(3, true);
    case.tune(Retuning {
        debug: Some(DebugMask(8)),
        ..Retuning::default()
    });
    assert_eq!(case.now(), (true, 3));
    let mut file = session(1, 5);
    file.tuning.mtu = Some(1400);
    file.tuning.debug = DebugMask(8);
    let file = inventory([udp(1)], [file]);
    case.engine().reload(&file, false, Instant::now());
    case.tune(Retuning {
        mtu: Some(Some(1300)),
        ..Retuning::default()
    });
    case.engine().reload(&file, false, Instant::now());
    assert_eq!(case.now(), (true, 3));
    case.tune(send_seq(false));
    assert_eq!(case.now(), (false, 3));
}

/// The flag is kept with the request, not a second later.
#[test]
fn a_wish_outlives_what_was_learnt_before() {
    let mut case = Case::new(session(1, 5));
    case.play(3, true);
    case.engine().save_numbers();
    case.tune(send_seq(false));
    case.restart();
    assert_eq!(case.now(), (false, 3));
    case.fake.world().no_address = Some(Errno::ENETUNREACH);
    case.restart();
    case.tune(send_seq(true));
    case.fake.world().no_address = None;
    let due = case.engine().deadline().unwrap();
    case.engine().retry(due);
    assert_eq!(case.now(), (true, 3));
}

#[test]
fn a_lost_device_costs_no_numbers_and_a_new_session_starts_afresh() {
    let mut case = Case::new(numbering());
    case.play(1 << 20, true);
    case.engine().save_numbers();
    case.fake.lose(key(1, 5));
    case.engine().device_lost(key(1, 5), Instant::now());
    let due = case.engine().deadline().unwrap();
    case.engine().retry(due);
    assert_eq!(case.now(), (true, 1 << 20));
    let remove = Change::RemoveSession(key(1, 5));
    case.engine().change(&remove).unwrap();
    let again = Change::AddSession(numbering());
    case.engine().change(&again).unwrap();
    case.restart();
    assert_eq!(case.now(), (true, LEAP));
}

#[test]
fn a_session_without_numbers_never_leaves_its_peers_window() {
    let mut case = Case::new(session(1, 5));
    for _ in 0..9 {
        case.restart();
        assert_eq!(case.now(), (false, LEAP));
    }
    let mut bare = numbering();
    (bare.sublayer, bare.peer_sublayer) = (Sublayer::None, Sublayer::None);
    let mut case = Case::new(bare);
    case.restart();
    assert_eq!(case.now(), (true, 0));
}

#[test]
fn numbers_that_cannot_be_written_count_as_unwritten() {
    let fake = Fake::default();
    let (disk, store) = Disk::store();
    let mut engine = Engine::new(fake.boxed(), store);
    add(&mut engine, udp(1), &[numbering()]);
    let numbers = Sequencing {
        send_seq: true,
        next_ns: Sequence(1 << 19),
    };
    fake.world().numbers.insert(key(1, 5), numbers);
    disk.fill();
    engine.save_numbers();
    assert!(engine.numbers.is_empty() && engine.unsaved);
}
