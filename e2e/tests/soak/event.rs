//! What happens below a pseudowire while it is in use.

use super::way::{Link, Way};
use adit_e2e::traffic::Random;
use adit_e2e::{Host, Pair, Side, Test};
use adit_lab::Tap;
use std::process::Stdio;

/// Switches of devices, and what a session is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// The near device gives super-frames, or no longer.
    Near(bool),
    /// Who reads behind the far device takes super-frames, or no longer.
    Far(bool),
    /// An end of the link cuts what it sends, or leaves it to the other.
    Send(Side, bool),
    /// An end of the link merges what it receives.
    Merge(Side, bool),
    /// The sessions are tuned, so that user space has to look at each packet, or no longer.
    Tune(bool),
    /// The session's device goes down, and soon up again.
    Down(Side),
}

impl Event {
    pub(super) fn random(random: &mut Random) -> Event {
        let side = [Side::A, Side::B][random.below(2)];
        let on = random.one_in(2);
        match random.below(6) {
            0 => Event::Near(on),
            1 => Event::Far(on),
            2 => Event::Send(side, on),
            3 => Event::Merge(side, on),
            4 => Event::Tune(on),
            _ => Event::Down(side),
        }
    }

    /// Whether frames may be lost without anybody counting them.
    pub(super) fn loses(self, way: &Way, link: Link) -> bool {
        let cable = link == Link::Cable;
        match self {
            Event::Near(_) | Event::Far(_) | Event::Send(..) => false,
            // The kernel discards what waits in a veth device then.
            Event::Merge(..) => cable,
            // Until both ends are told, one cannot read what the other sends.
            Event::Tune(_) => cable && !way.fast.is_empty(),
            Event::Down(Side::A) => true,
            // User space would count what a program cannot.
            Event::Down(Side::B) => !way.fast.is_empty(),
        }
    }

    /// Whether one end may read in user space what the other hands over in the kernel, as it is: frames
    /// that stand for many, and checksums that are not complete. Programs do not wait for a pause then.
    pub(super) fn is_misread(self, way: &Way, link: Link) -> bool {
        let passes = link == Link::Cable && !way.fast.is_empty();
        passes && matches!(self, Event::Merge(..) | Event::Tune(_) | Event::Down(_))
    }

    /// Whether order is not to be expected meanwhile: the kernel lets packets overtake those that it was
    /// about to merge, and programs begin though a busy machine has kept user space from going on.
    pub(super) fn disorders(self, way: &Way) -> bool {
        match self {
            Event::Merge(..) => true,
            Event::Tune(_) | Event::Down(_) => !way.fast.is_empty(),
            Event::Near(_) | Event::Far(_) | Event::Send(..) => false,
        }
    }

    /// Makes it so; `far` is the device behind B's.
    pub(super) fn happen(self, pair: &Pair, far: &Tap) -> Test {
        let host = |side| match side {
            Side::A => &pair.a,
            Side::B => &pair.b,
        };
        match self {
            Event::Near(on) => pair.a.set_offloads("l2tpeth0", on)?,
            Event::Far(on) => {
                pair.b.set_offloads("l2tpeth0", on)?;
                far.set_offloads(on)?;
            }
            Event::Send(side, on) => ethtool(host(side), &["tx", "tso", "gso"], on)?,
            Event::Merge(side, on) => ethtool(host(side), &["gro"], on)?,
            Event::Tune(on) => {
                let mss = if on { "1300" } else { "off" };
                for host in [&pair.a, &pair.b] {
                    host.adit(&format!("set session name l2tpeth0 mss {mss}"));
                }
            }
            Event::Down(side) => host(side).set_down("l2tpeth0")?,
        }
        Ok(())
    }

    /// Ends what does not last.
    pub(super) fn pass(self, pair: &Pair) -> Test {
        match self {
            Event::Down(Side::A) => pair.a.set_up("l2tpeth0")?,
            Event::Down(Side::B) => pair.b.set_up("l2tpeth0")?,
            Event::Near(_)
            | Event::Far(_)
            | Event::Send(..)
            | Event::Merge(..)
            | Event::Tune(_) => {}
        }
        Ok(())
    }
}

fn ethtool(host: &Host, features: &[&str], on: bool) -> Test {
    let state = if on { "on" } else { "off" };
    let mut command = host.command("ethtool").args(["-K", "eth0"]);
    for feature in features {
        command = command.args([*feature, state]);
    }
    // It says what did not become as it was asked for, which depends on the device.
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status()?;
    Ok(())
}
