//! What it is like to start programs by `adit exec`: that they run as they do without, and what is
//! said of those that cannot be run.

use adit_e2e::{Host, Test, eventually, program, supervisors, test};
use adit_lab::NsCommand;
use libtest_mimic::Trial;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "launch::what_is_no_program_is_named_in_a_line",
            what_is_no_program_is_named_in_a_line,
        ),
        test(
            "launch::a_missing_daemon_is_named",
            a_missing_daemon_is_named,
        ),
        test(
            "launch::programs_end_as_they_do_without",
            programs_end_as_they_do_without,
        ),
        test(
            "launch::keys_of_a_terminal_reach_the_foreground_alone",
            keys_of_a_terminal_reach_the_foreground_alone,
        ),
        test(
            "launch::inside_another_the_outer_one_serves",
            inside_another_the_outer_one_serves,
        ),
        test(
            "launch::what_outlives_the_program_is_served",
            what_outlives_the_program_is_served,
        ),
    ]
}

/// `adit exec` with these words behind it.
fn exec(host: &Host, words: &[&str]) -> NsCommand {
    host.command(program())
        .arg("exec")
        .args(words)
        .stdin(Stdio::null())
        .env_remove("ADIT_SOCKET")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file of the host with this text and mode.
fn file(host: &Host, name: &str, text: &str, mode: u32) -> Result<String, std::io::Error> {
    let path = host.path(name);
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    Ok(path.display().to_string())
}

fn what_is_no_program_is_named_in_a_line() -> Test {
    let host = Host::new("launch");
    let text = file(&host, "text", "", 0o644)?;
    let lost = file(&host, "lost", "#!/nonexistent/interpreter\n", 0o755)?;
    let folder = host.path("").display().to_string();
    for (words, status, told) in [
        (&["--", "nosuch"][..], 127, "nosuch: no program in PATH"),
        (&["--", "./nosuch"], 127, "./nosuch: no such file"),
        (&["--", ""], 127, "empty; give the program"),
        (&["--", &lost], 127, "interpreter"),
        (&["--", &text], 126, "chmod +x"),
        (&["--", &folder], 126, "a directory"),
        (&["--sesion", "1/2", "--", "true"], 2, "--sesion: not known"),
        (&["--strict"], 2, "COMMAND"),
        (
            &["--session", "1", "--", "true"],
            2,
            "session: 1: not two ids",
        ),
        (
            &["--log", "/nonexistent/log", "--", "true"],
            1,
            "log: /nonexistent/log",
        ),
    ] {
        let output = exec(&host, words).output()?;
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{words:?}: {errors}");
        assert!(errors.contains(told), "{words:?}: {errors}");
        assert!(!errors.contains("os error"), "{words:?}: {errors}");
    }
    Ok(())
}

/// Programs run without a daemon too, and whoever starts them is told why they find no L2TP.
fn a_missing_daemon_is_named() -> Test {
    let host = Host::idle("launch");
    let output = exec(&host, &["--", "sh", "-c", "echo ran; exit 3"]).output()?;
    let told = errors(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert_eq!(output.stdout, b"ran\n");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(
        told.contains("start") && told.contains("adit run"),
        "{told}"
    );
    let check = exec(&host, &["--check"]).output()?;
    assert_eq!(check.status.code(), Some(1));
    let found = String::from_utf8(check.stdout)?;
    assert!(
        found.contains("a daemon serves this network namespace: no: none"),
        "{found}"
    );
    Ok(())
}

fn programs_end_as_they_do_without() -> Test {
    let host = Host::new("launch");
    // As services are started, which a test is not.
    let ignoring = "trap '' PIPE HUP; exec \"$@\"";
    for line in [
        "exit 0",
        "exit 7",
        "kill -TERM $$",
        "kill -SEGV $$",
        "head -c 3000000 /dev/zero | tail -c 5",
        "cat; sleep 0 & wait; echo $# $0",
        "ulimit -n; umask; pwd; ls /proc/self/fd | wc -l; trap",
        "grep -E '^(Sig(Blk|Ign)|NoNewPrivs|Cap)' /proc/self/status; exec cat /proc/self/oom_score_adj",
    ] {
        let run = |command: NsCommand| -> Result<Output, std::io::Error> {
            let mut child = command
                .args(["sh", "-c", line])
                .env("LC_ALL", "C")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            // Who does not read its input may end before it is written.
            let _ = child.stdin.take().map(|mut to| to.write_all(b"words\n"));
            child.wait_with_output()
        };
        let adit = program().display().to_string();
        for before in [&["env"][..], &["sh", "-c", ignoring, "sh"]] {
            let start = |more: &[&str]| {
                let command = host.command("env").args(before).args(more);
                run(command.env_remove("ADIT_SOCKET"))
            };
            let bare = start(&[])?;
            let served = start(&[&adit, "exec", "--"])?;
            assert_eq!(served.status, bare.status, "{line}");
            assert_eq!(served.stdout, bare.stdout, "{line}");
            assert_eq!(errors(&served), errors(&bare), "{line}");
        }
    }
    Ok(())
}

/// A shell with job control on a terminal: Ctrl-C ends its foreground job and nothing else.
fn keys_of_a_terminal_reach_the_foreground_alone() -> Test {
    let host = Host::new("launch");
    let [behind, before] = ["behind", "before"].map(|name| host.path(name));
    let command = format!("{} exec -- sh -i", program().display());
    let mut shell = host
        .command("script")
        .args(["-qec", &command, "/dev/null"])
        .env_remove("ADIT_SOCKET")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut keys = shell.stdin.take().ok_or("no input")?;
    writeln!(
        keys,
        "sleep 60 & echo $! >{}; sh -c 'echo $$ >{}; exec sleep 61'",
        behind.display(),
        before.display()
    )?;
    let lives = || [&behind, &before].map(|file| process_in(file).is_some_and(|it| it.exists()));
    eventually("both jobs run", || lives() == [true, true]);
    keys.write_all(b"\x03")?;
    eventually("the one in the foreground ends", || {
        lives() == [true, false]
    });
    writeln!(
        keys,
        "ip l2tp show tunnel && kill %1; wait; echo all is $((40 + 2)); exit 5"
    )?;
    let output = shell.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("all is 42"), "{text}");
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert_eq!(lives(), [false, false], "{text}");
    Ok(())
}

/// The process whose id is in a file.
fn process_in(file: &Path) -> Option<PathBuf> {
    let id: u32 = fs::read_to_string(file).ok()?.trim().parse().ok()?;
    Some(PathBuf::from(format!("/proc/{id}")))
}

fn inside_another_the_outer_one_serves() -> Test {
    let host = Host::new("launch");
    let adit = program().display().to_string();
    let inside = |words: &[&str]| {
        exec(&host, &["--proc", "--", &adit, "exec"])
            .args(words)
            .output()
    };
    let listed = inside(&["--", "cat", "/proc/net/pppol2tp"])?;
    assert_eq!(
        String::from_utf8(listed.stdout)?,
        host.adit("show pppol2tp")
    );
    assert_eq!(String::from_utf8(listed.stderr)?, "");
    let told = inside(&["--strict", "--proc", "--", "ip", "l2tp", "show", "tunnel"])?;
    assert!(told.status.success(), "{told:?}");
    let told = errors(&told);
    let told: Vec<&str> = told.lines().collect();
    let fields = told.iter().filter_map(|line| line.split(": ").nth(1));
    assert_eq!(fields.collect::<Vec<_>>(), ["strict", "proc"], "{told:?}");
    let check = inside(&["--check"])?;
    let found = String::from_utf8(check.stdout)?;
    assert_eq!(check.status.code(), Some(0), "{found}");
    assert!(found.lines().all(|line| line.ends_with(": yes")), "{found}");
    Ok(())
}

/// A daemon that its starter has left, in a session of its own and without a terminal, finds L2TP
/// as before; with the last such the supervisor goes.
fn what_outlives_the_program_is_served() -> Test {
    let host = Host::new("launch");
    let [go, found] = ["go", "found"].map(|name| host.path(name));
    let line = format!(
        "exec >/dev/null 2>&1; setsid sh -c 'while ! test -e {go}; do sleep 0.05; done; \
         ip l2tp show tunnel && touch {found}; while test -e {go}; do sleep 0.05; done' & exit 3",
        go = go.display(),
        found = found.display()
    );
    let mark = host.path("mark");
    let status = exec(&host, &["--", "sh", "-c", &line])
        .env("ADIT_MARK", &mark)
        .status()?;
    assert_eq!(status.code(), Some(3));
    fs::write(&go, "")?;
    eventually("what outlives its starter finds the family", || {
        found.exists()
    });
    let mark = format!("ADIT_MARK={}", mark.display());
    assert_eq!(supervisors(&mark).len(), 1);
    fs::remove_file(&go)?;
    eventually("the supervisor ends", || supervisors(&mark).is_empty());
    Ok(())
}
