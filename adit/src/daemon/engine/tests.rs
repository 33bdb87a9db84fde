use super::*;
use crate::daemon::fake::Fake;
use crate::daemon::samples::{directory, inventory, ip, key, session, udp};
use crate::daemon::store::tests::Disk;
use adit_datapath::spec::DebugMask;
use std::path::Path;
use std::time::{Duration, Instant};

mod numbers;
mod reload;
mod sequences;

pub(super) fn engine(fake: &Fake) -> Engine {
    Engine::new(fake.boxed(), Store::none())
}

fn stored(fake: &Fake, path: &Path, now: Instant) -> Engine {
    let mut engine = Engine::new(fake.boxed(), Store::open(path, "here").unwrap());
    engine.restore(now).unwrap();
    engine
}

/// What a request brought about, for comparisons.
fn add(engine: &mut Engine, tunnel: TunnelSpec, sessions: &[SessionSpec]) {
    engine.change(&Change::AddTunnel(tunnel)).unwrap();
    for session in sessions {
        engine.change(&Change::AddSession(session.clone())).unwrap();
    }
}

#[test]
fn a_refused_change_leaves_everything_as_it_was() {
    let fake = Fake::default();
    let mut engine = engine(&fake);
    fake.world().make(Some("taken")).unwrap();
    add(&mut engine, udp(1), &[session(1, 5)]);
    let before = engine.desired().clone();
    let mut named = session(1, 6);
    named.ifname = Some("taken".to_owned());
    let refused = engine.change(&Change::AddSession(named)).unwrap_err();
    assert_eq!((refused.errno, refused.field), (Errno::EEXIST, "name"));
    fake.world().no_address = Some(Errno::EADDRNOTAVAIL);
    let refused = engine.change(&Change::AddTunnel(udp(2))).unwrap_err();
    assert_eq!(
        (refused.errno, refused.field),
        (Errno::EADDRNOTAVAIL, "local")
    );
    assert_eq!(engine.desired(), &before);
    assert_eq!(fake.world().there, before);
    assert_eq!(engine.deadline(), None);
}

#[test]
fn a_change_that_cannot_be_kept_is_taken_back() {
    let fake = Fake::default();
    let (disk, store) = Disk::store();
    let mut engine = Engine::new(fake.boxed(), store);
    add(&mut engine, udp(1), &[session(1, 5)]);
    let before = engine.desired().clone();
    disk.fill();
    let louder = TunnelRetuning {
        debug: Some(DebugMask(8)),
        ..TunnelRetuning::default()
    };
    let tuning = Retuning {
        send_seq: Some(true),
        ..Retuning::default()
    };
    for change in [
        Change::AddTunnel(udp(2)),
        Change::TuneTunnel(udp(1).id, louder),
        Change::RemoveTunnel(udp(1).id),
        Change::AddSession(session(1, 6)),
        Change::TuneSession(key(1, 5), tuning),
        Change::RemoveSession(key(1, 5)),
    ] {
        let refused = engine.change(&change).unwrap_err();
        assert_eq!(refused.field, "state");
        assert_eq!(engine.desired(), &before, "{change:?}");
        assert_eq!(fake.world().there, before, "{change:?}");
    }
}

#[test]
fn a_killed_daemon_is_succeeded_on_the_same_devices() {
    let dir = directory();
    let path = dir.path().join("state");
    let (fake, now) = (Fake::default(), Instant::now());
    let mut first = stored(&fake, &path, now);
    add(&mut first, udp(1), &[session(1, 5), session(1, 6)]);
    add(&mut first, ip(2), &[session(2, 7)]);
    first.change(&Change::RemoveSession(key(1, 5))).unwrap();
    let state = first.desired().clone();
    let devices = fake.world().devices.clone();
    drop(first);
    fake.kill();
    let second = stored(&fake, &path, now);
    assert_eq!(second.desired(), &state);
    assert_eq!(fake.world().there, state);
    assert_eq!(fake.world().devices, devices);
}

#[test]
fn devices_of_sessions_that_never_came_back_go_with_their_tunnel() {
    let dir = directory();
    let path = dir.path().join("state");
    let (fake, now) = (Fake::default(), Instant::now());
    add(
        &mut stored(&fake, &path, now),
        udp(1),
        &[session(1, 5), session(1, 6)],
    );
    fake.kill();
    fake.world().no_address = Some(Errno::EADDRNOTAVAIL);
    let mut second = stored(&fake, &path, now);
    assert_eq!(fake.world().devices.len(), 2);
    second.change(&Change::RemoveSession(key(1, 5))).unwrap();
    assert_eq!(fake.world().devices.len(), 1);
    second.change(&Change::RemoveTunnel(udp(1).id)).unwrap();
    assert_eq!(fake.world().devices.len(), 0);
}

