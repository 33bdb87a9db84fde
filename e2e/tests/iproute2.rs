//! The iproute2 of Debian's backports, which is years ahead of the release's, under `adit exec`.

use adit_e2e::{Host, Pair, Test, eventually, needing_unpacked, program, unpacked};
use adit_lab::Ping;
use libtest_mimic::Trial;
use std::process::Stdio;

pub(crate) fn tests() -> Vec<Trial> {
    vec![needing_unpacked(
        &unpacked("iproute2", "bin/ip"),
        "iproute2::of_backports_joins_two_hosts",
        of_backports_joins_two_hosts,
    )]
}

/// What `ip l2tp` prints, which must do what it is asked for.
#[track_caller]
fn ip(host: &Host, words: &str) -> String {
    let output = host
        .command(program())
        .args(["exec", "--"])
        .arg(unpacked("iproute2", "bin/ip"))
        .args(words.split_whitespace())
        .stdin(Stdio::null())
        .env_remove("ADIT_SOCKET")
        .output()
        .expect("ip");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {words}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn of_backports_joins_two_hosts() -> Test {
    let pair = Pair::new();
    for (host, near, far) in [(&pair.a, 1, 2), (&pair.b, 2, 1)] {
        ip(
            host,
            &format!(
                "l2tp add tunnel tunnel_id {near} peer_tunnel_id {far} encap udp \
                 local 192.0.2.{near} remote 192.0.2.{far} udp_sport 5000 udp_dport 5000"
            ),
        );
        ip(
            host,
            &format!(
                "l2tp add session name pw0 tunnel_id {near} session_id {near}00 \
                 peer_session_id {far}00 cookie 0a0b0c0d peer_cookie 0a0b0c0d seq both"
            ),
        );
        ip(host, &format!("addr add 10.42.1.{near}/30 dev pw0"));
        ip(host, "link set pw0 up");
    }
    let report = Ping::to([10, 42, 1, 2]).count(3).run(&pair.a)?;
    assert!(report.complete(), "{report:?}");
    for object in ["tunnel", "session"] {
        let shown = ip(&pair.a, &format!("l2tp show {object}"));
        assert_eq!(shown, pair.a.adit(&format!("show {object}")));
    }
    ip(&pair.a, "l2tp del session tunnel_id 1 session_id 100");
    eventually("the device goes", || pair.a.link("pw0").is_err());
    ip(&pair.a, "l2tp del tunnel tunnel_id 1");
    assert_eq!(ip(&pair.a, "l2tp show tunnel"), "");
    Ok(())
}
