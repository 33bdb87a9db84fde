//! The pseudowires that are tried, the words that make them on either side, and what of one
//! side the other one shows.

use crate::side::Side;
use serde_json::Value;

/// A pseudowire to try, in the words of `ip l2tp`.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) name: String,
    encap: &'static str,
    ipv6: bool,
    /// What both say about the tunnel besides addresses, ids and ports.
    tunnel: &'static str,
    /// What each says about the session besides ids.
    adit: &'static str,
    kernel: &'static str,
    /// Whether the packets of both directions carry sequence numbers in the end.
    pub(crate) numbered: bool,
    /// Who sends first. Either has to hear a number before it sends a packet without one, for
    /// that would make the other one stop.
    pub(crate) first: Side,
}

/// What carries pseudowires: the encapsulation, and whether over IPv6.
const OUTER: [(&str, bool); 4] = [("udp", false), ("ip", false), ("udp", true), ("ip", true)];

/// Every outer protocol with every form of session, and what only one outer protocol has.
pub(crate) fn variants() -> Vec<Variant> {
    let mut variants: Vec<_> = OUTER
        .into_iter()
        .flat_map(|(encap, ipv6)| SESSIONS.map(|session| Variant::new(encap, ipv6, session)))
        .collect();
    variants.push(Variant {
        tunnel: "udp_csum on",
        ..Variant::new("udp", false, ("checksum", "", ""))
    });
    variants.push(Variant {
        tunnel: "udp6_csum_tx off udp6_csum_rx off",
        ..Variant::new("udp", true, ("zero_checksum", "", ""))
    });
    variants
}

/// Every outer protocol, for what does not depend on the session.
pub(crate) fn whole_frames() -> [Variant; 4] {
    OUTER.map(|(encap, ipv6)| Variant::new(encap, ipv6, ("whole_frames", "", "")))
}

/// Each side sends another cookie than the other one wants.
pub(crate) fn wrong_cookies() -> Variant {
    let session = (
        "wrong_cookies",
        "cookie 0a0b0c0d peer_cookie 01020304",
        "cookie 01020305 peer_cookie 0a0b0c0e",
    );
    Variant::new("udp", false, session)
}

/// Numbered both ways, so that a side that starts again shows.
pub(crate) fn restarted() -> [Variant; 2] {
    let names = ["kernel_starts_again", "adit_is_killed"];
    names.map(|name| Variant::new("udp", false, (name, "seq both", "seq both")))
}

/// Name, words on Adit's side, words on the kernel's.
const SESSIONS: [(&str, &str, &str); 8] = [
    ("plain", "", ""),
    (
        "cookies_of_4",
        "cookie 0a0b0c0d peer_cookie 01020304",
        "cookie 01020304 peer_cookie 0a0b0c0d",
    ),
    (
        "cookies_of_8",
        "cookie 0a0b0c0d0e0f1011 peer_cookie 0102030405060708",
        "cookie 0102030405060708 peer_cookie 0a0b0c0d0e0f1011",
    ),
    (
        "cookies_of_4_and_8",
        "cookie 0a0b0c0d peer_cookie 0102030405060708",
        "cookie 0102030405060708 peer_cookie 0a0b0c0d",
    ),
    ("no_sublayer", "l2spec_type none", "l2spec_type none"),
    ("sequence", "seq both", "seq both"),
    // A side that is not told to number its packets does so once the other one does.
    ("sequence_learnt_by_kernel", "seq send", ""),
    ("sequence_learnt_by_adit", "", "seq send"),
];

impl Variant {
    fn new(
        encap: &'static str,
        ipv6: bool,
        (name, adit, kernel): (&str, &'static str, &'static str),
    ) -> Variant {
        let family = if ipv6 { "ipv6" } else { "ipv4" };
        Variant {
            name: format!("{encap}_{family}_{name}"),
            encap,
            ipv6,
            tunnel: "",
            adit,
            kernel,
            numbered: name.starts_with("sequence"),
            first: match kernel {
                "seq send" => Side::Kernel,
                _ => Side::Adit,
            },
        }
    }

    /// The words after `add tunnel`.
    pub(crate) fn tunnel_words(&self, side: Side) -> String {
        let (here, there) = (side.end(), side.other().end());
        let mut words = format!(
            "tunnel_id {} peer_tunnel_id {} encap {} local {} remote {} {}",
            here.tunnel,
            there.tunnel,
            self.encap,
            self.address(side),
            self.address(side.other()),
            self.tunnel,
        );
        if self.encap == "udp" {
            words += &format!(" udp_sport {} udp_dport {}", here.port, there.port);
        }
        words
    }

    /// The words after `add session`.
    pub(crate) fn session_words(&self, side: Side) -> String {
        let (here, there) = (side.end(), side.other().end());
        let own = match side {
            Side::Adit => self.adit,
            Side::Kernel => self.kernel,
        };
        format!(
            "tunnel_id {} session_id {} peer_session_id {} {own}",
            here.tunnel, here.session, there.session
        )
    }

    /// What one side would show of itself, made from the words that the other one shows.
    pub(crate) fn mirrored(&self, shown: &str) -> String {
        // Splitting keeps the separators: the layout is half of what is compared.
        let pieces = shown.split_inclusive([' ', ',', '/', '\n']);
        let mirrored = pieces.map(|piece| {
            let end = piece.trim_end_matches([' ', ',', '/', '\n']).len();
            let (word, separator) = piece.split_at(end);
            format!("{}{separator}", self.counterpart(word))
        });
        mirrored.collect()
    }

    /// The same of JSON.
    pub(crate) fn mirrored_json(&self, shown: &Value) -> Value {
        match shown {
            Value::Null | Value::Bool(_) => shown.clone(),
            Value::Number(number) => match self.counterpart(&number.to_string()).parse() {
                Ok(number) => Value::Number(number),
                Err(_) => shown.clone(),
            },
            Value::String(text) => Value::String(self.counterpart(text).to_owned()),
            Value::Array(items) => items.iter().map(|item| self.mirrored_json(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(key, value)| (key.clone(), self.mirrored_json(value)))
                .collect(),
        }
    }

    /// What the other side has where this one has `word`.
    fn counterpart<'word>(&self, word: &'word str) -> &'word str {
        let (adit, kernel) = (Side::Adit.end(), Side::Kernel.end());
        let own = [
            (adit.v4, kernel.v4),
            (adit.v6, kernel.v6),
            (adit.tunnel, kernel.tunnel),
            (adit.session, kernel.session),
            (adit.port, kernel.port),
        ];
        let pairs = own.into_iter().chain(self.cookies());
        for (one, other) in pairs {
            if word == one {
                return other;
            }
            if word == other {
                return one;
            }
        }
        word
    }

    /// How many octets of cookie Adit and the kernel send.
    pub(crate) fn cookie_octets(&self) -> [u32; 2] {
        let cookies = [self.adit, self.kernel].map(|words| value(words, "cookie"));
        cookies.map(|cookie| cookie.map_or(0, |digits| digits.len() as u32 / 2))
    }

    fn cookies(&self) -> Option<(&'static str, &'static str)> {
        Some((
            value(self.adit, "cookie")?,
            value(self.adit, "peer_cookie")?,
        ))
    }

    fn address(&self, side: Side) -> &'static str {
        if self.ipv6 {
            side.end().v6
        } else {
            side.end().v4
        }
    }
}

/// The word behind `key`.
fn value(words: &'static str, key: &str) -> Option<&'static str> {
    words
        .split_whitespace()
        .skip_while(|word| *word != key)
        .nth(1)
}
