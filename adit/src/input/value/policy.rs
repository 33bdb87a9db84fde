//! Values of the policy's keys. As in the [parent](super).

pub(in crate::input) use super::{address, ifname, port, switch};

use super::{choice, number};
use crate::policy::{
    CircuitReport, Digest, HandTo, Host, Net, Pattern, Pool, PppdOn, Pseudowire, Roaming, Role,
    Secret, SourcePort, VersionChoice,
};
use adit_datapath::spec::PeerSource;
use adit_wire::l2tp::control::Quirks;
use std::path::PathBuf;
use std::time::Duration;

/// A day.
const MOST_SECONDS: u64 = 86_400;

/// A name in the file: one word.
pub(in crate::input) fn label(text: &str) -> Result<String, String> {
    let legal = |c: char| !c.is_whitespace() && !c.is_control() && c != ',';
    match (1..=64).contains(&text.len()) && text.chars().all(legal) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "{} is no name; give 1 to 64 octets without blanks and commas",
            excerpt(text)
        )),
    }
}

/// The beginning of a text, in quotes.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(72) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// What a host calls itself.
pub(in crate::input) fn host_name(text: &str) -> Result<String, String> {
    label(text)
}

/// A name with stars.
pub(in crate::input) fn pattern(text: &str) -> Result<Pattern, String> {
    label(text).map(|text| Pattern::new(&text))
}

/// A shared secret.
pub(in crate::input) fn secret(text: &str) -> Result<Secret, String> {
    match text.is_empty() {
        false => Ok(Secret(text.to_owned())),
        true => Err("empty; give at least one character, or leave it out".to_owned()),
    }
}

/// Networks, with commas in between.
pub(in crate::input) fn nets(text: &str) -> Result<Vec<Net>, String> {
    let net = |text: &str| {
        let refusal =
            || format!("{text} is no network; give an address or one such as 192.0.2.0/24");
        text.parse().map_err(|()| refusal())
    };
    text.split(',').map(net).collect()
}

/// A host by address or name.
pub(in crate::input) fn host(text: &str) -> Result<Host, String> {
    let with_port = text.matches(':').count() == 1;
    let port = if with_port {
        "; the port has a key of its own"
    } else {
        ""
    };
    let refusal =
        || format!("{text:?} names no host; give an address or a name such as lns.example{port}");
    match text.parse() {
        Ok(Host::Address(address)) if address.is_unspecified() || address.is_multicast() => {
            Err(refusal())
        }
        Ok(host) => Ok(host),
        Err(()) => Err(refusal()),
    }
}

pub(in crate::input) fn small(text: &str) -> Result<u16, String> {
    number(text, 0, u16::MAX.into(), "a small number")
}

pub(in crate::input) fn small_positive(text: &str) -> Result<u16, String> {
    number(text, 1, u16::MAX.into(), "a small number")
}

pub(in crate::input) fn count(text: &str) -> Result<u32, String> {
    number(text, 1, u32::MAX.into(), "a number of things")
}

pub(in crate::input) fn seconds(text: &str) -> Result<Duration, String> {
    number(text, 0, MOST_SECONDS, "a time in seconds").map(Duration::from_secs)
}

pub(in crate::input) fn seconds_positive(text: &str) -> Result<Duration, String> {
    number(text, 1, MOST_SECONDS, "a time in seconds").map(Duration::from_secs)
}

/// Milliseconds of a retransmission timer.
pub(in crate::input) fn milliseconds(text: &str) -> Result<Duration, String> {
    number(text, 10, 60_000, "a time in milliseconds").map(Duration::from_millis)
}

pub(in crate::input) fn retries(text: &str) -> Result<u8, String> {
    number(text, 1, 100, "a number of repetitions")
}

/// A Receive Window Size; 32768 numbers are half of all there are.
pub(in crate::input) fn window(text: &str) -> Result<u16, String> {
    number(text, 1, 32_767, "a window")
}

pub(in crate::input) fn version(text: &str) -> Result<VersionChoice, String> {
    let known = [
        ("2", VersionChoice::V2),
        ("3", VersionChoice::V3),
        ("auto", VersionChoice::Both),
    ];
    choice(text, &known)
}

