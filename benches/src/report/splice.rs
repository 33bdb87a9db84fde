//! Puts a new measured part into a document and leaves the words around it alone.

const BEGIN: &str = "<!-- measured: begin (written by adit-bench) -->\n";
const END: &str = "<!-- measured: end -->\n";

/// The document `old` with `measured` in place of what is between the marks.
///
/// An empty document gets a title and the marks. `None` if there is a document but not exactly
/// one pair of marks in it.
pub(super) fn splice(old: &str, measured: &str) -> Option<String> {
    let measured = measured.trim_end();
    if old.trim().is_empty() {
        return Some(format!("# Performance\n\n{BEGIN}{measured}\n{END}"));
    }
    let (before, rest) = old.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let unique = ![before, after]
        .iter()
        .any(|text| text.contains(BEGIN) || text.contains(END));
    unique.then(|| format!("{before}{BEGIN}{measured}\n{END}{after}"))
}
