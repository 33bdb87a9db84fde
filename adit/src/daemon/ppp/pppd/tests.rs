use super::*;
use crate::daemon::ppp::tests::call;
use crate::policy::{Pppd, PppdOn};

fn words(command: &Command) -> Vec<String> {
    let words = command.as_std().get_args();
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// Where the words `given` stand in a row.
fn place(words: &[String], given: &[&str]) -> Option<usize> {
    words.windows(given.len()).position(|some| some == given)
}

#[test]
fn pppd_is_told_of_the_call_and_obeys_the_administrator_in_all_but_what_the_daemon_needs() {
    let mut call = call();
    call.calling_number = Some(b"+49 30 `reboot`;$(x)\xff\n".to_vec());
    call.terms.mtu = Some(1400);
    call.terms.pppd = Pppd {
        on: PppdOn::Auto,
        pool: None,
        file: Some("/etc/ppp/lns".into()),
        options: ["updetach", "mtu", "1300"].map(str::to_owned).to_vec(),
    };
    let words = words(&on_socket(
        &call,
        Some(Ipv4Addr::new(10, 8, 0, 2)),
        &Address::DEFAULT,
    ));
    let at =
        |given: &[&str]| place(&words, given).unwrap_or_else(|| panic!("{given:?}: {words:?}"));
    assert_eq!(at(&["exec", "--session"]), 0);
    at(&["--", "pppd", "plugin", "pppol2tp.so", "pppol2tp", "0"]);
    at(&["ipparam", "branch"]);
    at(&["remotenumber", "+4930rebootx"]);
    at(&["set", "ADIT_CALLING_NUMBER=+4930rebootx"]);
    at(&["set", "ADIT_PEER=branch"]);
    at(&["set", "ADIT_REMOTE=192.0.2.7"]);
    assert!(!words.iter().any(|word| word.contains("CALLED")));
    let own = at(&["file", "/etc/ppp/lns", "updetach", "mtu", "1300"]);
    assert!(at(&["mtu", "1400", "mru", "1400"]) < own);
    assert!(at(&[":10.8.0.2"]) < own);
    assert!(own < at(&["nodetach", "logfd", "2"]));
}

#[test]
fn a_daemon_at_a_path_is_found_there_from_anywhere() {
    let command = on_socket(&call(), None, &Address::Path("a/b".into()));
    let words = words(&command);
    let at = place(&words, &["--socket"]).unwrap();
    assert!(words[at + 1].starts_with('/') && words[at + 1].ends_with("/a/b"));
}

#[test]
fn long_numbers_are_cut() {
    assert_eq!(number(&[b'1'; 1000]).len(), NUMBER);
}
