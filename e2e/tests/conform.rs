//! `adit exec` held against Linux's own driver: the questions of `adit-conform`, answered by Adit,
//! and the answers that the kernel gave, which are written down and which the tests against the
//! real driver keep true. Where the two differ docs/conformance.md must say so, and why.

use adit_e2e::{Host, Test, program, test};
use libtest_mimic::Trial;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Stdio;

const KERNEL: &str = include_str!("conform/linux-6.1.txt");
const DIFFERENCES: &str = include_str!("../../docs/conformance.md");

/// The groups of cases that are compared.
const GROUPS: &[&str] = &[
    "family.",
    "tunnel.",
    "tunnel_change.",
    "session.",
    "session_change.",
    "identity.",
    "notify.",
    "privilege.",
    "tunnel_fd.",
    "pppox.",
    "pppox_calls.",
    "pppox_data.",
    "life.",
    "ppp_units.",
    "ppp_channels.",
    "dumps.",
    "ip_sockets.",
];

/// An answer by case and question.
type Answers<'a> = BTreeMap<(&'a str, &'a str), &'a str>;

/// What is answered otherwise with `--strict`, of the cases that are named so: the case, the
/// question, and what the two answers are like. docs/exec.md has the list in words.
const STRICT: &[[&str; 4]] = &[
    [
        "tunnel.udp4_csum_0",
        "tunnels",
        "…UDP_CSUM=1:1…",
        "…UDP_CSUM=0:1…",
    ],
    ["tunnel_change.get", "good", "…flags=4 …", "…flags=0 …"],
    [
        "session_change.get_selectors",
        "empty name",
        "command=8 …",
        "ENODEV",
    ],
    [
        "pppox_data.sent_v3…",
        "sent",
        "00030000000003edff03…",
        "00030000000003ed00000000ff03…",
    ],
    [
        "pppox_data.sent_v3…",
        "session",
        "…[1=1 2=20 …",
        "…[1=1 2=24 …",
    ],
    [
        "pppox_data.sent_v3…",
        "tunnel",
        "…flags=4 …[1=1 2=20 …",
        "…flags=0 …[1=1 2=24 …",
    ],
    [
        "pppox_calls.requests_management",
        "GCHAN",
        "ffffffff",
        "ENOSYS",
    ],
    [
        "ip_sockets.names",
        "connected, peer's",
        "ENOTCONN",
        "020000007f000002…",
    ],
];

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("conform::adit_answers_as_linux", adit_answers_as_linux),
        test(
            "conform::strict_answers_differ_in_this",
            strict_answers_differ_in_this,
        ),
    ]
}

/// What the questions of these groups or cases are answered under `adit exec` with `options`.
fn ask(options: &[&str], names: &[&str]) -> Result<(String, String), Box<dyn Error>> {
    let host = Host::new("conform");
    let output = host
        .command(program())
        .arg("exec")
        .args(options)
        .arg("--")
        .arg(env!("CARGO_BIN_EXE_adit-conform"))
        .args(names)
        .stdin(Stdio::null())
        .env_remove("ADIT_SOCKET")
        .env("RUST_BACKTRACE", "0")
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {errors}", output.status);
    Ok((String::from_utf8(output.stdout)?, errors))
}

fn adit_answers_as_linux() -> Test {
    let (found, errors) = ask(&["--proc"], GROUPS)?;
    fs::write(
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("conform.txt"),
        &found,
    )?;
    let complaints = complaints(
        &of_groups(answers(KERNEL)),
        &answers(&found),
        &listed(DIFFERENCES),
    );
    assert!(complaints.is_empty(), "{}\n{errors}", complaints.join("\n"));
    Ok(())
}

fn strict_answers_differ_in_this() -> Test {
    let cases = STRICT.iter().map(|[case, ..]| case.trim_end_matches('…'));
    let cases: Vec<&str> = cases.collect();
    let (usual, _) = ask(&[], &cases)?;
    let (strict, errors) = ask(&["--strict"], &cases)?;
    let (usual, strict) = (answers(&usual), answers(&strict));
    let mut seen = vec![false; STRICT.len()];
    let keys = usual.keys().chain(strict.keys());
    let keys: BTreeMap<_, ()> = keys.map(|key| (*key, ())).collect();
    for key in keys.into_keys() {
        let [usual, strict] = [&usual, &strict].map(|all| all.get(&key).copied());
        if usual == strict {
            continue;
        }
        let (usual, strict) = (usual.unwrap_or("not asked"), strict.unwrap_or("not asked"));
        let (case, question) = key;
        let place = STRICT.iter().position(|[of, asked, was, is]| {
            alike(of, case) && *asked == question && alike(was, usual) && alike(is, strict)
        });
        let place =
            place.ok_or_else(|| format!("{case}, {question}\n  {usual}\n  {strict}\n{errors}"))?;
        seen[place] = true;
    }
    assert!(!seen.contains(&false), "no difference: {seen:?}");
    Ok(())
}

fn answers(text: &str) -> Answers<'_> {
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    let fields = lines.filter_map(|(case, rest)| Some((case, rest.split_once('\t')?)));
    fields
        .map(|(case, (question, answer))| ((case, question), answer))
        .collect()
}

fn of_groups(mut answers: Answers<'_>) -> Answers<'_> {
    answers.retain(|(case, _), _| GROUPS.iter().any(|group| case.starts_with(group)));
    answers
}

/// A difference that is written down: a row of a table with five columns.
struct Listed {
    case: String,
    question: String,
    kernel: String,
    adit: String,
}

fn listed(document: &str) -> Vec<Listed> {
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let row = row.replace("\\|", "\u{1}");
        let mut columns = row.split('|').skip(1).map(|column| {
            let column = column.trim().trim_matches('`');
            column.replace('\u{1}', "|")
        });
        let mut next = || columns.next().unwrap_or_default();
        Listed {
            case: next(),
            question: next(),
            kernel: next(),
            adit: next(),
        }
    })
    .collect()
}

impl Listed {
    fn covers(&self, case: &str, question: &str, kernel: &str, adit: &str) -> bool {
        alike(&self.case, case)
            && alike(&self.question, question)
            && alike(&self.kernel, kernel)
            && alike(&self.adit, adit)
    }
}

/// Whether a text is what a pattern says, in which each `…` stands for anything.
fn alike(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else {
        return false;
    };
    let Some(end) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(end)
}

/// A line for each difference that is not listed, and for each listed one that is none.
fn complaints(kernel: &Answers, adit: &Answers, listed: &[Listed]) -> Vec<String> {
    let mut used = vec![false; listed.len()];
    let mut complaints = Vec::new();
    let questions: BTreeMap<_, ()> = kernel
        .keys()
        .chain(adit.keys())
        .map(|key| (*key, ()))
        .collect();
    for (case, question) in questions.into_keys() {
        let of = |answers: &Answers| {
            answers
                .get(&(case, question))
                .copied()
                .unwrap_or("not asked")
                .to_owned()
        };
        let (kernel, adit) = (of(kernel), of(adit));
        if kernel == adit {
            continue;
        }
        let covering = listed
            .iter()
            .position(|one| one.covers(case, question, &kernel, &adit));
        match covering {
            Some(place) => used[place] = true,
            None => complaints.push(format!(
                "{case}, {question}\n  Linux: {kernel}\n  Adit:  {adit}"
            )),
        }
    }
    let unused = listed.iter().zip(used).filter(|(_, used)| !used);
    complaints.extend(unused.map(|(one, _)| {
        format!(
            "docs/conformance.md lists what is no difference: {}, {}",
            one.case, one.question
        )
    }));
    complaints
}
