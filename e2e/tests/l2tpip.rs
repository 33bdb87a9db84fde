//! A program that holds a tunnel by its own socket of protocol 115, under `adit exec`.

use adit_e2e::{
    Family, Host, Pair, Side, Test, eventually, needing_python, program, python_packages,
};
use adit_lab::Ping;
use libtest_mimic::Trial;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::IpAddr;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

pub(crate) fn tests() -> Vec<Trial> {
    [(Family::V4, "v4"), (Family::V6, "v6")]
        .map(|(family, name)| {
            let name = format!("l2tpip::programs_hold_a_tunnel_{name}");
            needing_python("pyroute2", &name, move || programs_hold_a_tunnel(family))
        })
        .into()
}

/// A running program, which prints a line a step and waits for one.
struct Program {
    child: Child,
    orders: ChildStdin,
    steps: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(host: &Host, role: &str, near: IpAddr, far: IpAddr) -> Program {
        let mut child = host
            .command(program())
            .args(["exec", "--", "python3", "-c", include_str!("l2tpip.py")])
            .args([role, &near.to_string(), &far.to_string()])
            .env("PYTHONPATH", python_packages())
            .env_remove("ADIT_SOCKET")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a program");
        let steps = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Program {
            orders: child.stdin.take().expect("a pipe"),
            child,
            steps,
        }
    }

    /// Waits until it has done its next step, which must be this one.
    #[track_caller]
    fn has(&mut self, step: &str) {
        let next = self.steps.next().expect("a step").expect("UTF-8");
        assert_eq!(next, step);
    }

    fn go_on(&mut self) {
        self.orders.write_all(b"\n").expect("a program that reads");
    }
}

fn programs_hold_a_tunnel(family: Family) -> Test {
    let pair = Pair::new();
    let outer = |side: Side| side.outer(family);
    let mut listener = Program::start(&pair.b, "listen", outer(Side::B), outer(Side::A));
    listener.has("listening");
    listener.go_on();
    let mut caller = Program::start(&pair.a, "call", outer(Side::A), outer(Side::B));
    for (host, program, side) in [
        (&pair.a, &mut caller, Side::A),
        (&pair.b, &mut listener, Side::B),
    ] {
        program.has("up");
        host.add_address("pw0", &format!("{}/24", side.inner(Family::V4)))?;
        host.set_up("pw0")?;
        let tunnel = host.adit("show tunnel");
        let ends = format!("From {} to {}\n", outer(side), outer(side.other()));
        assert!(
            tunnel.contains("encap IP\n") && tunnel.contains(&ends),
            "{tunnel}"
        );
    }
    let report = Ping::to(Side::B.inner(Family::V4)).count(3).run(&pair.a)?;
    assert!(report.complete(), "{report:?}");
    for program in [&mut caller, &mut listener] {
        program.go_on();
    }
    for program in [&mut caller, &mut listener] {
        program.has("told");
    }
    let unclaimed = pair
        .a
        .tunnel_counter(Side::A.tunnel(), "rx_control_unclaimed");
    assert_eq!(unclaimed, 0);

    // The tunnel and its device go with the socket.
    caller.go_on();
    caller.has("closed");
    eventually("the caller's tunnel has gone", || {
        pair.a.adit("show tunnel").is_empty() && pair.a.link("pw0").is_err()
    });
    assert!(pair.b.link("pw0").is_ok());
    // And with the program.
    listener.child.kill()?;
    listener.child.wait()?;
    eventually("the listener's tunnel has gone", || {
        pair.b.adit("show tunnel").is_empty() && pair.b.link("pw0").is_err()
    });
    caller.go_on();
    assert!(caller.child.wait()?.success());
    Ok(())
}