#[test]
fn a_device_deleted_while_no_daemon_ran_is_made_anew() {
    let dir = directory();
    let path = dir.path().join("state");
    let (fake, now) = (Fake::default(), Instant::now());
    add(&mut stored(&fake, &path, now), udp(1), &[session(1, 5)]);
    fake.lose(key(1, 5));
    fake.kill();
    let second = stored(&fake, &path, now);
    assert_eq!(fake.world().devices.len(), 1);
    assert_eq!(second.problem(Object::Session(key(1, 5))), None);
}

#[test]
fn a_lost_device_comes_back_and_not_at_once() {
    let (fake, now) = (Fake::default(), Instant::now());
    let mut engine = engine(&fake);
    add(&mut engine, udp(1), &[session(1, 5)]);
    fake.lose(key(1, 5));
    engine.device_lost(key(1, 5), now);
    engine.retry(now);
    assert_eq!(fake.world().devices.len(), 0);
    assert!(engine.problem(Object::Session(key(1, 5))).is_some());
    engine.retry(engine.deadline().unwrap());
    assert_eq!(fake.world().devices.len(), 1);
    assert_eq!(engine.problem(Object::Session(key(1, 5))), None);
    assert_eq!(engine.deadline(), None);
    engine.device_lost(key(1, 9), now);
    assert_eq!(engine.deadline(), None);
}

#[test]
fn intervals_grow_to_half_a_minute() {
    let (fake, start) = (Fake::default(), Instant::now());
    let mut engine = engine(&fake);
    fake.world().no_address = Some(Errno::ENETUNREACH);
    let file = inventory([udp(1)], [session(1, 5)]);
    engine.reload(&file, false, start);
    let mut now = start;
    let mut intervals = Vec::new();
    for _ in 0..8 {
        let due = engine.deadline().unwrap();
        intervals.push((due - now).as_secs());
        now = due;
        engine.retry(now);
    }
    assert_eq!(intervals, [1, 1, 2, 4, 8, 16, 30, 30]);
    engine.retry(now + Duration::from_secs(29));
    let problem = engine.problem(Object::Session(key(1, 5))).unwrap();
    assert!(problem.starts_with("tunnel 1: local: "), "{problem}");
    fake.world().no_address = None;
    engine.retry(engine.deadline().unwrap());
    assert_eq!(engine.deadline(), None);
    assert_eq!(fake.world().there, file);
}

#[test]
fn nobody_adds_sessions_by_hand_to_a_tunnel_that_waits() {
    let (fake, now) = (Fake::default(), Instant::now());
    let mut engine = engine(&fake);
    fake.world().no_address = Some(Errno::ENETUNREACH);
    engine.reload(&inventory([udp(1)], []), false, now);
    let refused = engine
        .change(&Change::AddSession(session(1, 5)))
        .unwrap_err();
    assert_eq!((refused.errno, refused.field), (Errno::ENODEV, "tunnel_id"));
    engine
        .change(&Change::TuneTunnel(udp(1).id, TunnelRetuning::default()))
        .unwrap();
    engine.change(&Change::RemoveTunnel(udp(1).id)).unwrap();
    assert_eq!(engine.deadline(), None);
}

#[test]
fn a_clean_end_leaves_nothing() {
    let dir = directory();
    let path = dir.path().join("state");
    let fake = Fake::default();
    let mut engine = stored(&fake, &path, Instant::now());
    add(&mut engine, udp(1), &[session(1, 5), session(1, 6)]);
    engine.shutdown().unwrap();
    assert_eq!(fake.world().there, Inventory::default());
    assert!(fake.world().devices.is_empty());
    assert!(!path.exists());
}

#[test]
fn a_tunnel_with_many_sessions_goes_in_one_change() {
    let fake = Fake::default();
    let mut engine = engine(&fake);
    let sessions: Vec<_> = (1..=1000).map(|id| session(1, id)).collect();
    add(&mut engine, udp(1), &sessions);
    fake.world().log.clear();
    engine.change(&Change::RemoveTunnel(udp(1).id)).unwrap();
    assert_eq!(fake.world().log, [Change::RemoveTunnel(udp(1).id)]);
    assert_eq!(engine.desired(), &Inventory::default());
}
