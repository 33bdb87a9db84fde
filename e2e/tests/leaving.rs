//! Devices on their way out: nobody waits for those of others, and names are free when it is said.

use adit_e2e::{Encap, Family, Host, Pair, Setup, Side, Test, eventually, test};
use adit_lab::NsCommand;
use libtest_mimic::Trial;
use std::error::Error;
use std::fmt::Write;
use std::process::Stdio;
use std::thread::ScopedJoinHandle;

/// As many take the kernel more than two seconds to remove, for each has a program.
const MANY: u32 = 200;

/// Less than what is answered meanwhile, and more than what could be answered behind the removal.
const ANSWERS: usize = 3;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "leaving::control_answers_meanwhile",
            control_answers_meanwhile,
        ),
        test(
            "leaving::a_reload_leaves_devices_to_go",
            a_reload_leaves_devices_to_go,
        ),
        test("leaving::a_name_is_had_again", a_name_is_had_again),
        test(
            "leaving::nothing_outlives_the_end",
            nothing_outlives_the_end,
        ),
    ]
}

fn name(number: u32) -> String {
    format!("many{number}")
}

/// A tunnel with many sessions.
fn configuration() -> String {
    let mut text = "[[tunnel]]\ntunnel_id = 1\npeer_tunnel_id = 1\nencap = \"udp\"\n\
                    local = \"192.0.2.1\"\nremote = \"192.0.2.2\"\n\
                    udp_sport = 7001\nudp_dport = 7001\n"
        .to_owned();
    for number in 1..=MANY {
        let _ = write!(
            text,
            "[[tunnel.session]]\nsession_id = {number}\npeer_session_id = {number}\n\
             name = \"{}\"\n",
            name(number)
        );
    }
    text
}

/// A pair in which A has a tunnel with many sessions, all with their fast path, beside the usual one.
fn crowded() -> Result<Pair, Box<dyn Error>> {
    let mut pair = Pair::idle();
    let path = pair.a.configure(&configuration());
    pair.a.start(&["--fast-path=all", "--config", &path]);
    pair.b.start(&[]);
    Setup::new(Encap::Udp, Family::V4).add(&pair.a, Side::A);
    for number in 1..=MANY {
        pair.a.set_up(&name(number))?;
    }
    eventually("all sessions have their fast path", || {
        let shown = pair.a.adit("-s show session");
        shown.matches("fast path: active").count() == MANY as usize
    });
    Ok(pair)
}

/// How many of the many devices are there.
fn left(host: &Host) -> usize {
    let links = host.links().expect("links");
    let many = links.iter().filter(|link| link.name.starts_with("many"));
    many.count()
}

fn ask(host: &Host, line: &str) -> NsCommand {
    host.command(adit_e2e::program())
        .args(line.split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .env_remove("ADIT_SOCKET")
}

/// What is asked of another tunnel is answered while many devices go, and the removal of these once
/// they are gone.
fn control_answers_meanwhile() -> Test {
    let pair = crowded()?;
    std::thread::scope(|scope| {
        let removal = scope.spawn(|| {
            pair.a.adit("del tunnel tunnel_id 1");
            left(&pair.a)
        });
        let answers = ask_until(&pair.a, &removal);
        assert!(answers > ANSWERS, "{answers} answers meanwhile");
        assert_eq!(removal.join().expect("a removal"), 0);
    });
    Ok(())
}

/// Asks to show, to add and to remove until the removal is over; how often all of it was done.
fn ask_until<T>(host: &Host, removal: &ScopedJoinHandle<'_, T>) -> usize {
    let mut answers = 0;
    while !removal.is_finished() {
        host.adit("-s show session tunnel_id 3000");
        host.adit("add session tunnel_id 3000 session_id 9 peer_session_id 9 name brief");
        host.adit("del session name brief");
        assert!(host.link("brief").is_err(), "it was said to be removed");
        answers += 1;
    }
    answers
}

/// A reload by a signal is over before the devices are gone.
fn a_reload_leaves_devices_to_go() -> Test {
    let pair = crowded()?;
    pair.a.configure("");
    pair.a.signal(rustix::process::Signal::HUP);
    eventually("the sessions are gone", || {
        pair.a.list("session").len() == 1
    });
    assert!(left(&pair.a) > 0, "the devices went first");
    eventually("the devices are gone", || left(&pair.a) == 0);
    Ok(())
}

/// Who wants a name waits for its device, and not for all those before it.
fn a_name_is_had_again() -> Test {
    let pair = crowded()?;
    let last = name(MANY);
    let before = pair.a.link(&last)?.index;
    let mut removal = ask(&pair.a, "del tunnel tunnel_id 1").spawn()?;
    eventually("the sessions are gone", || {
        pair.a.list("session").len() == 1
    });
    pair.a.adit(&format!(
        "add session tunnel_id 3000 session_id 9 peer_session_id 9 name {last}"
    ));
    assert_ne!(pair.a.link(&last)?.index, before);
    assert!(left(&pair.a) > 1, "all devices went first");
    assert!(removal.wait()?.success());
    assert_eq!(left(&pair.a), 1);
    Ok(())
}

/// A daemon that ends removes them all, those too that are on their way; one that is killed leaves
/// none of these behind.
fn nothing_outlives_the_end() -> Test {
    let mut pair = crowded()?;
    assert!(pair.a.stop().success());
    assert_eq!(left(&pair.a), 0);
    let mut pair = crowded()?;
    pair.a.configure("");
    pair.a.signal(rustix::process::Signal::HUP);
    eventually("the sessions are gone", || {
        pair.a.list("session").len() == 1
    });
    pair.a.kill();
    eventually("the devices are gone", || left(&pair.a) == 0);
    Ok(())
}
