//! Values as they are written. Each function takes the text and gives the value, or what is wrong
//! with it and the remedy.

use crate::control::{MSS, MTU, REORDER_TIMEOUT_MAX, interface_name};
use adit_datapath::spec::{DebugMask, Mss, Pmtudisc, Pseudowire, Tos};
use adit_wire::l2tp::{Cookie, Sublayer};
use std::net::IpAddr;
use std::num::NonZeroU8;
use std::time::Duration;

pub(super) mod policy;

/// The names of the debug mask's bits.
const DEBUG_NAMES: [(&str, u32); 4] = [
    ("debug", DebugMask::DEBUG),
    ("control", DebugMask::CONTROL),
    ("seq", DebugMask::SEQ),
    ("data", DebugMask::DATA),
];

/// A tunnel's or session's id.
pub(super) fn id(text: &str) -> Result<u32, String> {
    number(text, 1, u32::MAX.into(), "an id")
}

/// A version of the protocol.
pub(super) fn version(text: &str) -> Result<u8, String> {
    choice(text, &[("3", 3), ("2", 2)])
}

/// What a session carries.
pub(super) fn pseudowire(text: &str) -> Result<Pseudowire, String> {
    choice(
        text,
        &[("ethernet", Pseudowire::Ethernet), ("ppp", Pseudowire::Ppp)],
    )
}

/// A UDP port.
pub(super) fn port(text: &str) -> Result<u16, String> {
    number(text, 1, u16::MAX.into(), "a UDP port")
}

/// An MTU, `None` when it is to be found automatically.
pub(super) fn mtu(text: &str) -> Result<Option<u16>, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    let (least, most) = (*MTU.start(), *MTU.end());
    let octets = number(text, least.into(), most.into(), "an MTU");
    octets
        .map(Some)
        .map_err(|refusal| format!("{refusal}, or auto"))
}

/// Whether outer packets may be fragmented.
pub(super) fn pmtudisc(text: &str) -> Result<Pmtudisc, String> {
    choice(text, &Pmtudisc::ALL.map(|(mode, name)| (name, mode)))
}

/// A TTL, `None` when it is the system's.
pub(super) fn ttl(text: &str) -> Result<Option<NonZeroU8>, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    let hops = number(text, 1, u8::MAX.into(), "a TTL").map(NonZeroU8::new);
    hops.map_err(|refusal| format!("{refusal}, or auto"))
}

/// The codepoint of outer packets.
pub(super) fn tos(text: &str) -> Result<Tos, String> {
    match text.to_ascii_lowercase().as_str() {
        "inherit" => return Ok(Tos::Inherit),
        "uniform" => return Ok(Tos::Uniform),
        _ => {}
    }
    let octet: u8 = number(text, 0, u8::MAX.into(), "a TOS octet")
        .map_err(|refusal| format!("{refusal}, or inherit or uniform"))?;
    match octet & 3 {
        0 => Ok(Tos::Fixed(octet)),
        _ => Err(format!(
            "{text} sets the two low bits, which are those of ECN; give a multiple of 4"
        )),
    }
}

/// A session's TTL, `None` when it is the tunnel's.
pub(super) fn session_ttl(text: &str) -> Result<Option<NonZeroU8>, String> {
    if text.eq_ignore_ascii_case("tunnel") {
        return Ok(None);
    }
    let hops = number(text, 1, u8::MAX.into(), "a TTL").map(NonZeroU8::new);
    hops.map_err(|refusal| format!("{refusal}, or tunnel"))
}

/// The codepoint of a session's outer packets, `None` when it is the tunnel's.
pub(super) fn session_tos(text: &str) -> Result<Option<Tos>, String> {
    if text.eq_ignore_ascii_case("tunnel") {
        return Ok(None);
    }
    tos(text).map(Some)
}

/// Seconds between probes, 0 for none.
pub(super) fn probe(text: &str) -> Result<u16, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(0);
    }
    let seconds = number(text, 1, 3600, "a time in seconds");
    seconds.map_err(|refusal| format!("{refusal}, or off"))
}

/// The largest segment size, `None` when it is left to the hosts.
pub(super) fn mss(text: &str) -> Result<Option<Mss>, String> {
    match text.to_ascii_lowercase().as_str() {
        "off" => return Ok(None),
        "auto" => return Ok(Some(Mss::Auto)),
        _ => {}
    }
    let (least, most) = (*MSS.start(), *MSS.end());
    let octets = number(text, least.into(), most.into(), "a segment size");
    octets
        .map(|octets| Some(Mss::Octets(octets)))
        .map_err(|refusal| format!("{refusal}, or auto or off"))
}

