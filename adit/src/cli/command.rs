//! The command line as `clap` knows it: from here come parsing, help, manual pages and
//! completions.

use super::text::TEXTS;
use super::verb::{Object, Verb, form};
use crate::input::form::{Form, Need};
use adit_datapath::limits::Without;
use clap::builder::{OsStringValueParser, PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, Command, value_parser};
use std::path::PathBuf;

/// Whom the command line is described to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// The parser, which takes any word and leaves keywords to the forms.
    Parser,
    /// A shell's completion, which wants a list of keywords.
    Shell,
}

/// The whole command line.
pub(super) fn command(reader: Reader) -> Command {
    let mut top = Command::new("adit")
        .version(env!("CARGO_PKG_VERSION"))
        .about("L2TP pseudowires in user space, with the command line of ip l2tp")
        .subcommand_required(true)
        .args(globals())
        .after_help(
            "Verbs and objects may be abbreviated as in ip l2tp: adit a t tid 1 ...\n\
             Exit status: 0 done, 1 refused, 2 not understood.",
        );
    for verb in Verb::ALL {
        top = top.subcommand(verb_command(verb, reader));
    }
    top.subcommands([
        run(),
        check(),
        reload(),
        exec(),
        demo(),
        completions(),
        man(),
    ])
}

fn globals() -> [Arg; 4] {
    let switch = |name: &'static str, short| {
        Arg::new(name)
            .long(name)
            .short(short)
            .global(true)
            .overrides_with(name)
            .action(ArgAction::SetTrue)
    };
    [
        switch("json", 'j').help("Print JSON, with the keys of ip -j l2tp"),
        switch("pretty", 'p').help("Print JSON in lines"),
        switch("statistics", 's')
            .visible_alias("stats")
            .help("Print counters and drop reasons too"),
        Arg::new("socket")
            .long("socket")
            .value_name("PATH")
            .env("ADIT_SOCKET")
            .hide_env_values(true)
            .global(true)
            .value_parser(OsStringValueParser::new())
            .help("The daemon's control socket [default: the one of this network namespace]"),
    ]
}

fn verb_command(verb: Verb, reader: Reader) -> Command {
    let objects = verb.objects().iter();
    let objects = objects.map(|object| object_command(verb, *object, reader));
    let texts = match verb {
        Verb::Show => TEXTS.as_slice(),
        Verb::Add | Verb::Delete | Verb::Set | Verb::Start | Verb::Stop | Verb::Drain => &[],
    };
    let texts = texts
        .iter()
        .map(|text| Command::new(text.name).about(text.about));
    Command::new(verb.name())
        .about(verb.about())
        .visible_aliases(verb.aliases().iter().copied())
        .subcommand_required(true)
        .subcommands(objects)
        .subcommands(texts)
}

fn object_command(verb: Verb, object: Object, reader: Reader) -> Command {
    let form = form(verb, object);
    let about = verb.about_one(object);
    let help = keyword_help(form) + verb.note(object);
    let (verb, object) = (verb.name(), object.name());
    let words = Arg::new("words")
        .value_name("KEYWORD VALUE")
        .num_args(0..)
        .allow_negative_numbers(true)
        .hide(reader == Reader::Parser);
    let words = match reader {
        Reader::Parser => words.value_parser(OsStringValueParser::new()),
        Reader::Shell => words.value_parser(PossibleValuesParser::new(
            form.words()
                .map(|word| PossibleValue::new(word.name).help(word.help)),
        )),
    };
    Command::new(object)
        .about(about)
        .override_usage(format!("adit {verb} {object} {}", form.usage()))
        .after_help(help)
        .arg(words)
}

fn keyword_help(form: &Form) -> String {
    let mut out = String::from("Keywords:\n");
    for slot in form.slots {
        let word = slot.word;
        let alias = word.alias.map_or(String::new(), |a| format!("|{a}"));
        let mark = match slot.need {
            Need::Required => " (required)",
            Need::Optional | Need::ById | Need::ByName => "",
        };
        let left = format!("{}{alias} {}", word.name, word.metavar);
        out.push_str(&format!("  {left:<24} {}{mark}\n", word.help));
    }
    out.truncate(out.trim_end().len());
    out
}

