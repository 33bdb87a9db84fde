//! A whole Linux with its own L2TP driver, as the peer to be measured against: Debian's stock
//! kernel in QEMU, in software emulation, so that no host needs KVM or the kernel's L2TP modules.
//!
//! `e2e/guest/prepare` makes the [`Kit`], [`Guest::boot`] starts it with its `eth0` joined to a
//! TAP in a namespace, and [`Guest::run`] runs commands in it. The guest lives in memory alone;
//! `e2e/guest/init` is all that runs in it.

mod answers;
mod archive;
mod kit;

pub use kit::{Kit, Unavailable};

use adit_lab::Namespace;
use answers::Answers;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Output, Stdio};
use std::time::Duration;

/// A loaded machine needs several times the five seconds of an idle one.
const BOOT: Duration = Duration::from_secs(120);

/// Longer than what the guest itself allows a command.
const COMMAND: Duration = Duration::from_secs(90);

/// A running guest. It is gone when the value is dropped, or when the process that holds it ends
/// in whatever way: QEMU loses its parent, and the guest the other end of its command channel.
#[derive(Debug)]
pub struct Guest {
    qemu: Child,
    requests: ChildStdin,
    answers: Answers,
    console: PathBuf,
}

impl Guest {
    /// Starts a guest whose `eth0` is joined to `tap`, a device that QEMU makes in `namespace`,
    /// down and without addresses, and returns when the guest takes commands. What the guest's
    /// kernel and QEMU say goes to the file `console`.
    ///
    /// # Errors
    /// What starting QEMU meets, or a guest that is not ready in time, with the end of `console`.
    pub fn boot(kit: &Kit, namespace: &Namespace, tap: &str, console: &Path) -> io::Result<Guest> {
        Guest::start(kit, &kit.initramfs(), namespace, tap, console)
    }

    /// As [`Guest::boot`], with programs of the host's in the guest's /sbin.
    ///
    /// # Errors
    /// As [`Guest::boot`], and what reading the programs meets.
    pub fn boot_with(
        kit: &Kit,
        programs: &[&Path],
        namespace: &Namespace,
        tap: &str,
        console: &Path,
    ) -> io::Result<Guest> {
        let image = tempfile::Builder::new().suffix(".cpio").tempfile()?;
        fs::write(&image, archive::extended(&kit.initramfs(), programs)?)?;
        Guest::start(kit, image.path(), namespace, tap, console)
    }

    fn start(
        kit: &Kit,
        initramfs: &Path,
        namespace: &Namespace,
        tap: &str,
        console: &Path,
    ) -> io::Result<Guest> {
        let complaints = fs::File::create(console)?;
        let mut qemu = namespace
            .command(kit.qemu())
            .args(machine(kit, initramfs))
            .args(devices(tap, console))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()?;
        let (Some(requests), Some(answers)) = (qemu.stdin.take(), qemu.stdout.take()) else {
            unreachable!("both were asked for as pipes");
        };
        let mut guest = Guest {
            qemu,
            requests,
            answers: Answers::read(answers),
            console: console.to_owned(),
        };
        guest.answer(BOOT)?;
        Ok(guest)
    }

    /// Runs `command`, one line for the guest's `sh`, and returns how it ended, as a local command
    /// would. What it leaves in the background must have its output redirected.
    ///
    /// # Errors
    /// A guest that has died or does not answer, with the end of its console. A command that
    /// fails, or is ended by the guest after 60 seconds, is an [`Output`].
    pub fn run(&mut self, command: &str) -> io::Result<Output> {
        assert!(!command.contains('\n'), "one line: {command:?}");
        writeln!(self.requests, "{command}")?;
        self.answer(COMMAND)
    }

    /// Writes a file in the guest, whose text has no quotes.
    ///
    /// # Errors
    /// As [`Guest::run`], and a place where no file can be.
    pub fn write(&mut self, path: &str, text: &str) -> io::Result<()> {
        assert!(!text.contains(['\'', '\\']), "no quotes: {text:?}");
        let text = text.replace('\n', "\\n").replace('%', "%%");
        let output = self.run(&format!("printf '{text}' >{path}"))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("guest: {path}: {stderr}")));
        }
        Ok(())
    }

    fn answer(&mut self, patience: Duration) -> io::Result<Output> {
        self.answers.next(patience).map_err(|error| {
            let console = fs::read(&self.console).unwrap_or_default();
            let tail = &console[console.len().saturating_sub(2000)..];
            let tail = String::from_utf8_lossy(tail);
            io::Error::new(
                error.kind(),
                format!("guest: {error}; its console:\n{tail}"),
            )
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // There is nothing in the guest to lose. A QEMU that has ended already is as good.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn machine(kit: &Kit, initramfs: &Path) -> Vec<String> {
    let machine = "-machine q35 -accel tcg,thread=multi -cpu max -smp 1 -m 256 \
                   -nodefaults -no-user-config -display none -no-reboot";
    let mut words: Vec<String> = machine.split_whitespace().map(str::to_owned).collect();
    words.extend(["-kernel".into(), kit.kernel().display().to_string()]);
    words.extend(["-initrd".into(), initramfs.display().to_string()]);
    // A panic reboots at once, which QEMU makes an exit: a guest never hangs in it. On a busy machine
    // the kernel may find that its timer does not tick, and panic, unless it is told not to look.
    let line = "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check";
    words.extend(["-append".into(), line.into()]);
    words
}

fn devices(tap: &str, console: &Path) -> Vec<String> {
    let console = console.display();
    [
        [
            "-chardev",
            &format!("file,id=console,path={console},append=on"),
        ],
        ["-serial", "chardev:console"],
        ["-device", "virtio-serial-pci"],
        // The command channel, apart from the console because the kernel speaks there too.
        ["-chardev", "stdio,id=commands,signal=off"],
        ["-device", "virtserialport,chardev=commands"],
        [
            "-netdev",
            &format!("tap,id=net,ifname={tap},script=no,downscript=no"),
        ],
        ["-device", "virtio-net-pci,netdev=net"],
    ]
    .into_iter()
    .flatten()
    .map(str::to_owned)
    .collect()
}
