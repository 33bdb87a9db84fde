use crate::program::program;
use libtest_mimic::{Arguments, Failed, Trial};
use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

mod again;

/// What a test gives back: any error fails it, as does a panic.
pub type Test = Result<(), Box<dyn Error>>;

/// More at once than this and the tests measure each other on a small machine.
const MOST_THREADS: usize = 3;

/// How long anything may take that is bound to happen, on the slowest and busiest of machines.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

static FAILURES: again::Failures = again::Failures::new();

/// A test by name. As long as few tests fail, one that does runs a second time, which counts.
pub fn test(name: impl Into<String>, body: impl Fn() -> Test + Send + 'static) -> Trial {
    let name = name.into();
    Trial::test(name.clone(), move || FAILURES.bear(&name, &body))
}

/// A test that needs `programs`. Where one is not installed it is shown as ignored and the reason is
/// printed; in continuous integration (CI=true) it fails.
pub fn needing(programs: &[&str], name: &str, body: impl Fn() -> Test + Send + 'static) -> Trial {
    let missing = programs.iter().find(|program| !is_installed(program));
    let reason = missing.map(|program| format!("{program} is not installed"));
    unless(reason, name, body)
}

/// Where `.ci/run` puts Python's packages.
pub fn python_packages() -> PathBuf {
    cache().join("python")
}

/// A file of a Debian package that `e2e/programs` has unpacked into `folder`.
pub fn unpacked(folder: &str, file: &str) -> PathBuf {
    cache().join("programs").join(folder).join(file)
}

fn cache() -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache");
    cache.unwrap_or_else(home).join("adit")
}

/// A test that needs a program that [`unpacked`] names, as [`needing`] does.
pub fn needing_unpacked(
    program: &Path,
    name: &str,
    body: impl Fn() -> Test + Send + 'static,
) -> Trial {
    let missing = !program.exists();
    let reason = missing.then(|| format!("{} is missing", program.display()));
    unless(reason, name, body)
}

/// A test that needs Python and a `package` of it among [`python_packages`], as [`needing`] does.
pub fn needing_python(
    package: &str,
    name: &str,
    body: impl Fn() -> Test + Send + 'static,
) -> Trial {
    if !python_packages().join(package).exists() {
        let reason = format!("Python's package {package} is not installed");
        return unless(Some(reason), name, body);
    }
    needing(&["python3"], name, body)
}

fn unless(missing: Option<String>, name: &str, body: impl Fn() -> Test + Send + 'static) -> Trial {
    let trial = test(name, body);
    match missing {
        Some(reason) if env::var("CI").is_ok_and(|ci| ci == "true") => {
            Trial::test(name, move || Err(Failed::from(reason)))
        }
        Some(reason) => {
            eprintln!("{name} is skipped: {reason}; .ci/run installs it");
            trial.with_ignored_flag(true)
        }
        None => trial,
    }
}

fn is_installed(program: &str) -> bool {
    let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    places
        .iter()
        .any(|place| Path::new(place).join(program).exists())
}

/// Runs `tests` as the main function of a test program without libtest's own.
///
/// Where the system offers no namespaces or TAP devices the tests are shown as ignored and the
/// reason is printed; in continuous integration (CI=true), which is set up to have them, that is
/// a failure.
pub fn run(tests: Vec<Trial>) -> ExitCode {
    run_where(|| Ok(()), tests)
}

/// As [`run`], for tests that need something more: what `available` finds missing is treated as
/// missing namespaces are.
pub fn run_where(available: impl FnOnce() -> Test, tests: Vec<Trial>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    if arguments.list {
        return libtest_mimic::run(&arguments, tests).exit_code();
    }
    program();
    if let Err(skip) = lab().and_then(|()| available()) {
        eprintln!("end-to-end tests are skipped: {skip}");
        if env::var("CI").is_ok_and(|ci| ci == "true") {
            return ExitCode::FAILURE;
        }
        let ignored = tests.into_iter().map(|test| test.with_ignored_flag(true));
        arguments.ignored = false;
        arguments.include_ignored = false;
        return libtest_mimic::run(&arguments, ignored.collect()).exit_code();
    }
    let threads = arguments.test_threads.unwrap_or(MOST_THREADS);
    arguments.test_threads = Some(threads.min(MOST_THREADS));
    libtest_mimic::run(&arguments, tests).exit_code()
}

fn lab() -> Test {
    adit_lab::become_root()?;
    adit_lab::require_tun()?;
    Ok(())
}

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not come true in time.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(PAUSE);
    }
}
