//! Calls between xl2tpd with pppd on Adit's side, under `adit exec`, and the same programs on the
//! kernel's own driver.

use crate::counters;
use crate::dialer;
use crate::rig::{Rig, insist};
use crate::side::Side;
use crate::traffic;
use adit_e2e::{Dialup, MRU, Proof, Role, Test, UNCOMPRESSED, Xl2tpd, program};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use std::error::Error;
use std::net::Ipv4Addr;

/// Nothing is said on a link where nobody asks.
pub(crate) const QUIET: &str = "noccp\nnovj\nnoipv6\nlcp-echo-interval 0\n";

/// The first call's device on both sides.
const DEVICE: &str = "ppp0";

/// A way to end a call: something, on one side, that hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hangup {
    side: Side,
    program: &'static str,
}

/// Each way, and what a test of it is called after.
pub(crate) const HANGUPS: [(&str, Hangup); 4] = [
    ("pppd_on_adit", Hangup::new(Side::Adit, "pppd")),
    ("pppd_on_the_kernel", Hangup::new(Side::Kernel, "pppd")),
    ("xl2tpd_on_adit", Hangup::new(Side::Adit, "xl2tpd")),
    ("xl2tpd_on_the_kernel", Hangup::new(Side::Kernel, "xl2tpd")),
];

impl Hangup {
    const fn new(side: Side, program: &'static str) -> Hangup {
        Hangup { side, program }
    }
}

/// Adit's side of a call, which goes with the value.
pub(crate) struct Call<'a> {
    pub(crate) rig: &'a mut Rig,
    here: Xl2tpd,
    /// What Adit's side is.
    role: Role,
    /// Once all that was to be seen of it has been.
    seen: bool,
}

impl Call<'_> {
    /// Has the caller dial, with `options` for pppd on Adit's side and on the kernel's.
    pub(crate) fn place<'a>(
        rig: &'a mut Rig,
        role: Role,
        options: [&'static str; 2],
    ) -> Result<Call<'a>, Box<dyn Error>> {
        clear(rig)?;
        let dialup = |side: Side, role, options| {
            Ok::<_, Box<dyn Error>>(Dialup {
                role,
                proof: Proof::MsChapV2,
                own: side.end().v4.parse()?,
                peer: side.other().end().v4.parse()?,
                options,
            })
        };
        let here = dialup(Side::Adit, role, options[0])?;
        let there = dialup(Side::Kernel, role.other(), options[1])?;
        if role == Role::Lac {
            dialer::start(rig, &there)?;
        }
        let call = Call {
            here: Xl2tpd::start(&rig.host, &here),
            rig,
            role,
            seen: false,
        };
        if role == Role::Lns {
            insist(|| call.here_says("xl2tpd.log", "Listening"))?;
            dialer::start(call.rig, &there)?;
        }
        Ok(call)
    }

    pub(crate) fn inside(&self, side: Side) -> Ipv4Addr {
        inside(self.role, side)
    }

    /// Waits until packets pass.
    pub(crate) fn await_answer(&mut self) -> Test {
        let target = self.inside(Side::Adit);
        insist(|| self.rig.guest(&format!("ping -q -c 1 -W 1 {target}"))).map(drop)
    }

    pub(crate) fn here_says(&self, log: &str, text: &str) -> Test {
        says(&self.here.log(log), text)
    }

    pub(crate) fn there_says(&mut self, text: &str) -> Test {
        says(&dialer::logs(self.rig), text)
    }

    /// Waits until the kernel's side says something.
    pub(crate) fn await_there(&mut self, text: &str) -> Test {
        insist(|| self.there_says(text))
    }

    pub(crate) fn hang_up(&mut self, hangup: Hangup) -> Test {
        match (hangup.side, hangup.program) {
            (Side::Kernel, program) => return dialer::signal(self.rig, program, "TERM"),
            (Side::Adit, "pppd") => kill_process(self.here.pppd(), Signal::TERM)?,
            (Side::Adit, _) => kill_process(self.here.pid(), Signal::TERM)?,
        }
        Ok(())
    }

    /// Neither side has anything left of the call; the tunnel may serve others.
    pub(crate) fn await_end(mut self) -> Test {
        insist(|| no_call(self.rig))?;
        self.seen = true;
        Ok(())
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.seen {
            return;
        }
        for log in ["xl2tpd.log", "pppd.log", "exec.log"] {
            eprintln!("--- Adit's side, {log}:\n{}", self.here.log(log));
        }
        eprintln!("--- the kernel's side:\n{}---", dialer::logs(self.rig));
    }
}

