//! The configuration file against the state, a case a test.

use super::*;

struct Case {
    fake: Fake,
    engine: Engine,
    now: Instant,
}

impl Case {
    /// A daemon that started with `file`.
    fn started(file: &Inventory) -> Case {
        let fake = Fake::default();
        let mut case = Case {
            engine: engine(&fake),
            fake,
            now: Instant::now(),
        };
        assert_eq!(case.reload(file).1, None);
        case.fake.world().log.clear();
        case
    }

    /// Reloads after a dry run; the lines, which both tell alike, and the failures.
    fn reload(&mut self, file: &Inventory) -> (Vec<String>, Option<String>) {
        let before = (self.engine.desired().clone(), self.fake.world().log.len());
        let dry = self.engine.reload(file, true, self.now);
        let after = (self.engine.desired().clone(), self.fake.world().log.len());
        assert_eq!(before, after, "a dry run changes nothing");
        let report = self.engine.reload(file, false, self.now);
        let texts = |report: &Report| -> Vec<String> {
            report.lines.iter().map(|line| line.text.clone()).collect()
        };
        if self.fake.world().no_address.is_none() {
            assert_eq!(texts(&dry), texts(&report));
        }
        (texts(&report), failures(&report))
    }

    fn log(&self) -> Vec<Change> {
        self.fake.world().log.clone()
    }
}

/// The lines that tell of failures, joined; nothing when there are none.
fn failures(report: &Report) -> Option<String> {
    let failed = report.lines.iter().filter(|line| line.failed);
    let texts: Vec<&str> = failed.map(|line| line.text.as_str()).collect();
    assert_eq!(report.refusal().is_some(), !texts.is_empty());
    (!texts.is_empty()).then(|| texts.join("; "))
}

#[test]
fn the_same_file_changes_nothing() {
    let file = inventory([udp(1), ip(2)], [session(1, 5), session(2, 6)]);
    let mut case = Case::started(&file);
    assert_eq!(case.reload(&file), (vec![], None));
    assert_eq!(case.log(), []);
}

#[test]
fn only_the_difference_is_applied() {
    let mut case = Case::started(&inventory([udp(1), udp(2)], [session(1, 5), session(2, 6)]));
    let mut tuned = session(1, 5);
    tuned.tuning.mtu = Some(1400);
    let file = inventory([udp(1), udp(3)], [tuned.clone(), session(1, 7)]);
    let (lines, failures) = case.reload(&file);
    assert_eq!(failures, None);
    assert_eq!(
        lines,
        [
            "remove tunnel 2 and its session",
            "add tunnel 3",
            "change session 5 in tunnel 1 (mtu)",
            "add session 7 in tunnel 1",
        ]
    );
    assert_eq!(
        case.log(),
        [
            Change::RemoveTunnel(udp(2).id),
            Change::AddTunnel(udp(3)),
            Change::TuneSession(
                key(1, 5),
                Retuning::between(&session(1, 5).tuning, &tuned.tuning)
            ),
            Change::AddSession(session(1, 7)),
        ]
    );
    assert_eq!(case.engine.desired(), &file);
}

#[test]
fn what_cannot_change_in_place_is_replaced() {
    let mut case = Case::started(&inventory([udp(1)], [session(1, 5), session(1, 6)]));
    let mut cookie = session(1, 5);
    cookie.cookie = "01020304".parse().unwrap();
    let file = inventory([udp(1)], [cookie, session(1, 6)]);
    let (lines, _) = case.reload(&file);
    assert_eq!(lines, ["replace session 5 in tunnel 1 (cookie changes)"]);
    let elsewhere = TunnelSpec {
        encap: udp(7).encap,
        ..udp(1)
    };
    let file = Inventory {
        tunnels: inventory([elsewhere], []).tunnels,
        ..file
    };
    let (lines, _) = case.reload(&file);
    assert_eq!(
        lines,
        ["replace tunnel 1 (port changes; its 2 sessions are interrupted)"]
    );
    assert_eq!(case.engine.desired(), &file);
    assert_eq!(case.fake.world().there, file);
}

