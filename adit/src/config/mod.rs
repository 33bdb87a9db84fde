//! The configuration file: TOML, with the command line's keywords for keys.
//!
//! `[[tunnel]]` takes the keywords of `adit add tunnel`, and `[[tunnel.session]]` inside it those
//! of `adit add session` without `tunnel_id`. Values pass the command line's checks.
//!
//! `[[listener]]`, `[[peer]]`, `[[connection]]` and the profiles are about tunnels that are set up
//! by protocol; [`crate::input::form::policy`] lists their keys.

mod document;
mod duplicates;
mod misfits;
mod policy_misfits;
mod resolve;

use crate::policy::Policy;
use adit_datapath::spec::Inventory;
use document::Located;
use std::fmt;
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// A configuration file's content, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// The tunnels and sessions that it asks for.
    pub inventory: Inventory,
    /// What it says about those that are set up by protocol.
    pub policy: Policy,
}

/// What is wrong with a configuration file, displayed as one line a fault:
/// `FILE:LINE:COLUMN: field: what; remedy`.
#[derive(Debug)]
pub struct ConfigError {
    file: PathBuf,
    faults: Vec<Fault>,
}

/// One thing that is wrong, and where it stands if it stands anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    place: Option<Place>,
    text: String,
}

/// A place in the file, counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
}

impl Config {
    /// Reads `file`. All that is wrong is reported together, unless it is not TOML at all.
    pub fn load(file: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError {
            file: file.to_owned(),
            faults: vec![Fault {
                place: None,
                text: format!("cannot be read: {error}; name a readable file in UTF-8"),
            }],
        })?;
        Config::from_text(file, &text)
    }

    /// Reads `text`, the content of `file`, as [`Config::load`] does.
    pub fn from_text(file: &Path, text: &str) -> Result<Config, ConfigError> {
        Config::parse(text).map_err(|faults| ConfigError {
            file: file.to_owned(),
            faults,
        })
    }

    fn parse(text: &str) -> Result<Config, Vec<Fault>> {
        let lines = Lines::new(text);
        let (found, mut faults) = document::read(&lines);
        faults.extend(duplicates::find(&found, &lines));
        faults.extend(misfits::find(&found, &lines));
        let (policy, more) = resolve::policy(&found.policy, &lines);
        faults.extend(more);
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.place.map(|place| (place.line, place.column)));
            // A bad value is found where it stands and again where it is needed.
            faults.dedup();
            return Err(faults);
        }
        let mut inventory = Inventory::default();
        for Located { spec, .. } in found.tunnels {
            inventory.tunnels.insert(spec.id, spec);
        }
        for Located { spec, .. } in found.sessions {
            inventory.sessions.insert(spec.key, spec);
        }
        let mut faults = policy_misfits::find(&found.policy, &policy, &inventory, &lines);
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.place.map(|place| (place.line, place.column)));
            return Err(faults);
        }
        Ok(Config { inventory, policy })
    }
}

/// Where the lines of a text start.
#[derive(Debug)]
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Lines<'a> {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines {
            text,
            starts: std::iter::once(0).chain(breaks).collect(),
        }
    }

    /// The place of the octet at `offset`.
    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.wrapping_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        Place {
            line,
            column: before.chars().count() + 1,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        for (n, fault) in self.faults.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            match fault.place {
                Some(Place { line, column }) => write!(f, "{file}:{line}:{column}: ")?,
                None => write!(f, "{file}: ")?,
            }
            f.write_str(&fault.text.replace(|c: char| c.is_control(), " "))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
