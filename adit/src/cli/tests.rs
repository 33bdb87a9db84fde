use super::offline::script;
use super::request::{Filter, Request};
use super::*;
use clap_complete::Shell;
use proptest::prelude::*;

/// Where nobody answers, so that what is understood ends there.
const NOWHERE: &str = "/nonexistent/adit.sock";

/// Exit status and the line on stderr of a command that fails.
fn failure(line: &str) -> (u8, String) {
    let mut args: Vec<OsString> = vec!["--socket".into(), NOWHERE.into()];
    args.extend(line.split_whitespace().map(OsString::from));
    match start(args) {
        Err(Failure::Usage(text)) => (2, text),
        Err(Failure::Refused(text)) => (1, text),
        Err(Failure::NotRun { text, status }) => (status, text),
        Err(Failure::Asked(text)) => panic!("{text}"),
        Ok(code) => panic!("{line}: {code:?}"),
    }
}

/// What a command line that is understood asks of the daemon.
fn request(line: &str) -> Request {
    let matches = parse(line.split_whitespace().map(OsString::from).collect()).unwrap();
    let (verb, below) = matches.subcommand().unwrap();
    let (object, below) = below.subcommand().unwrap();
    let (verb, object) = (Verb::named(verb).unwrap(), Object::named(object).unwrap());
    let parsed = Request::parse(verb, object, &words(below).unwrap());
    parsed.unwrap().0
}

/// The help text of a command.
fn help(line: &str) -> String {
    match parse(line.split_whitespace().map(OsString::from).collect()) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{line} printed no help"),
    }
}

#[test]
fn verbs_and_objects_are_cut_as_iproute2_cuts_them() {
    let pairs = [
        ("add tunnel", "a t"),
        ("add session", "ad sess"),
        ("del tunnel", "d tun"),
        ("del session", "delete s"),
        ("show tunnel", "s tunnel"),
        ("show tunnel", "l t"),
        ("show tunnel", "lst t"),
        ("show session", "list s"),
        ("show session", "-j --socket x sho s"),
        ("set session", "se s"),
        ("set tunnel", "modify t"),
        ("help add session", "help a s"),
    ];
    for (full, short) in pairs {
        let expanded = verb::expand(short.split_whitespace().map(OsString::from).collect());
        let expanded = expanded.join(" ".as_ref());
        assert!(
            expanded.to_string_lossy().ends_with(full),
            "{short}: {expanded:?}"
        );
    }
}

#[test]
fn other_commands_and_keywords_are_not_abbreviated() {
    assert_eq!(failure("relo").0, 2);
    assert_eq!(failure("show tunnel tunnel 1").0, 2);
}

#[test]
fn the_walk_through_of_the_kernels_documentation_is_understood() {
    let lines = [
        "add tunnel tunnel_id 1 peer_tunnel_id 1 udp_sport 5000 udp_dport 5000 encap udp \
         local 192.168.1.1 remote 192.168.1.2",
        "add session tunnel_id 1 session_id 1 peer_session_id 1",
        "show tunnel",
        "show session",
        "del session tunnel_id 1 session_id 1",
        "del tunnel tunnel_id 1",
    ];
    for line in lines {
        request(line);
    }
}

#[test]
fn flags_stand_before_and_behind_the_words() {
    for line in [
        "-j -s show tunnel tid 1",
        "show tunnel tid 1 -js",
        "show -s tunnel --json tid 1",
    ] {
        let args = line.split_whitespace().map(OsString::from).collect();
        let matches = parse(args).unwrap();
        let below = matches.subcommand().unwrap().1.subcommand().unwrap().1;
        let style = style(below);
        assert!(style.json && style.statistics && !style.pretty, "{line}");
        assert_eq!(words(below).unwrap(), ["tid", "1"], "{line}");
    }
}

#[test]
fn show_filters_by_what_is_given() {
    let Request::ShowSessions(filter) = request("show session tid 1 name pw1") else {
        panic!("no filter");
    };
    let object = |tunnel, name: &str| adit_wire::netlink::Attributes {
        conn_id: Some(tunnel),
        ifname: Some(name.to_owned()),
        ..Default::default()
    };
    assert!(filter.matches(&object(1, "pw1")));
    assert!(!filter.matches(&object(2, "pw1")));
    assert!(!filter.matches(&object(1, "pw2")));
    let refusal = filter.nothing_found("session").unwrap().to_string();
    assert_eq!(
        refusal,
        "name: there is no session pw1 in tunnel 1; list them with `adit show session`"
    );
    assert_eq!(Filter::default().nothing_found("session"), None);
}

