use super::*;
use crate::config::Config;
use crate::daemon::engine::Object;
use crate::daemon::fake::Fake;
use crate::daemon::store::Store;
use adit_datapath::spec::{Change, PeerSource, Pseudowire, SessionSpec};
use adit_wire::l2tp::SessionId;
use adit_wire::netlink::Errno;
use std::net::IpAddr;
use std::path::Path as FilePath;
use std::sync::Arc;

/// A host without a network: what it sends is carried by the test.
pub(super) struct End {
    pub(super) plane: Plane,
    pub(super) engine: Engine,
    pub(super) fake: Fake,
    address: IpAddr,
}

const ONE: &str = "192.0.2.1";
const TWO: &str = "192.0.2.2";

fn policy(text: &str) -> Policy {
    Config::from_text(FilePath::new("f"), text).unwrap().policy
}

impl End {
    fn new(address: &str, seed: u8, text: &str) -> End {
        let fake = Fake::default();
        let mut engine = Engine::new(fake.boxed(), Store::none());
        let mut plane = Plane::new([seed; 32], format!("host{seed}"), Arc::new(|_, _| true));
        plane.reload(&policy(text), false, &mut engine);
        End {
            plane,
            engine,
            fake,
            address: address.parse().unwrap(),
        }
    }

    fn reload(&mut self, text: &str) -> Vec<String> {
        let lines = self.plane.reload(&policy(text), false, &mut self.engine);
        lines.into_iter().map(|line| line.text).collect()
    }

    /// Hands all messages over that `self` has for `other`; tells whether there were any.
    fn deliver(&mut self, other: &mut End) -> bool {
        let sent = std::mem::take(&mut self.fake.world().sent);
        let any = !sent.is_empty();
        for (_, local, peer, octets) in sent {
            assert_eq!(peer.ip(), other.address);
            let listener = *other.fake.world().listeners.keys().next().unwrap();
            let letter = Letter {
                listener,
                peer: SocketAddr::new(local.unwrap(), 1701),
                local: Some(other.address),
                mark: 0,
                octets: octets.into(),
            };
            other.plane.receive([letter], &mut other.engine);
        }
        any
    }

    pub(super) fn sessions(&self) -> Vec<SessionSpec> {
        self.engine.desired().sessions.values().cloned().collect()
    }

    fn states(&self) -> Vec<String> {
        let sessions = self.engine.desired().sessions.keys();
        sessions
            .filter_map(|key| Some(self.plane.session_details(*key)?.state))
            .collect()
    }
}

/// Lets the two talk until they have nothing more to say.
pub(super) fn talk(one: &mut End, two: &mut End) {
    while one.deliver(two) | two.deliver(one) {}
}

fn listener(address: &str) -> String {
    format!("[[listener]]\nname = \"l\"\nlocal = \"{address}\"\n")
}

fn calling(more: &str) -> String {
    listener(ONE) + &format!("[[connection]]\nname = \"c\"\nhost = \"{TWO}\"\n{more}\n")
}

fn called(more: &str) -> String {
    listener(TWO) + &format!("[[peer]]\nname = \"p\"\n{more}\n")
}

pub(super) const BLUE: &str = "[[connection.session]]\nremote_end_id = \"blue\"\nname = \"pw1\"\n";
const RED: &str = "[[connection.session]]\nremote_end_id = \"red\"\n";

pub(super) fn up(calling_more: &str, called_more: &str) -> (End, End) {
    let mut two = End::new(TWO, 2, &called(called_more));
    let mut one = End::new(ONE, 1, &calling(calling_more));
    talk(&mut one, &mut two);
    (one, two)
}