/// Milliseconds of a reorder timeout.
pub(super) fn milliseconds(text: &str) -> Result<Duration, String> {
    number(text, 0, REORDER_TIMEOUT_MAX, "a time in milliseconds").map(Duration::from_millis)
}

/// An address of either family.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| {
        format!("{text} is not an IP address; give one such as 192.0.2.1 or 2001:db8::1")
    })
}

/// The address of a peer, which must be a particular one.
pub(super) fn peer_address(text: &str) -> Result<IpAddr, String> {
    let address = address(text)?;
    if address.is_unspecified() || address.is_multicast() {
        return Err(format!(
            "{text} names no single host; give the peer's own address"
        ));
    }
    Ok(address)
}

/// `on` or `off`.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    choice(text, &[("on", true), ("off", false)])
}

/// Whether the encapsulation is UDP.
pub(super) fn encap_is_udp(text: &str) -> Result<bool, String> {
    choice(text, &[("udp", true), ("ip", false)])
}

/// Sequence numbers: demanded on receive, put on sent packets.
pub(super) fn seq(text: &str) -> Result<(bool, bool), String> {
    let known = [
        ("none", (false, false)),
        ("send", (false, true)),
        ("recv", (true, false)),
        ("both", (true, true)),
    ];
    choice(text, &known)
}

/// An L2-specific sublayer.
pub(super) fn sublayer(text: &str) -> Result<Sublayer, String> {
    choice(
        text,
        &[("default", Sublayer::Default), ("none", Sublayer::None)],
    )
}

/// A cookie of 4 or 8 octets.
pub(super) fn cookie(text: &str) -> Result<Cookie, String> {
    text.parse()
        .map_err(|_| format!("{text} is not a cookie; give 8 or 16 hex digits"))
}

/// An interface name.
pub(super) fn ifname(text: &str) -> Result<String, String> {
    interface_name(text).map(|()| text.to_owned())
}

/// A name that the configuration file gives to something.
pub(super) fn name(text: &str) -> Result<String, String> {
    policy::label(text)
}

/// A debug mask: a number, or names joined by commas.
pub(super) fn debug(text: &str) -> Result<DebugMask, String> {
    const ALL: u32 = DebugMask::DEBUG | DebugMask::CONTROL | DebugMask::SEQ | DebugMask::DATA;
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return number(text, 0, ALL.into(), "a debug mask").map(DebugMask);
    }
    text.split(',').try_fold(DebugMask(0), |mask, name| {
        let known = DEBUG_NAMES.iter().find(|(known, _)| *known == name);
        let (_, bit) = known.ok_or(format!(
            "{text} is not a debug mask; give 0 to {ALL}, or of debug,control,seq,data"
        ))?;
        Ok(DebugMask(mask.0 | bit))
    })
}

/// A debug mask by the names of its bits, joined by commas, or as a number where a bit has none.
pub fn debug_names(mask: DebugMask) -> String {
    let on = DEBUG_NAMES.iter().filter(|(_, bit)| mask.has(*bit));
    let (names, bits): (Vec<&str>, Vec<u32>) = on.copied().unzip();
    match bits.iter().sum::<u32>() == mask.0 {
        true => names.join(","),
        false => mask.0.to_string(),
    }
}

/// A value that is accepted for the sake of old scripts and has no effect.
pub(super) fn ignored(_: &str) -> Result<(), String> {
    Ok(())
}

/// A decimal number, or a hexadecimal one after `0x`, from `min` to `max`.
fn number<T: TryFrom<u64>>(text: &str, min: u64, max: u64, what: &str) -> Result<T, String> {
    let refusal = || format!("{text} is not {what}; give a number from {min} to {max}");
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // `ip l2tp` takes a leading zero for octal; refusing it keeps one text from meaning two ids.
    if radix == 10 && digits.len() > 1 && digits.starts_with('0') {
        return Err(format!(
            "{text} could be octal; write it without leading zeros"
        ));
    }
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let value = u64::from_str_radix(digits, radix);
    match value {
        Ok(value) if plain && (min..=max).contains(&value) => {
            T::try_from(value).map_err(|_| refusal())
        }
        Ok(_) | Err(_) => Err(refusal()),
    }
}

/// One of the names in `known`, upper or lower case.
fn choice<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, String> {
    let found = known
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        format!("{text} is not known here; give {}", names.join(" or "))
    })
}
