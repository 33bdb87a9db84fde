use libtest_mimic::{Arguments, Failed, Trial};
use std::env;
use std::error::Error;
use std::process::ExitCode;

/// What a test gives back: any error fails it.
pub type Test = Result<(), Box<dyn Error>>;

/// More at once than this and the tests measure each other on a small machine.
const MOST_THREADS: usize = 3;

/// A test by name.
pub fn test(name: impl Into<String>, body: impl FnOnce() -> Test + Send + 'static) -> Trial {
    Trial::test(name, move || {
        body().map_err(|error| Failed::from(error.to_string()))
    })
}

/// Runs `tests` as the main function of a test program without libtest's own.
///
/// Where the system offers no namespaces or TAP devices the tests are shown as ignored and the
/// reason is printed; in continuous integration (CI=true), which is set up to have them, that is
/// a failure.
pub fn run(tests: Vec<Trial>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    let listing = arguments.list;
    if let Err(skip) = adit_lab::become_root().and_then(|()| adit_lab::require_tun())
        && !listing
    {
        eprintln!("skipped: {skip}");
        if env::var_os("CI").is_some_and(|ci| ci == "true") {
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