#[test]
fn both_ends_install_the_session_that_they_agree_on() {
    let more = "[[peer.session]]\nremote_end_id = \"blue\"\nname = \"pw2\"\nmtu = 1300\n";
    let (one, two) = up(BLUE, more);
    let (a, b) = (one.sessions().remove(0), two.sessions().remove(0));
    assert_eq!((a.key.session, a.peer_id), (b.peer_id, b.key.session));
    assert_eq!((a.cookie, a.peer_cookie), (b.peer_cookie, b.cookie));
    assert_eq!((a.cookie.len(), a.pseudowire), (8, Pseudowire::Ethernet));
    assert_eq!(a.ifname.as_deref(), Some("pw1"));
    assert_eq!(b.ifname.as_deref(), Some("pw2"));
    assert_eq!(b.tuning.mtu, Some(1300));
    let (t, u) = (
        one.engine.desired().tunnels[&a.key.tunnel],
        two.engine.desired().tunnels[&b.key.tunnel],
    );
    assert_eq!((t.id, t.peer_id, t.version), (u.peer_id, u.id, 3));
    assert_eq!(t.encap.remote(), two.address);
    assert_eq!(t.via.unwrap().source, PeerSource::Exact);
    let details = one.plane.tunnel_details(t.id).unwrap();
    assert_eq!(
        (details.state.as_str(), details.peer.as_str()),
        ("established", "host2")
    );
    assert_eq!(details.origin, "connection c");
    let details = two.plane.tunnel_details(u.id).unwrap();
    assert_eq!(details.origin, "peer p");
    assert!(two.engine.is_negotiated(Object::Session(b.key)));
}

#[test]
fn a_session_that_cannot_be_installed_ends_at_both_ends() {
    let mut two = End::new(TWO, 2, &called(""));
    two.fake.world().make(Some("pw2")).unwrap();
    two.reload(&called(
        "[[peer.session]]\nremote_end_id = \"blue\"\nname = \"pw2\"\n",
    ));
    let mut one = End::new(ONE, 1, &calling(BLUE));
    talk(&mut one, &mut two);
    assert!(one.sessions().is_empty() && two.sessions().is_empty());
    assert_eq!(one.engine.desired().tunnels.len(), 1, "the tunnel stays");
}

#[test]
fn who_may_not_call_is_sent_away() {
    for more in ["accept = false", "address = \"198.51.100.0/24\""] {
        let (one, two) = up(BLUE, more);
        assert!(one.engine.desired().tunnels.is_empty(), "{more}");
        assert!(two.engine.desired().tunnels.is_empty(), "{more}");
        assert!(one.plane.dials["c"].problem.is_some(), "{more}");
    }
}

#[test]
fn both_ends_must_know_the_secret() {
    let secret = |text: &str| format!("secret = \"{text}\"\n");
    let tunnels = |calling: &str, called: &str, version: &str| {
        let (one, two) = up(
            &(calling.to_owned() + version),
            &(called.to_owned() + version),
        );
        [&one, &two].map(|end| end.engine.desired().tunnels.len())
    };
    let old = "secret = \"new\"\nold_secret = \"right\"\n";
    for version in ["version = 2\n", "version = 3\n", "digest = \"md5\"\n"] {
        let right = secret("right");
        assert_eq!(tunnels(&right, &right, version), [1, 1], "{version}");
        assert_eq!(
            tunnels(&secret("wrong"), &right, version),
            [0, 0],
            "{version}"
        );
        assert_eq!(tunnels("", &right, version), [0, 0], "{version}");
    }
    assert_eq!(tunnels(&secret("right"), old, "version = 3\n"), [1, 1]);
    let hide = format!("{}hide_avps = true\n", secret("right"));
    assert_eq!(tunnels(&hide, &secret("right"), ""), [1, 1], "hide");
    assert_eq!(tunnels(&hide, &hide, "version = 2\n"), [1, 1], "hide 2");
    let md5 = format!("{}digest = \"md5\"\n", secret("right"));
    assert_eq!(tunnels(&md5, &secret("right"), ""), [1, 1], "md5 and sha1");
    assert_eq!(tunnels(&hide, old, "version = 3\n"), [1, 1], "hide old");
}

#[test]
fn stopping_a_connection_clears_both_ends_until_it_is_started() {
    let (mut one, mut two) = up(BLUE, "");
    assert_eq!(one.states(), ["established"]);
    let target = Target::Connection("c".into());
    one.plane.stop(&target, &mut one.engine).unwrap();
    talk(&mut one, &mut two);
    assert!(one.engine.desired().tunnels.is_empty());
    assert!(two.engine.desired().tunnels.is_empty());
    assert!(two.fake.world().devices.is_empty());
    assert!(one.plane.dials["c"].due().is_none());
    one.plane.start(&target, &mut one.engine).unwrap();
    talk(&mut one, &mut two);
    assert_eq!((one.sessions().len(), two.sessions().len()), (1, 1));
}