pub(in crate::input) fn role(text: &str) -> Result<Role, String> {
    let known = [("lac", Role::Lac), ("lns", Role::Lns), ("lcce", Role::Lcce)];
    choice(text, &known)
}

pub(in crate::input) fn digest(text: &str) -> Result<Digest, String> {
    choice(text, &[("md5", Digest::Md5), ("sha1", Digest::Sha1)])
}

pub(in crate::input) fn source_port(text: &str) -> Result<SourcePort, String> {
    let known = [
        ("listener", SourcePort::Listener),
        ("ephemeral", SourcePort::Ephemeral),
        ("auto", SourcePort::Automatic),
    ];
    choice(text, &known)
}

pub(in crate::input) fn peer_source(text: &str) -> Result<PeerSource, String> {
    let known = [
        ("exact", PeerSource::Exact),
        ("any_port", PeerSource::AnyPort),
        ("anywhere", PeerSource::Anywhere),
    ];
    choice(text, &known)
}

pub(in crate::input) fn roaming(text: &str) -> Result<Roaming, String> {
    let known = [
        ("never", Roaming::Never),
        ("authenticated", Roaming::Authenticated),
        ("always", Roaming::Always),
    ];
    choice(text, &known)
}

/// Names of quirks, with commas in between.
pub(in crate::input) fn quirks(text: &str) -> Result<Quirks, String> {
    let cisco = Quirks {
        cisco_draft_avps: true,
    };
    let mut quirks = Quirks::default();
    for name in text.split(',') {
        let Quirks { cisco_draft_avps } = choice(name, &[("cisco-avps", cisco)])?;
        quirks.cisco_draft_avps |= cisco_draft_avps;
    }
    Ok(quirks)
}

pub(in crate::input) fn pseudowire(text: &str) -> Result<Pseudowire, String> {
    let known = [("ethernet", Pseudowire::Ethernet), ("ppp", Pseudowire::Ppp)];
    choice(text, &known)
}

pub(in crate::input) fn hand_to(text: &str) -> Result<HandTo, String> {
    let known = [
        ("device", HandTo::Device),
        ("client", HandTo::Client),
        ("pppd", HandTo::Pppd),
    ];
    choice(text, &known)
}

pub(in crate::input) fn pppd_on(text: &str) -> Result<PppdOn, String> {
    let known = [
        ("auto", PppdOn::Auto),
        ("terminal", PppdOn::Terminal),
        ("socket", PppdOn::Socket),
    ];
    choice(text, &known)
}

pub(in crate::input) fn pool(text: &str) -> Result<Pool, String> {
    let ends = text.split_once('-');
    let ends = ends.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let pool = ends.and_then(|(first, last)| Pool::new(first, last));
    pool.ok_or_else(|| {
        format!("{text} is no range of addresses; give one such as 10.8.0.2-10.8.0.254")
    })
}

/// A path that means the same from any directory.
pub(in crate::input) fn absolute_path(text: &str) -> Result<PathBuf, String> {
    match text.starts_with('/') && !text.contains('\0') {
        true => Ok(PathBuf::from(text)),
        false => Err(format!(
            "{text:?} is no path from the root; give one such as /etc/ppp/lns"
        )),
    }
}

/// A command line's words. Quotes mean nothing here: a file of options has them.
pub(in crate::input) fn pppd_options(text: &str) -> Result<Vec<String>, String> {
    match text.find(['"', '\'', '\\', '\0']) {
        None => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Some(_) => Err(format!(
            "{text:?} has quotes; write options that need them into a file and give pppd_file"
        )),
    }
}

pub(in crate::input) fn circuit_status(text: &str) -> Result<CircuitReport, String> {
    let known = [("device", CircuitReport::Device), ("up", CircuitReport::Up)];
    choice(text, &known)
}

pub(in crate::input) fn cookie_octets(text: &str) -> Result<u8, String> {
    choice(text, &[("0", 0), ("4", 4), ("8", 8)])
}