/// The address of a side inside the call, Adit's being the end that `role` says.
pub(crate) fn inside(role: Role, side: Side) -> Ipv4Addr {
    match side {
        Side::Adit => role.inside(),
        Side::Kernel => role.other().inside(),
    }
}

/// Whether a log has a text in it.
pub(crate) fn says(log: &str, text: &str) -> Test {
    match log.contains(text) {
        true => Ok(()),
        false => Err(format!("nobody says: {text}").into()),
    }
}

/// Everything passes that shall pass, and both sides say the same of it.
pub(crate) fn carries(rig: &mut Rig, role: Role) -> Test {
    let mut call = Call::place(rig, role, [QUIET; 2])?;
    call.await_answer()?;
    everything_passes(call.rig, role)?;
    call.hang_up(HANGUPS[0].1)?;
    call.await_end()
}

/// Packets of all sizes pass both ways of a [`QUIET`] call, and both sides count and name the same.
pub(crate) fn everything_passes(rig: &mut Rig, role: Role) -> Test {
    let early = counters::early(rig)?;
    // 28 octets of headers around what fills the link; more travels in pieces.
    for size in [56, MRU - 28, MRU - 27] {
        for from in [Side::Adit, Side::Kernel] {
            traffic::ping(rig, from, inside(role, from.other()), size)?;
        }
    }
    traffic::transfer(rig, inside(role, Side::Kernel))?;
    counters::agree(rig, false, early)?;
    ids_agree(rig)
}

/// However a call ends, both sides are as they were before.
pub(crate) fn ends(rig: &mut Rig, role: Role, hangup: Hangup) -> Test {
    let mut call = Call::place(rig, role, [UNCOMPRESSED; 2])?;
    call.await_answer()?;
    call.hang_up(hangup)?;
    if hangup.program == "xl2tpd" {
        insist(|| no_tunnel(call.rig))?;
    }
    call.await_end()
}

/// Each side's own ids are the other one's peer ids, as `ip l2tp` shows them.
fn ids_agree(rig: &mut Rig) -> Test {
    const LIST: &str = "ip -j l2tp show session";
    let session = |text: String| {
        let mut sessions: Vec<Value> = serde_json::from_str(&text)?;
        // Linux lists what stands for the tunnel's management socket too.
        sessions.retain(|one| one["session_id"] != 0);
        let one = sessions.pop().filter(|_| sessions.is_empty());
        one.ok_or_else(|| Box::<dyn Error>::from(format!("not one session: {text}")))
    };
    let adit = session(supervised(rig, LIST)?)?;
    let kernel = session(rig.guest(LIST)?)?;
    for kind in ["tunnel_id", "session_id"] {
        let peer = format!("peer_{kind}");
        assert_eq!(adit[kind], kernel[&peer], "{kind}: {adit} {kernel}");
        assert_eq!(adit[&peer], kernel[kind], "{kind}: {adit} {kernel}");
    }
    Ok(())
}

/// What a command under `adit exec` prints.
pub(crate) fn supervised(rig: &Rig, line: &str) -> Result<String, Box<dyn Error>> {
    let command = rig.host.command(program()).args(["exec", "--"]);
    let output = command
        .args(line.split_whitespace())
        .env_remove("ADIT_SOCKET")
        .output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => Err(String::from_utf8_lossy(&output.stderr).into()),
    }
}

/// Ends what is left of other calls.
pub(crate) fn clear(rig: &mut Rig) -> Test {
    rig.configure("");
    dialer::kill(rig)?;
    insist(|| no_call(rig).and_then(|()| no_tunnel(rig)))
}

pub(crate) fn no_call(rig: &mut Rig) -> Test {
    let adit = rig.host.list("session");
    if !adit.is_empty() || rig.host.link(DEVICE).is_ok() {
        return Err(format!("left on Adit's side: {adit:?}").into());
    }
    // Session 0 is that of the tunnel's management socket.
    let sessions = rig.guest("ip l2tp show session | grep '^Session [^0]'; true")?;
    let device = rig.guest(&format!("ls /sys/class/net | grep {DEVICE}; true"))?;
    match sessions.is_empty() && device.is_empty() {
        true => Ok(()),
        false => Err(format!("left on the kernel's side: {sessions}{device}").into()),
    }
}

pub(crate) fn no_tunnel(rig: &mut Rig) -> Test {
    for side in [Side::Adit, Side::Kernel] {
        let left = rig.l2tp(side, "show tunnel")?;
        if !left.is_empty() {
            return Err(format!("{side:?} still has {left}").into());
        }
    }
    Ok(())
}
