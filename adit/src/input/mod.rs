//! What people write about tunnels and sessions, on the command line and in the configuration
//! file: one vocabulary ([`keyword`]), one table a command ([`form`]), one set of checks.

pub mod build;
pub mod form;
pub mod keyword;

mod fields;
mod value;

pub use fields::Fields;
pub use value::debug_names;

#[cfg(test)]
mod tests;

/// A field that was not understood: which one, and a sentence with its value and a remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {text}")]
pub struct FieldError {
    /// The keyword, or what was given in its place.
    pub field: String,
    /// What is wrong and what to do.
    pub text: String,
}

impl FieldError {
    /// An error of these two parts.
    pub fn new(field: impl Into<String>, text: impl Into<String>) -> FieldError {
        FieldError {
            field: field.into(),
            text: text.into(),
        }
    }
}

/// The one of `known` that `given` was probably meant to be.
fn nearest(given: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    // Below this likeness a suggestion is noise.
    const ALIKE: f64 = 0.75;
    known
        .map(|name| (strsim::jaro(given, name), name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