#[test]
fn a_call_can_be_stopped_and_started_by_name_and_by_ids() {
    let (mut one, mut two) = up(&(BLUE.to_owned() + RED), "");
    assert_eq!(two.sessions().len(), 2);
    let blue = Target::Call("c".into(), "blue".into());
    one.plane.stop(&blue, &mut one.engine).unwrap();
    talk(&mut one, &mut two);
    assert_eq!((one.sessions().len(), two.sessions().len()), (1, 1));
    one.plane.start(&blue, &mut one.engine).unwrap();
    talk(&mut one, &mut two);
    assert_eq!(two.states(), ["established"; 2]);
    let key = two.sessions()[0].key;
    two.plane
        .stop(&Target::Session(key), &mut two.engine)
        .unwrap();
    talk(&mut one, &mut two);
    assert_eq!(two.sessions().len(), 1);
    let unknown = DataKey {
        session: SessionId(0),
        ..key
    };
    let refused = two.plane.stop(&Target::Session(unknown), &mut two.engine);
    assert_eq!(refused.unwrap_err().errno, Errno::ENODEV);
}

#[test]
fn a_draining_tunnel_takes_no_call_and_goes_with_its_last_one() {
    let (mut one, mut two) = up(BLUE, "");
    let tunnel = two.sessions()[0].key.tunnel;
    two.plane
        .drain(&Target::Tunnel(tunnel), &mut two.engine)
        .unwrap();
    talk(&mut one, &mut two);
    assert_eq!(two.sessions().len(), 1);
    one.reload(&calling(&(BLUE.to_owned() + RED)));
    talk(&mut one, &mut two);
    assert_eq!(two.sessions().len(), 1, "refused");
    let target = Target::Call("c".into(), "blue".into());
    one.plane.stop(&target, &mut one.engine).unwrap();
    talk(&mut one, &mut two);
    assert!(two.engine.desired().tunnels.is_empty());
    assert!(one.engine.desired().tunnels.is_empty());
}

#[test]
fn a_drained_daemon_takes_nothing_new_and_is_done_after_the_last_call() {
    let (mut one, mut two) = up(BLUE, "");
    let all = Target::Everything;
    two.plane.drain(&all, &mut two.engine).unwrap();
    talk(&mut one, &mut two);
    assert_eq!((one.sessions().len(), two.sessions().len()), (1, 1));
    assert!(!two.plane.is_retired());
    let second = "[[connection]]\nname = \"d\"\nhost = \"192.0.2.2\"\n";
    one.reload(&(calling(&(BLUE.to_owned() + RED)) + second));
    talk(&mut one, &mut two);
    assert_eq!(two.sessions().len(), 1, "the call is refused");
    assert_eq!(two.engine.desired().tunnels.len(), 1, "so is the tunnel");
    assert!(one.plane.dials["d"].problem.is_some());
    let blue = Target::Call("c".into(), "blue".into());
    one.plane.stop(&blue, &mut one.engine).unwrap();
    talk(&mut one, &mut two);
    assert!(two.plane.is_retired());
    assert!(one.engine.desired().tunnels.is_empty());
    assert!(one.plane.drain(&all, &mut one.engine).is_ok());
    assert!(one.plane.is_retired(), "nothing was there");
}

