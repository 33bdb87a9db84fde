//! What is said on standard error of what was not done.

use std::fmt::Display;
use std::io::Write;

/// Writes a line to stderr, after the program's name. Where stderr takes nothing, the exit status
/// has to do.
pub(crate) fn complain(line: impl Display) {
    let line = without_numbers(&line.to_string());
    let _ = writeln!(std::io::stderr(), "adit: {line}");
}

/// The text without the number that the standard library puts behind each of the operating
/// system's refusals: whoever reads the words has no use for it.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain += match part.split_once(')') {
            Some((number, rest)) if number.parse::<i32>().is_ok() => rest,
            Some(_) | None => part,
        };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_errors_are_left_out() {
        let text = "log: x: No such file or directory (os error 2); name another (os error)";
        assert_eq!(
            without_numbers(text),
            "log: x: No such file or directory; name another (os error)"
        );
        assert_eq!(without_numbers("tunnel_id: 0"), "tunnel_id: 0");
    }
}