#[test]
fn what_is_not_understood_is_told_in_one_line() {
    let cases = [
        ("", "command: none given; give one of add, "),
        ("frob", "command: frob is not known here; see adit --help"),
        (
            "shoe tunnel",
            "command: shoe is not known here; did you mean show?",
        ),
        ("add", "command: none given; give one of tunnel, session"),
        ("--frob", "--frob: not known here; see adit --help"),
        (
            "show tunnel --frob",
            "--frob: not known here; see adit --help",
        ),
        (
            "run --workers 0",
            "--workers <N>: 0 is no good: 0 is not in 1..=1024",
        ),
        (
            "completions tcl",
            "<SHELL>: tcl is not known here; give one of bash, ",
        ),
        ("check", "<FILE>: required and missing; see adit --help"),
        (
            "add tunnel",
            "tunnel_id: required and missing; add tunnel_id ID",
        ),
        (
            "add tunnel tid",
            "tunnel_id: no value follows; give tunnel_id ID",
        ),
        (
            "add tunnel frob 1",
            "frob: not a keyword here; give one of tunnel_id, ",
        ),
        (
            "add session tid 1 sid -1 psid 1",
            "session_id: -1 is not an id; give a number from 1 to 4294967295",
        ),
        (
            "del tunnel",
            "tunnel_id: required and missing; add tunnel_id ID",
        ),
        (
            "show tunnel tid 0",
            "tunnel_id: 0 is not an id; give a number from 1",
        ),
        (
            "set session name pw1",
            "set session: nothing to change; give seq",
        ),
        (
            "set tunnel tid 1",
            "set tunnel: nothing to change; give pmtudisc",
        ),
    ];
    for (line, expected) in cases {
        let (code, text) = failure(line);
        assert_eq!(code, 2, "{line}: {text}");
        assert!(text.starts_with(expected), "{line}: {text}");
        assert_eq!(text.lines().count(), 1, "{line}: {text}");
    }
}

#[test]
fn a_daemon_that_does_not_run_is_told_with_the_remedy() {
    let expected = "socket: no daemon answers on /nonexistent/adit.sock; \
                    start one with: adit run --socket /nonexistent/adit.sock";
    for line in ["show tunnel", "add session tid 1 sid 1 psid 1", "reload"] {
        assert_eq!(failure(line), (1, expected.to_owned()));
    }
}

#[test]
fn words_that_are_not_utf8_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let mut args: Vec<OsString> = vec!["show".into(), "tunnel".into()];
    args.push(OsString::from_vec(vec![b't', 0xff]));
    match start(args) {
        Err(Failure::Usage(text)) => assert!(text.ends_with("not UTF-8; write it in UTF-8")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_help_of_add_session_is_as_printed() {
    assert_eq!(
        help("help add session"),
        include_str!("tests/help-add-session.txt")
    );
}

#[test]
fn the_command_line_is_consistent() {
    command(Reader::Parser).debug_assert();
    command(Reader::Shell).debug_assert();
}

#[test]
fn completions_offer_every_keyword() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let script = script(shell);
        for form in Verb::ALL
            .into_iter()
            .flat_map(|v| Object::ALL.map(|o| verb::form(v, o)))
        {
            for word in form.words() {
                assert!(script.contains(word.name), "{shell}: {}", word.name);
            }
        }
    }
}

#[test]
fn the_daemon_is_run_as_asked() {
    let options = |line: &str| {
        let args = line.split_whitespace().map(OsString::from).collect();
        let matches = parse(args).unwrap();
        daemon_options(matches.subcommand().unwrap().1, Address::DEFAULT)
    };
    let plain = options("run");
    assert_eq!(
        (plain.config, plain.state, plain.workers, plain.queues),
        (None, None, None, None)
    );
    let asked = options("run --config /c --state none --workers 3 --queues 2");
    assert_eq!(asked.config, Some("/c".into()));
    assert_eq!(asked.state, Some("none".into()));
    assert_eq!((asked.workers, asked.queues), (Some(3), Some(2)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_arguments_panic(args in proptest::collection::vec(arg(), 0..8)) {
        if let Ok(matches) = parse(args.into_iter().map(OsString::from).collect())
            && let Some((verb, below)) = matches.subcommand()
            && let (Some(verb), Some((object, below))) = (Verb::named(verb), below.subcommand())
            && let (Some(object), Ok(words)) = (Object::named(object), words(below))
            && let Ok((request, _)) = Request::parse(verb, object, &words)
        {
            request.message(1);
        }
    }
}

/// An argument that means something somewhere, or any other text.
fn arg() -> impl Strategy<Value = String> {
    let known = vec![
        "add", "del", "show", "set", "tunnel", "session", "tid", "sid", "psid", "name", "1", "0",
        "-j", "--socket", "help", "--", "-", "",
    ];
    prop_oneof![
        proptest::sample::select(known).prop_map(str::to_owned),
        ".{0,12}"
    ]
}
