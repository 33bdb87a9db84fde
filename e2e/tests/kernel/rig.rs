//! Adit in a namespace, the guest beside it, and an Ethernet cable between them.

use crate::side::Side;
use crate::variant::Variant;
use adit_e2e::guest::{Guest, Kit};
use adit_e2e::{Host, Test};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// The device of the pseudowire on both sides: the first that either makes.
pub(crate) const DEVICE: &str = "l2tpeth0";

/// The TCP port where the guest sends back whatever it is sent.
pub(crate) const ECHO: u16 = 7;

const TAP: &str = "tap0";

/// How long anything may take that is bound to happen, on the slowest and busiest of machines.
const PATIENCE: Duration = Duration::from_secs(90);

/// Both sides, and the means to tell either what to do.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) host: Host,
    guest: Guest,
}

impl Rig {
    /// Starts the daemon and boots the guest, whose console goes to a file called after the rig.
    pub(crate) fn new(name: &str) -> Result<Rig, Box<dyn Error>> {
        let mut host = Host::idle("adit");
        host.set_ppp_files([("options", String::new())]);
        host.start_configured("");
        let console = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-console.log"));
        let conform = Path::new(env!("CARGO_BIN_EXE_adit-conform"));
        let guest = Guest::boot_with(&Kit::find()?, &[conform], &host, TAP, &console)?;
        let mut rig = Rig { host, guest };
        let (adit, kernel) = (Side::Adit.end(), Side::Kernel.end());
        rig.host.add_address(TAP, &format!("{}/24", adit.v4))?;
        rig.host.add_address(TAP, &format!("{}/64", adit.v6))?;
        rig.host.set_up(TAP)?;
        rig.guest(&format!(
            "ip link set eth0 up && ip addr add {}/24 dev eth0 && \
             ip addr add {}/64 dev eth0 nodad && (nc -ll -p {ECHO} -e cat >/dev/null 2>&1 &)",
            kernel.v4, kernel.v6
        ))?;
        for address in [adit.v4, adit.v6] {
            insist(|| rig.guest(&format!("ping -q -c 1 -W 1 {address}")))?;
        }
        Ok(rig)
    }

    /// Gives the daemon another configuration file. An empty one ends all that it has set up by
    /// protocol.
    pub(crate) fn configure(&self, text: &str) {
        self.host.configure(text);
        self.host.adit("reload");
    }

    /// Makes the pseudowire on both sides, with addresses on the devices, in place of any other.
    pub(crate) fn make_afresh(&mut self, variant: &Variant) -> Test {
        self.clear()?;
        self.make(variant, Side::Kernel)?;
        self.make(variant, Side::Adit)
    }

    /// Makes one side of the pseudowire.
    pub(crate) fn make(&mut self, variant: &Variant, side: Side) -> Test {
        let (tunnel, session) = (variant.tunnel_words(side), variant.session_words(side));
        self.l2tp(side, &format!("add tunnel {tunnel}"))?;
        self.l2tp(side, &format!("add session {session}"))?;
        // Without IPv6 a device sends nothing of its own accord, so that who sends first is the
        // test's choice.
        let file = format!("/proc/sys/net/ipv6/conf/{DEVICE}/disable_ipv6");
        let address = format!("{}/30", side.inner());
        match side {
            Side::Adit => {
                self.host.run(|| fs::write(file, "1"))?;
                self.host.add_address(DEVICE, &address)?;
                self.host.set_up(DEVICE)?;
            }
            Side::Kernel => {
                self.guest(&format!(
                    "echo 1 >{file}; ip addr add {address} dev {DEVICE}; ip link set {DEVICE} up"
                ))?;
            }
        }
        Ok(())
    }

    /// Removes whatever is left on either side.
    pub(crate) fn clear(&mut self) -> Test {
        for side in [Side::Adit, Side::Kernel] {
            if !self.l2tp(side, "show tunnel")?.is_empty() {
                self.remove(side)?;
            }
        }
        Ok(())
    }

    /// Removes the tunnel with its session, and waits until they have gone: the kernel takes its
    /// time.
    pub(crate) fn remove(&mut self, side: Side) -> Test {
        let tunnel = side.end().tunnel;
        self.l2tp(side, &format!("del tunnel tunnel_id {tunnel}"))?;
        insist(|| match self.l2tp(side, "show tunnel")?.as_str() {
            "" if !self.has_device(side) => Ok(()),
            left => Err(format!("{side:?} still has {DEVICE} or a tunnel: {left}").into()),
        })
    }

    /// Whether the pseudowire's device is there.
    pub(crate) fn has_device(&mut self, side: Side) -> bool {
        match side {
            Side::Adit => self.host.link(DEVICE).is_ok(),
            Side::Kernel => {
                let test = format!("test -e /sys/class/net/{DEVICE}");
                self.guest(&test).is_ok()
            }
        }
    }

    /// Runs `command` in the guest and gives what it prints; a failure is an error.
    pub(crate) fn guest(&mut self, command: &str) -> Result<String, Box<dyn Error>> {
        let output = self.guest.run(command)?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(format!("guest: {command}: {}\n{stdout}{stderr}", output.status).into());
        }
        Ok(stdout.into_owned())
    }

    /// Writes a file in the guest.
    pub(crate) fn write(&mut self, path: &str, text: &str) -> Test {
        Ok(self.guest.write(path, text)?)
    }

    /// Runs a command of the grammar that both have on `side`.
    pub(crate) fn l2tp(&mut self, side: Side, words: &str) -> Result<String, Box<dyn Error>> {
        match side {
            Side::Adit => Ok(self.host.adit(words)),
            Side::Kernel => self.guest(&format!("ip l2tp {words}")),
        }
    }
}

/// Makes `attempt` until it succeeds, or it never will.
///
/// # Errors
/// What the last attempt met.
pub(crate) fn insist<T>(
    mut attempt: impl FnMut() -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(100)),
            outcome => return outcome,
        }
    }
}
