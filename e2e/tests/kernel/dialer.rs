//! xl2tpd with pppd in the guest.

use crate::rig::{Rig, insist};
use adit_e2e::{Dialup, Test};

const LOG: &str = "/tmp/xl2tpd.log";

/// Starts it as one end of a call, and returns when it listens.
pub(crate) fn start(rig: &mut Rig, dialup: &Dialup) -> Test {
    for (name, text) in dialup.files() {
        rig.write(&format!("/etc/ppp/{name}"), &text)?;
    }
    let command = Dialup::command();
    rig.guest(&format!("rm -f /etc/ppp/pppd.log; {command} >{LOG} 2>&1 &"))?;
    insist(|| rig.guest(&format!("grep Listening {LOG}"))).map(drop)
}

/// What both programs have written.
pub(crate) fn logs(rig: &mut Rig) -> String {
    let logs = rig.guest(&format!("cat {LOG} /etc/ppp/pppd.log 2>/dev/null; true"));
    logs.unwrap_or_else(|error| error.to_string())
}

/// Does something with the two, and tells what they and Adit's daemon have written if it fails.
pub(crate) fn telling(rig: &mut Rig, body: impl FnOnce(&mut Rig) -> Test) -> Test {
    body(rig).map_err(|error| {
        let daemon = rig.host.log();
        format!(
            "{error}\n--- the daemon:\n{daemon}--- the kernel's side:\n{}",
            logs(rig)
        )
        .into()
    })
}

/// Sends a signal to one of the two, which must run.
pub(crate) fn signal(rig: &mut Rig, program: &str, signal: &str) -> Test {
    rig.guest(&format!("killall -{signal} {program}")).map(drop)
}

/// Ends both, whether they run or not.
pub(crate) fn kill(rig: &mut Rig) -> Test {
    rig.guest("killall -q -KILL xl2tpd pppd; true").map(drop)
}
