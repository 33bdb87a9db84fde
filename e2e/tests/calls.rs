//! Calls between xl2tpd and pppd from Debian, both ends under `adit exec`.

use adit_e2e::{
    Dialup, Family, LAC_INSIDE, LNS_INSIDE, MRU, Pair, Proof, Role, Side, Test, UNCOMPRESSED,
    Xl2tpd, eventually, needing, ppp_devices,
};
use adit_lab::{Amount, Ping, tcp_transfer};
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    let call = |name: &str, body: fn() -> Test| {
        needing(
            &["xl2tpd", "pppd", "unshare"],
            &format!("calls::{name}"),
            body,
        )
    };
    vec![
        call("ms_chap_v2", || whole_call(Proof::MsChapV2)),
        call("chap", || whole_call(Proof::Chap)),
        call("pap", || whole_call(Proof::Pap)),
        call("a_wrong_secret_is_refused", a_wrong_secret_is_refused),
        call("the_caller_hangs_up", || {
            ends(|call| signal(call.pppd(Role::Lac), Signal::TERM))
        }),
        call("the_callers_pppd_is_killed", || {
            ends(|call| signal(call.pppd(Role::Lac), Signal::KILL))
        }),
        call("the_servers_pppd_is_killed", || {
            ends(|call| signal(call.pppd(Role::Lns), Signal::KILL))
        }),
        call("the_callers_xl2tpd_ends", || {
            ends(|call| signal(call.caller.pid(), Signal::TERM))
        }),
        call("the_callers_xl2tpd_is_killed", || {
            ends(|call| signal(call.caller.pid(), Signal::KILL))
        }),
        call("the_servers_xl2tpd_is_killed", || {
            ends(|call| signal(call.server.pid(), Signal::KILL))
        }),
        call("a_killed_daemon_hangs_up", a_killed_daemon_hangs_up),
    ]
}

/// Two hosts and a call between them; A answers it.
struct Call {
    caller: Xl2tpd,
    server: Xl2tpd,
    pair: Pair,
}

impl Call {
    fn place(proof: Proof) -> Call {
        let pair = Pair::new();
        let dialup = |role| {
            let side = if role == Role::Lns { Side::A } else { Side::B };
            Dialup {
                role,
                proof,
                own: side.outer(Family::V4),
                peer: side.other().outer(Family::V4),
                options: UNCOMPRESSED,
            }
        };
        let server = Xl2tpd::start(&pair.a, &dialup(Role::Lns));
        eventually("the server listens", || {
            server.log("xl2tpd.log").contains("Listening")
        });
        let caller = Xl2tpd::start(&pair.b, &dialup(Role::Lac));
        Call {
            caller,
            server,
            pair,
        }
    }

    #[track_caller]
    fn await_answer(&self) {
        let ping = Ping::to(LNS_INSIDE).timeout(Duration::from_millis(500));
        eventually("a ping is answered", || {
            ping.run(&self.pair.b).is_ok_and(|report| report.complete())
        });
    }

    /// The pppd of one end.
    #[track_caller]
    fn pppd(&self, role: Role) -> Pid {
        match role {
            Role::Lns => self.server.pppd(),
            Role::Lac => self.caller.pppd(),
        }
    }
}

fn signal(process: Pid, signal: Signal) {
    kill_process(process, signal).expect("a process to end");
}

fn whole_call(proof: Proof) -> Test {
    let call = Call::place(proof);
    call.await_answer();
    let (server, caller) = (&call.pair.a, &call.pair.b);
    // 28 octets of headers around what fills the link; more travels in pieces.
    for size in [0, MRU - 28, MRU - 27, 4000] {
        let report = Ping::to(LAC_INSIDE).size(size).count(3).run(server)?;
        assert!(report.complete(), "{size} octets: {report:?}");
    }
    let device = caller.link("ppp0")?;
    assert_eq!(device.mtu as usize, MRU);
    server.add_address("ppp0", "fd09::1/64")?;
    caller.add_address("ppp0", "fd09::2/64")?;
    let six = Ping::to("fd09::1".parse::<std::net::Ipv6Addr>()?);
    let six = six.timeout(Duration::from_millis(500));
    eventually("IPv6 passes", || {
        six.run(caller).is_ok_and(|report| report.complete())
    });
    for (from, to, address) in [(caller, server, LNS_INSIDE), (server, caller, LAC_INSIDE)] {
        let address = (Ipv4Addr::from(address), 0).into();
        tcp_transfer(from, to, address, Amount::Octets(2_000_000))?;
    }
    Ok(())
}

/// However a call ends, nothing is left of it at either end, and the daemons serve the next.
/// xl2tpd may keep the tunnel for that.
fn ends(how: fn(&Call)) -> Test {
    let call = Call::place(Proof::Chap);
    call.await_answer();
    how(&call);
    for host in [&call.pair.a, &call.pair.b] {
        eventually("nothing is left", || {
            ppp_devices(host) == 0 && host.list("session").is_empty()
        });
        assert!(host.links()?.iter().all(|link| link.name != "ppp0"));
    }
    Ok(())
}

/// A daemon that is killed hangs up; programs go on and can start others.
fn a_killed_daemon_hangs_up() -> Test {
    let mut call = Call::place(Proof::Chap);
    call.await_answer();
    call.pair.b.kill();
    for host in [&call.pair.a, &call.pair.b] {
        eventually("no device is left", || ppp_devices(host) == 0);
    }
    let log = call.caller.log("pppd.log");
    assert!(
        log.contains("Hangup") || log.contains("Connection terminated"),
        "{log}"
    );
    Ok(())
}

fn a_wrong_secret_is_refused() -> Test {
    let pair = Pair::new();
    let mut dialup = Dialup {
        role: Role::Lns,
        proof: Proof::Chap,
        own: Side::A.outer(Family::V4),
        peer: Side::B.outer(Family::V4),
        options: UNCOMPRESSED,
    };
    let server = Xl2tpd::start(&pair.a, &dialup);
    fs::write(server.file("chap-secrets"), "caller * another *\n")?;
    dialup.role = Role::Lac;
    (dialup.own, dialup.peer) = (dialup.peer, dialup.own);
    let caller = Xl2tpd::start(&pair.b, &dialup);
    eventually("the caller is refused", || {
        let log = caller.log("pppd.log");
        log.contains("CHAP authentication failed")
    });
    eventually("nothing is left", || {
        ppp_devices(&pair.a) + ppp_devices(&pair.b) == 0
    });
    Ok(())
}