#[test]
fn a_reload_touches_what_has_changed_and_nothing_else() {
    let (mut one, mut two) = up(BLUE, "");
    let before = one.sessions();
    assert_eq!(one.reload(&calling(BLUE)), [""; 0]);
    let lines = one.reload(&calling(&(BLUE.to_owned() + RED)));
    assert_eq!(lines, ["change connection c"]);
    talk(&mut one, &mut two);
    assert_eq!(two.sessions().len(), 2);
    assert!(one.sessions().contains(&before[0]));
    one.reload(&calling(BLUE));
    talk(&mut one, &mut two);
    assert_eq!(one.sessions(), before);
    let second = "[[connection.peer]]\nhost = \"192.0.2.9\"\npriority = 1\n";
    let lines = one.reload(&calling(&format!("hello = 5\nretries = 3\n{second}{BLUE}")));
    assert_eq!(lines, ["change connection c"]);
    talk(&mut one, &mut two);
    assert_eq!(one.sessions(), before, "timers and other servers");
    let lines = one.reload(&calling(&format!("ecn = false\n{BLUE}")));
    assert_eq!(lines, ["change connection c; its tunnel is interrupted"]);
    talk(&mut one, &mut two);
    assert_ne!(one.sessions(), before);
    assert_eq!((one.sessions().len(), two.sessions().len()), (1, 1));
    let lines = two.reload(&listener(TWO));
    assert_eq!(lines, ["remove peer p, which ends a tunnel"]);
    talk(&mut one, &mut two);
    assert!(two.engine.desired().tunnels.is_empty());
    let lines = one.reload("");
    assert_eq!(lines, ["remove listener l", "remove connection c"]);
    assert!(one.fake.world().listeners.is_empty());
}

#[test]
fn calls_beyond_the_rate_are_refused_for_now() {
    let calls: String = (0..50)
        .map(|n| BLUE.replace("blue", &format!("c{n}")))
        .collect();
    let calls = calls.replace("name = \"pw1\"\n", "");
    let (one, two) = up(&calls, "");
    assert_eq!((one.sessions().len(), two.sessions().len()), (50, 50));
    let (one, two) = up(&calls, "[limits]\ncall_rate = 1\n");
    let there = two.sessions().len();
    // Two at once, and what a slow machine leaves time for.
    assert!((2..50).contains(&there), "{there}");
    assert_eq!(one.sessions().len(), there);
    assert_eq!(one.engine.desired().tunnels.len(), 1, "the tunnel stays");
    assert!(
        one.plane.dials["c"].due().is_some(),
        "they are placed again"
    );
}

#[test]
fn a_listener_without_its_address_is_tried_again() {
    let mut one = End::new(ONE, 1, "");
    one.fake.world().no_address = Some(Errno::EADDRNOTAVAIL);
    one.reload(&calling(""));
    assert!(one.fake.world().listeners.is_empty());
    let problem = one.plane.dials["c"].problem.clone().unwrap();
    assert_eq!(problem, "listener: none is open that leads to 192.0.2.2");
    one.fake.world().no_address = None;
    let later = one.plane.listeners.due().unwrap();
    one.plane.listeners.retry(later, &mut one.engine);
    assert_eq!(one.fake.world().listeners.len(), 1);
    assert_eq!(one.plane.listeners.due(), None);
}

#[test]
fn a_version_2_call_carries_ppp() {
    let more = "version = 2\n[[connection.session]]\nremote_end_id = \"x\"\n";
    let profile = "[[session_profile]]\nname = \"s\"\npseudowire = \"ppp\"\n";
    let (one, two) = up(more, &format!("session_profile = \"s\"\n{profile}"));
    for end in [&one, &two] {
        let spec = end.sessions().remove(0);
        assert_eq!(spec.pseudowire, Pseudowire::Ppp);
        assert!(spec.cookie.is_empty() && spec.peer_cookie.is_empty());
        assert_eq!(end.engine.desired().tunnels[&spec.key.tunnel].version, 2);
    }
}

#[test]
fn each_address_of_a_name_has_its_turn() {
    let mut one = End::new(ONE, 1, &calling("").replace(TWO, "two.example"));
    let addresses = ["2001:db8::2", "192.0.2.8", "192.0.2.9"];
    for expected in ["192.0.2.8", "192.0.2.9", "192.0.2.8"] {
        let lookup = one.plane.take_lookups().remove(0);
        let outcome = Ok(addresses.map(|text| text.parse().unwrap()).to_vec());
        let answer = Resolved { lookup, outcome };
        one.plane.resolved(&answer, &mut one.engine);
        let sent = std::mem::take(&mut one.fake.world().sent);
        assert_eq!(sent[0].2.ip().to_string(), expected);
        let now = Instant::now();
        let key = one.plane.dials["c"].tunnel().unwrap();
        one.plane.disconnected("c", key, "no answer");
        one.plane
            .dial_due(now + std::time::Duration::from_secs(60), &mut one.engine);
    }
}

