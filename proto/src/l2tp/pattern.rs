/// Whether `name` fits `pattern`, in which `*` stands for any characters. Case does not count, as
/// in host names.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    // The leftmost place of each piece leaves the most room for those behind it.
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, expected) in [
            ("lac", "LAC", true),
            ("lac", "lac1", false),
            ("", "", true),
            ("*", "", true),
            ("*.example.org", "a.Example.ORG", true),
            ("*.example.org", ".example.orgs", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "abXc", true),
            ("a*a", "a", false),
            ("a**b", "ab", true),
            ("*b*", "abc", true),
            ("ü*", "ünder", true),
            ("*ß", "ß", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