fn run() -> Command {
    Command::new("run")
        .about("Carry tunnels and sessions: the daemon, in the foreground")
        .args([
            path("config", "FILE").help("Set up the tunnels and sessions of this file"),
            path("state", "FILE|none").help(
                "Keep the state in this file in case the daemon is killed, or nowhere \
             [default: a file of this network namespace]",
            ),
            Arg::new("workers")
                .long("workers")
                .value_name("N")
                .value_parser(value_parser!(u16).range(1..=1024))
                .help("Threads that receive, and as many that send [default: one a processor, at most 16]"),
            Arg::new("queues")
                .long("queues")
                .value_name("N")
                .value_parser(value_parser!(u16).range(1..=64))
                .help("Queues of each new device, so that so many threads send what flows through one session [default: 1]"),
            Arg::new("fast-path")
                .long("fast-path")
                .value_name("wires|all")
                .value_parser(["wires", "all"])
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("wires")
                .help("Move what can be moved inside the kernel (eBPF), past its packet filters; all: within one machine too, as over veth pairs and bridges"),
            Arg::new("without")
                .long("without")
                .value_name("FEATURE,..")
                .value_parser(<Without as std::str::FromStr>::from_str)
                .help("Do without udp-segment, udp-gro, tso, uso, outlet or multi-queue, as where the kernel lacks them"),
        ])
}

fn check() -> Command {
    Command::new("check")
        .about("Read a configuration file and say what is wrong with it")
        .arg(file().required(true))
}

fn reload() -> Command {
    let dry_run = Arg::new("dry-run")
        .long("dry-run")
        .action(ArgAction::SetTrue)
        .help("Only print what would change");
    Command::new("reload")
        .about("Apply what has changed in the daemon's configuration file")
        .arg(dry_run)
}

fn exec() -> Command {
    let program = Arg::new("command")
        .value_name("COMMAND")
        .required_unless_present("check")
        .num_args(1..)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .value_hint(clap::ValueHint::CommandWithArguments)
        .value_parser(OsStringValueParser::new())
        .help("The program and its arguments");
    Command::new("exec")
        .about("Run a program that uses Linux's L2TP API, and serve it that API")
        .override_usage("adit exec [OPTIONS] -- COMMAND [ARG]...")
        .after_help(
            "The program and all that it starts find the generic-netlink family l2tp\n\
             whether the kernel has it or not. A daemon must run in their network namespace.",
        )
        .args([
            path("log", "FILE").help("Append what the supervisor logs to this file"),
            Arg::new("session")
                .long("session")
                .value_name("TUNNEL/SESSION")
                .help("Make a PPPoL2TP socket of this session the program's standard input"),
            Arg::new("proc")
                .long("proc")
                .action(ArgAction::SetTrue)
                .help(
                    "Serve /proc/net/pppol2tp and debugfs l2tp/tunnels too, which slows every open",
                ),
            Arg::new("strict")
                .long("strict")
                .action(ArgAction::SetTrue)
                .help("Leave out what looks like accidents of Linux's, which programs may rely on"),
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help("Run nothing; say what works here, what does not, and what helps"),
            program,
        ])
}

fn demo() -> Command {
    let seconds = Arg::new("seconds")
        .long("seconds")
        .value_name("N")
        .value_parser(value_parser!(u64).range(1..=86400))
        .default_value("5")
        .help("How long data moves");
    Command::new("demo")
        .about("Join two network namespaces by a pseudowire, move data, and clean up")
        .arg(seconds)
}

fn completions() -> Command {
    let shell = Arg::new("shell")
        .value_name("SHELL")
        .required(true)
        .value_parser(value_parser!(clap_complete::Shell));
    Command::new("completions")
        .about("Print a shell's completion script")
        .arg(shell)
}

fn man() -> Command {
    let directory = Arg::new("directory")
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .help("Write one page a command into this directory instead");
    Command::new("man")
        .about("Print the manual page")
        .arg(directory)
}

fn path(name: &'static str, metavar: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(metavar)
        .value_hint(clap::ValueHint::FilePath)
        .value_parser(value_parser!(PathBuf))
}

fn file() -> Arg {
    Arg::new("file")
        .value_name("FILE")
        .value_hint(clap::ValueHint::FilePath)
        .value_parser(value_parser!(PathBuf))
}
