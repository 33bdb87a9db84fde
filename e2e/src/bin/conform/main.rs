//! Asks the L2TP and PPP interfaces of the system it runs on a fixed list of questions and prints
//! the answers, one a line, with whatever differs from run to run left out.
//!
//!   adit-conform [--new-namespace] [PREFIX...]      runs the cases whose names begin so, or all
//!   adit-conform [--new-namespace] --exact NAME...  runs the cases of these names
//!   adit-conform --list
//!   adit-conform --compress-headers UNIT            asks nothing, see `headers`
//!
//! The same program runs under Linux's own driver and under the emulation of it; the answers are
//! to be the same. Every case is a process of its own that starts with no tunnel.

mod address;
mod case;
mod cases;
mod headers;
mod netlink;
mod numbers;
mod ppp;
mod pppox;
mod sys;
mod tidy;

use case::{Case, Entry};
use std::process::ExitCode;

/// Much longer than any case takes, also where a kernel runs in software emulation.
const SECONDS: u32 = 60;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, prefixes): (Vec<&str>, Vec<&str>) = arguments
        .iter()
        .map(String::as_str)
        .partition(|argument| argument.starts_with("--"));
    if options.contains(&"--compress-headers") {
        return compress_headers(&prefixes);
    }
    let exact = options.contains(&"--exact");
    let wanted = |entry: &Entry| match exact {
        true => prefixes.contains(&entry.name.as_str()),
        false => {
            let begins = |prefix: &&str| entry.name.starts_with(prefix);
            prefixes.is_empty() || prefixes.iter().any(begins)
        }
    };
    let entries: Vec<Entry> = cases::all().into_iter().filter(wanted).collect();
    if options.contains(&"--list") {
        entries.iter().for_each(|entry| println!("{}", entry.name));
        return ExitCode::SUCCESS;
    }
    if options.contains(&"--new-namespace")
        && let Err(error) = sys::enter_new_namespace()
    {
        eprintln!("a network namespace: {error}");
        return ExitCode::FAILURE;
    }
    for entry in entries {
        run(entry);
    }
    ExitCode::SUCCESS
}

fn compress_headers(words: &[&str]) -> ExitCode {
    let [Ok(unit)] = words.iter().map(|word| word.parse()).collect::<Vec<_>>()[..] else {
        eprintln!("the number of a unit is missing: --compress-headers UNIT");
        return ExitCode::FAILURE;
    };
    match headers::compress(unit) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unit {unit}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(entry: Entry) {
    let name = entry.name.clone();
    let ended = sys::in_child(SECONDS, || {
        (entry.body)(&mut Case::new(entry.name));
    });
    let mut case = Case::new(name.clone());
    how_it_ended(&mut case, "end", ended);
    // What the case's process had is closed now.
    let ended = sys::in_child(SECONDS, || {
        if let Err(error) = tidy::tidy() {
            Case::new(name).say("left behind", error);
        }
    });
    how_it_ended(&mut case, "end of tidying", ended);
}

fn how_it_ended(case: &mut Case, question: &str, status: std::io::Result<i32>) {
    match status {
        Ok(0) => {}
        Ok(status) if libc::WIFSIGNALED(status) => {
            case.say(question, format!("signal {}", libc::WTERMSIG(status)));
        }
        Ok(_) => case.say(question, "panic"),
        Err(error) => case.say(question, error),
    }
}