#[test]
fn messages_that_are_dropped_are_counted_with_who_sent_them() {
    let (mut one, mut two) = up("secret = \"a\"\nversion = 3\n", "secret = \"b\"\n");
    assert!(one.engine.desired().tunnels.is_empty());
    let counts = two.plane.counts(&mut two.engine);
    let dropped = counts
        .drops
        .iter()
        .find(|drop| drop.reason == "unauthentic");
    let dropped = dropped.expect("a message is dropped");
    assert_eq!(dropped.latest.unwrap().0.to_string(), "192.0.2.1:1701");
    assert_eq!(counts.totals[0], ("received", dropped.count));
    assert_eq!(counts.listeners[0].name, "l");
    assert!(one.plane.counts(&mut one.engine).drops.is_empty());
}

#[test]
fn a_call_that_carries_something_else_is_refused_with_the_reason() {
    let more = "pseudowire = \"ppp\"\n";
    for (version, result) in [(2, 5), (3, 14)] {
        let calling = format!(
            "version = {version}\n{}{more}",
            BLUE.replace("name", "# name")
        );
        let (one, two) = up(&calling, "");
        assert!(two.sessions().is_empty());
        assert_eq!(two.engine.desired().tunnels.len(), 1, "the tunnel stays");
        let connection = one.plane.connections().next().unwrap();
        let problem = connection.calls[0].problem.clone().unwrap();
        assert!(problem.contains(&format!("result {result} ")), "{problem}");
        assert!(
            problem.ends_with("only ethernet is taken here"),
            "{problem}"
        );
    }
}

#[test]
fn a_name_is_looked_up_at_each_attempt() {
    let text = calling("").replace(TWO, "two.example");
    let mut one = End::new(ONE, 1, &text);
    let mut two = End::new(TWO, 2, &called(""));
    let lookup = one.plane.take_lookups().remove(0);
    assert_eq!(lookup.name, "two.example");
    let failed = Resolved {
        lookup: lookup.clone(),
        outcome: Err("no such name".to_owned()),
    };
    one.plane.resolved(&failed, &mut one.engine);
    let problem = one.plane.dials["c"].problem.clone();
    assert_eq!(problem.as_deref(), Some("host: two.example: no such name"));
    // An answer to a question of the past changes nothing.
    one.plane.resolved(&failed, &mut one.engine);
    let target = Target::Connection("c".into());
    one.plane.start(&target, &mut one.engine).unwrap();
    let lookup = one.plane.take_lookups().remove(0);
    let outcome = Ok(vec!["2001:db8::2".parse().unwrap(), two.address]);
    one.plane
        .resolved(&Resolved { lookup, outcome }, &mut one.engine);
    talk(&mut one, &mut two);
    assert_eq!(
        one.engine.desired().tunnels.len(),
        1,
        "by the family that it has"
    );
}

#[test]
fn many_connections_are_opened_a_hundred_at_a_time() {
    let dials = |from: usize, to: usize| -> String {
        let dial = |n| format!("[[connection]]\nname = \"c{n}\"\nhost = \"{TWO}\"\n");
        (from..to).map(dial).collect()
    };
    let mut two = End::new(TWO, 2, &called(""));
    let mut one = End::new(ONE, 1, &(listener(ONE) + &dials(0, 330)));
    assert_eq!(one.plane.opening.len(), 100);
    talk(&mut one, &mut two);
    assert_eq!(one.plane.opening.len(), 0);
    assert_eq!(one.engine.desired().tunnels.len(), 330);
    assert_eq!(two.engine.desired().tunnels.len(), 330);
}

#[test]
fn the_end_is_said_to_every_peer() {
    let (mut one, mut two) = up(BLUE, "");
    one.plane.shut_down(&mut one.engine);
    assert!(!one.plane.is_drained());
    // An acknowledgement may wait for something to go along with.
    for _ in 0..1000 {
        talk(&mut one, &mut two);
        if one.plane.is_drained() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        one.plane.tick(&mut one.engine);
        two.plane.tick(&mut two.engine);
    }
    assert!(one.plane.is_drained());
    assert!(two.engine.desired().tunnels.is_empty());
    let added = two.engine.negotiate(&Change::RemoveTunnel(TunnelId(9)));
    assert!(added.is_ok());
}
