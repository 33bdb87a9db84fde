//! Adit's own control plane and xl2tpd on the kernel's driver: Adit runs a pppd for each call, and
//! xl2tpd does.

use crate::calls::{QUIET, clear, everything_passes, inside, no_call, no_tunnel, says};
use crate::dialer;
use crate::rig::{Rig, insist};
use crate::side::Side;
use adit_e2e::{Capture, Dialup, MRU, Proof, Role, Test};
use std::time::Duration;

/// How long the next Hello may take, a second being the least.
const PATIENCE: Duration = Duration::from_secs(60);

/// A call is set up, carries everything, and outlives silence, in which only Hellos keep its tunnel;
/// StopCCN ends all of it.
pub(crate) fn carries(rig: &mut Rig, role: Role) -> Test {
    dialer::telling(rig, |rig| {
        place(rig, role)?;
        everything_passes(rig, role)?;
        established(rig)?;
        hellos_are_answered(rig)?;
        established(rig)?;
        match role {
            Role::Lac => drop(rig.host.adit("stop tunnel connection x")),
            Role::Lns => rig.configure(""),
        }
        ended(rig, "Connection closed to 192.168.1.1")
    })
}

/// The kernel's side ends first the call, by its pppd, and then the tunnel.
pub(crate) fn ends(rig: &mut Rig, role: Role) -> Test {
    dialer::telling(rig, |rig| {
        place(rig, role)?;
        dialer::signal(rig, "pppd", "TERM")?;
        insist(|| no_call(rig))?;
        let tunnels = rig.host.list("tunnel").len();
        assert_eq!(tunnels, 1, "the tunnel may serve other calls");
        dialer::signal(rig, "xl2tpd", "TERM")?;
        insist(|| no_tunnel(rig))
    })
}

/// Has the caller dial, and waits until packets pass.
fn place(rig: &mut Rig, role: Role) -> Test {
    clear(rig)?;
    let kernel = Dialup {
        role: role.other(),
        proof: Proof::MsChapV2,
        own: Side::Kernel.end().v4.parse()?,
        peer: Side::Adit.end().v4.parse()?,
        options: QUIET,
    };
    rig.configure(&configuration(role));
    dialer::start(rig, &kernel)?;
    if role == Role::Lac {
        rig.host.adit("start tunnel connection x");
    }
    let target = inside(role, Side::Adit);
    insist(|| rig.guest(&format!("ping -q -c 1 -W 1 {target}"))).map(drop)
}

/// The daemon's file where Adit is the end that `role` says.
fn configuration(role: Role) -> String {
    let listener = "[[listener]]\nname = \"l\"\nlocal = \"192.168.1.1\"\n";
    // What it must be for both: packets of the whole link, and silence.
    let pppd = |more: &str| {
        let options = QUIET.replace('\n', " ");
        format!(
            "hand_to = \"pppd\"\npppd_on = \"socket\"\nmtu = {MRU}\npppd_options = \"noauth {options} {more}\"\n"
        )
    };
    match role {
        Role::Lac => format!(
            "{listener}[[connection]]\nname = \"x\"\nhost = \"192.168.1.2\"\nversion = 2\n\
             role = \"lac\"\nhello = 1\npersistent = false\n\
             [[connection.session]]\nremote_end_id = \"x\"\n{}",
            pppd("user caller password secret"),
        ),
        Role::Lns => format!(
            "{listener}[[session_profile]]\nname = \"subscriber\"\npseudowire = \"ppp\"\n{}\
             [[peer]]\nname = \"subscribers\"\nversion = 2\nrole = \"lns\"\nhello = 1\n\
             session_profile = \"subscriber\"\n",
            pppd("10.9.0.1:10.9.0.10"),
        ),
    }
}

/// Adit has one tunnel and one session, both established.
fn established(rig: &Rig) -> Test {
    for kind in ["tunnel", "session"] {
        let objects = rig.host.list(kind);
        if objects.len() != 1 || objects[0]["state"] != "established" {
            return Err(format!("not one established {kind}: {objects:?}").into());
        }
    }
    Ok(())
}

/// Adit asks a peer that says nothing whether it is there, and again only after it has answered.
fn hellos_are_answered(rig: &Rig) -> Test {
    let capture = Capture::new(&rig.host)?;
    let mut numbers = Vec::new();
    while numbers.len() < 3 {
        let number = capture.find(PATIENCE, hello)?.ok_or("no Hello")?;
        if numbers.last() != Some(&number) {
            numbers.push(number);
        }
    }
    Ok(())
}

/// The Ns of a Hello that Adit sends (RFC 2661 section 6.5).
fn hello(frame: &[u8]) -> Option<u16> {
    /// Message Type, mandatory, of eight octets, and Hello.
    const MESSAGE_TYPE: [u8; 8] = [0x80, 8, 0, 0, 0, 0, 0, 6];
    /// A control message of version 2: T, L and S.
    const CONTROL: [u8; 2] = [0xc8, 0x02];
    let source = [192, 168, 1, 1];
    if frame.get(14 + 12..14 + 16)? != source {
        return None;
    }
    // Behind the headers of Ethernet, IPv4 and UDP.
    let message = frame.get(14 + 20 + 8..)?;
    if !message.starts_with(&CONTROL) || message.get(12..20)? != MESSAGE_TYPE {
        return None;
    }
    Some(u16::from_be_bytes([message[8], message[9]]))
}

/// Nothing is left on either side, and xl2tpd says why.
fn ended(rig: &mut Rig, why: &str) -> Test {
    insist(|| no_call(rig))?;
    insist(|| no_tunnel(rig))?;
    insist(|| says(&dialer::logs(rig), why))
}
