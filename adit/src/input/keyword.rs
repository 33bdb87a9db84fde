//! The vocabulary: every keyword with its spelling, its values and its meaning.

use super::{FieldError, value};
use adit_datapath::spec::{DebugMask, Mss, Pmtudisc, Pseudowire, Tos};
use adit_wire::l2tp::{Cookie, Sublayer};
use std::net::IpAddr;
use std::num::NonZeroU8;
use std::time::Duration;

/// A keyword whose value is a `T`.
#[derive(Debug)]
pub struct Keyword<T: 'static> {
    /// What can be said about it without knowing `T`.
    pub word: Word,
    pub(super) parse: fn(&str) -> Result<T, String>,
}

/// A keyword's spelling and meaning.
#[derive(Debug)]
pub struct Word {
    /// The keyword; in the configuration file, the key.
    pub name: &'static str,
    /// A shorter spelling that the command line takes too.
    pub alias: Option<&'static str>,
    /// What stands for the value in help texts.
    pub metavar: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// How the configuration file writes the value.
    pub notation: Notation,
    pub(super) check: fn(&str) -> Result<(), String>,
}

/// How the configuration file writes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A string.
    Text,
    /// A number or a string.
    NumberOrText,
    /// An array of strings.
    List,
}

impl Word {
    /// Whether `given` spells this keyword.
    pub fn is(&self, given: &str) -> bool {
        self.name == given || self.alias == Some(given)
    }

    /// Refuses `value` if it is none for this keyword.
    pub fn check(&self, value: &str) -> Result<(), FieldError> {
        (self.check)(value).map_err(|text| FieldError::new(self.name, text))
    }
}