#[test]
fn what_was_made_by_hand_is_untouched() {
    let mut case = Case::started(&inventory([udp(1)], [session(1, 5)]));
    add(&mut case.engine, udp(2), &[session(2, 6)]);
    case.engine
        .change(&Change::AddSession(session(1, 7)))
        .unwrap();
    let moved = TunnelSpec {
        peer_id: TunnelId(77),
        ..udp(1)
    };
    let (lines, failures) = case.reload(&inventory([moved], []));
    assert_eq!(failures, None);
    assert_eq!(
        lines,
        ["replace tunnel 1 (peer tunnel id changes; its 2 sessions are interrupted)"]
    );
    let left = inventory([moved, udp(2)], [session(2, 6), session(1, 7)]);
    assert_eq!(case.engine.desired(), &left);
    let (_, failures) = case.reload(&Inventory::default());
    let text =
        "tunnel 1: refused: session 7 in it was made by hand; delete it or put both into the file";
    assert_eq!(failures.as_deref(), Some(text));
    assert_eq!(case.engine.desired(), &left);
}

#[test]
fn an_identical_object_made_by_hand_becomes_the_files() {
    let mut case = Case::started(&Inventory::default());
    add(&mut case.engine, udp(1), &[session(1, 5)]);
    case.fake.world().log.clear();
    let file = inventory([udp(1)], [session(1, 5)]);
    let (lines, failures) = case.reload(&file);
    assert_eq!(failures, None);
    assert_eq!(
        lines,
        [
            "take over tunnel 1, made by hand",
            "take over session 5 in tunnel 1, made by hand",
        ]
    );
    assert!(
        case.engine
            .configured()
            .contains(&Object::Tunnel(udp(1).id))
    );
    assert_eq!(case.reload(&file), (vec![], None));
    assert_eq!(
        case.reload(&Inventory::default()).0,
        ["remove tunnel 1 and its session"]
    );
}

#[test]
fn a_differing_object_made_by_hand_is_refused_and_the_rest_goes_on() {
    let mut case = Case::started(&Inventory::default());
    add(&mut case.engine, udp(1), &[session(1, 5)]);
    let other = TunnelSpec {
        encap: ip(1).encap,
        ..udp(1)
    };
    let (lines, failures) = case.reload(&inventory([other, udp(2)], [session(1, 9)]));
    let difference = "encapsulation, local address, peer address";
    assert_eq!(
        lines,
        [
            format!(
                "tunnel 1: refused: one made by hand differs ({difference}); \
                 delete it or change the file"
            ),
            "session 9 in tunnel 1: refused: its tunnel is refused".to_owned(),
            "add tunnel 2".to_owned(),
        ]
    );
    assert!(failures.is_some());
    assert_eq!(
        case.engine.desired(),
        &inventory([udp(1), udp(2)], [session(1, 5)])
    );
}

#[test]
fn what_fails_is_told_waits_and_stops_nothing() {
    let mut case = Case::started(&Inventory::default());
    case.fake.world().no_address = Some(Errno::EADDRNOTAVAIL);
    let file = inventory([udp(1)], [session(1, 5)]);
    let (lines, failures) = case.reload(&file);
    let failed = "add tunnel 1: failed: local: no such address";
    assert_eq!(lines, [failed, "add session 5 in tunnel 1"]);
    assert_eq!(failures.as_deref(), Some(failed));
    assert_eq!(case.engine.desired(), &file);
    case.fake.world().no_address = None;
    case.engine.retry(case.engine.deadline().unwrap());
    assert_eq!(case.fake.world().there, file);
}

#[test]
fn a_session_whose_name_is_taken_waits_for_it() {
    let mut case = Case::started(&inventory([udp(1)], []));
    let index = case.fake.world().make(Some("mine")).unwrap();
    let mut named = session(1, 5);
    named.ifname = Some("mine".to_owned());
    let file = inventory([udp(1)], [named]);
    let report = case.engine.reload(&file, false, case.now);
    assert!(failures(&report).unwrap().contains("name: "));
    case.fake.world().devices.remove(&index);
    case.engine.retry(case.engine.deadline().unwrap());
    assert_eq!(case.fake.world().there, file);
}

#[test]
fn a_free_port_of_the_files_is_any_port() {
    let free = |port| {
        let mut spec = udp(1);
        if let Encap::Udp { local, .. } = &mut spec.encap {
            local.set_port(port);
        }
        spec
    };
    let state = inventory([free(40000)], []);
    let configured = BTreeSet::from([Object::Tunnel(udp(1).id)]);
    assert_eq!(
        plan(&inventory([free(0)], []), &state, &configured),
        Plan::default()
    );
}
