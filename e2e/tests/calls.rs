//! Calls between xl2tpd and pppd from Debian, both ends under `adit exec`.

use adit_e2e::{
    Dialup, Family, Host, LAC_INSIDE, LNS_INSIDE, MRU, Pair, Proof, Role, Side, Test, eventually,
    needing, ppp_devices, program,
};
use adit_lab::{Amount, Ping, tcp_transfer};
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Stdio};
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

/// xl2tpd under `adit exec`, with an /etc/ppp of its own.
struct Xl2tpd {
    child: Child,
    files: PathBuf,
}

impl Xl2tpd {
    fn start(host: &Host, dialup: &Dialup) -> Xl2tpd {
        let files = host.path("ppp");
        fs::create_dir(&files).expect("a directory");
        for (name, text) in dialup.files() {
            fs::write(files.join(name), text).expect("a file");
        }
        let log = fs::File::create(files.join("xl2tpd.log")).expect("a file");
        let script = format!(
            "mount --bind {0} /etc/ppp && mount -t tmpfs tmpfs /run && \
             exec {1} exec --log {0}/exec.log -- {2}",
            files.display(),
            program().display(),
            Dialup::command(),
        );
        let child = host
            .command("unshare")
            .args(["--mount", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .env_remove("ADIT_SOCKET")
            .spawn()
            .expect("xl2tpd");
        Xl2tpd { child, files }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Xl2tpd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["xl2tpd.log", "pppd.log", "exec.log"] {
                let text = fs::read_to_string(self.files.join(name)).unwrap_or_default();
                eprintln!("--- {}/{name}\n{text}---", self.files.display());
            }
        }
        // Ends with its namespace too, which is later.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
            }
        };
        let server = Xl2tpd::start(&pair.a, &dialup(Role::Lns));
        std::thread::sleep(Duration::from_millis(300));
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
        let xl2tpd = match role {
            Role::Lns => self.server.pid(),
            Role::Lac => self.caller.pid(),
        };
        let path = format!("/proc/{0}/task/{0}/children", xl2tpd.as_raw_nonzero());
        let children = fs::read_to_string(path).expect("children");
        let name = |pid: &&str| fs::read_to_string(format!("/proc/{pid}/comm"));
        let mut children = children.split_whitespace();
        let pppd = children.find(|pid| name(pid).is_ok_and(|name| name.trim() == "pppd"));
        let pppd = pppd.expect("a pppd").parse().expect("a number");
        Pid::from_raw(pppd).expect("a process")
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
    let log = fs::read_to_string(call.caller.files.join("pppd.log"))?;
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
    };
    let server = Xl2tpd::start(&pair.a, &dialup);
    fs::write(server.files.join("chap-secrets"), "caller * another *\n")?;
    dialup.role = Role::Lac;
    (dialup.own, dialup.peer) = (dialup.peer, dialup.own);
    let caller = Xl2tpd::start(&pair.b, &dialup);
    let log = || fs::read_to_string(caller.files.join("pppd.log")).unwrap_or_default();
    eventually("the caller is refused", || {
        log().contains("CHAP authentication failed")
    });
    eventually("nothing is left", || {
        ppp_devices(&pair.a) + ppp_devices(&pair.b) == 0
    });
    Ok(())
}