impl<T> Keyword<T> {
    const fn new(
        [name, metavar, help]: [&'static str; 3],
        notation: Notation,
        parse: fn(&str) -> Result<T, String>,
        check: fn(&str) -> Result<(), String>,
    ) -> Keyword<T> {
        let word = Word {
            name,
            alias: None,
            metavar,
            help,
            notation,
            check,
        };
        Keyword { word, parse }
    }

    const fn alias(mut self, alias: &'static str) -> Keyword<T> {
        self.word.alias = Some(alias);
        self
    }
}

macro_rules! keywords {
    ($(
        $name:ident: $type:ty = $spelling:literal $(| $alias:literal)?,
            $metavar:literal, $notation:ident, $parse:ident,
            $help:literal;
    )+) => {
        $(
            #[doc = concat!("`", $spelling, "`: ", $help, ".")]
            pub static $name: Keyword<$type> =
                Keyword::new(
                    [$spelling, $metavar, $help],
                    Notation::$notation,
                    value::$parse,
                    |text| value::$parse(text).map(drop),
                )
                $(.alias($alias))?;
        )+
    };
}

pub mod policy;

keywords! {
    TUNNEL_ID: u32 = "tunnel_id" | "tid", "ID", Number, id,
        "this end's tunnel id, unique in the network namespace";
    PEER_TUNNEL_ID: u32 = "peer_tunnel_id" | "ptid", "ID", Number, id,
        "the peer's id for the tunnel";
    SESSION_ID: u32 = "session_id" | "sid", "ID", Number, id,
        "this end's session id; only sessions of different UDP tunnels may share one";
    PEER_SESSION_ID: u32 = "peer_session_id" | "psid", "ID", Number, id,
        "the peer's id for the session";
    VERSION: u8 = "version", "2|3", Number, version,
        "L2TPv2, whose ids go to 65535 and whose sessions carry PPP, or L2TPv3 (default 3)";
    ENCAP: bool = "encap", "udp|ip", Text, encap_is_udp,
        "what carries the tunnel: UDP or IP protocol 115 (default udp)";
    LOCAL: IpAddr = "local", "ADDRESS", Text, address,
        "this end's IP address";
    REMOTE: IpAddr = "remote", "ADDRESS", Text, peer_address,
        "the peer's IP address, of the same family";
    UDP_SPORT: u16 = "udp_sport", "PORT", Number, port,
        "this end's UDP port; required with encap udp";
    UDP_DPORT: u16 = "udp_dport", "PORT", Number, port,
        "the peer's UDP port; required with encap udp";
    UDP_CSUM: bool = "udp_csum", "on|off", Boolean, switch,
        "UDP checksums on sent packets, over IPv4 (default: whichever is cheaper)";
    UDP6_CSUM_TX: bool = "udp6_csum_tx", "on|off", Boolean, switch,
        "UDP checksums on sent packets, over IPv6 (default on)";
    UDP6_CSUM_RX: bool = "udp6_csum_rx", "on|off", Boolean, switch,
        "UDP checksums demanded of received packets, over IPv6 (default on)";
    PMTUDISC: Pmtudisc = "pmtudisc", "dont|want|do|probe", Text, pmtudisc,
        "outer packets may be fragmented: dont: anywhere; want: by this host, if they exceed the path MTU; do, probe: never (default dont)";
    TTL: Option<NonZeroU8> = "ttl", "N|auto", NumberOrText, ttl,
        "the outer packets' TTL or hop limit: 1 to 255, or auto, the system's (default auto)";
    PMTU_PROBE: u16 = "pmtu_probe", "SECONDS|off", NumberOrText, probe,
        "probe the path's MTU that often, by echo requests that the peer has to answer (default off)";
    TOS: Tos = "tos", "0xNN|inherit|uniform", NumberOrText, tos,
        "the outer packets' TOS or traffic class, or that of the frame's IP packet, taken over outward or both ways (default 0)";
    ECN: bool = "ecn", "on|off", Boolean, switch,
        "congestion marks pass through the tunnel; the same at both ends (default off)";
    NAME: String = "name", "IF", Text, ifname,
        "the network device's name (default the first free l2tpethN)";
    PSEUDOWIRE: Pseudowire = "pseudowire", "ethernet|ppp", Text, pseudowire,
        "what the session carries: Ethernet frames of a device of its own, or PPP frames of programs (default ethernet)";
    COOKIE: Cookie = "cookie", "HEX", Text, cookie,
        "the cookie put on sent packets, 8 or 16 hex digits (default none)";
    PEER_COOKIE: Cookie = "peer_cookie", "HEX", Text, cookie,
        "the cookie demanded of received packets, 8 or 16 hex digits (default none)";
    SEQ: (bool, bool) = "seq", "none|send|recv|both", Text, seq,
        "sequence numbers: put on sent packets, demanded of received ones (default none)";
    L2SPEC_TYPE: Sublayer = "l2spec_type", "none|default", Text, sublayer,
        "the L2-specific sublayer, the same at both ends (default default)";
    OFFSET: () = "offset", "N", Number, ignored,
        "accepted and ignored, as ip l2tp does";
    PEER_OFFSET: () = "peer_offset", "N", Number, ignored,
        "accepted and ignored, as ip l2tp does";
    LNS_MODE: bool = "lns_mode", "on|off", Boolean, switch,
        "on: this end decides about sequence numbers; off: it follows the peer (default off)";
    REORDER_TIMEOUT: Duration = "reorder_timeout", "MS", Number, milliseconds,
        "how long a packet waits for those before it, in milliseconds; 0 does not reorder (default 0)";
    MTU: Option<u16> = "mtu", "N|auto", NumberOrText, mtu,
        "the network device's MTU: 68 to 65521, or auto, what the path admits (default auto)";
    MSS: Option<Mss> = "mss", "N|auto|off", NumberOrText, mss,
        "the largest TCP segments that hosts agree on through the session: 64 to 65495, or auto, what the MTU admits (default off)";
    SESSION_TOS: Option<Tos> = "tos", "0xNN|inherit|uniform", NumberOrText, session_tos,
        "the outer packets' TOS or traffic class, or that of the frame's IP packet, taken over outward or both ways, or tunnel, what the tunnel has (default tunnel)";
    SESSION_ECN: bool = "ecn", "on|off", Boolean, switch,
        "congestion marks pass through the session; the same at both ends (default as the tunnel has it)";
    SESSION_TTL: Option<NonZeroU8> = "ttl", "N|tunnel", NumberOrText, session_ttl,
        "the outer packets' TTL or hop limit: 1 to 255, or tunnel, what the tunnel has (default tunnel)";
    CONNECTION: String = "connection", "NAME", Text, name,
        "the connection of the configuration file";
    CALL: String = "call", "NAME", Text, name,
        "the call of the connection, by its remote_end_id";
    DEBUG: DebugMask = "debug", "MASK", NumberOrText, debug,
        "log lines wanted: a number from 0 to 15, or of debug,control,seq,data (default 0)";
}
