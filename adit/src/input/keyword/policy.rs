//! The words for tunnels and calls that are set up by protocol: keys of the configuration file.

use super::{Keyword, Notation};
use crate::input::value::policy as value;
use crate::policy::{
    CircuitReport, Digest, HandTo, Host, Net, Pattern, Pool, PppdOn, Pseudowire, Roaming, Role,
    Secret, SourcePort, VersionChoice,
};
use adit_datapath::spec::PeerSource;
use adit_wire::l2tp::control::Quirks;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

keywords! {
    LABEL: String = "name", "NAME", Text, label,
        "the name by which the rest of the file and the command line know it";
    INHERIT: String = "inherit", "NAME", Text, label,
        "another of the same kind, whose keys count where this one has none";
    BIND: IpAddr = "local", "ADDRESS", Text, address,
        "the address that is listened on; 0.0.0.0 or :: for every one";
    PORT: u16 = "port", "PORT", Number, port,
        "the UDP port (default 1701)";
    INTERFACE: String = "interface", "IF", Text, ifname,
        "the one device that packets may come and go by";
    MARKS: bool = "marks", "on|off", Boolean, switch,
        "tell peers of one address apart by the marks of their packets, and mark what goes to them";
    TUNNEL_PROFILE: String = "tunnel_profile", "NAME", Text, label,
        "the profile whose keys count for the tunnel where this table has none";
    SESSION_PROFILE: String = "session_profile", "NAME", Text, label,
        "the profile whose keys count for calls that have none";
    LISTENER: String = "listener", "NAME", Text, label,
        "the listener whose address the tunnel leaves from (default: any of the kind)";
    ADDRESSES: Vec<Net> = "address", "[\"NET\", ...]", List, nets,
        "where the peer is: addresses and prefixes (default: anywhere)";
    PEER_NAME: Pattern = "peer_name", "NAME", Text, pattern,
        "what the peer calls itself, * for anything (default *)";
    ACCEPT: bool = "accept", "on|off", Boolean, switch,
        "whether the peer may open tunnels (default on)";
    HOST: Host = "host", "ADDRESS|NAME", Text, host,
        "the peer's address, or its name, which is looked up at each attempt";
    PRIORITY: u16 = "priority", "N", Number, small,
        "lower ones are tried first (default 0)";
    WEIGHT: u16 = "weight", "N", Number, small_positive,
        "the share of tunnels among peers of one priority (default 1)";
    PERSISTENT: bool = "persistent", "on|off", Boolean, switch,
        "opened at the start and again whenever it ends (default on)";
    REDIAL: Duration = "redial", "SECONDS", Number, seconds_positive,
        "the longest wait between attempts, in seconds (default 60)";
    VERSION: VersionChoice = "version", "2|3|auto", NumberOrText, version,
        "the version of L2TP; auto is 3, and 2 with a peer that knows nothing else (default auto)";
    ROLE: Role = "role", "lac|lns|lcce", Text, role,
        "which end this host is: lac places incoming calls, lns outgoing ones (default lcce, both)";
    HOST_NAME: String = "host_name", "NAME", Text, host_name,
        "what this host calls itself (default the system's name)";
    SECRET: Secret = "secret", "TEXT", Text, secret,
        "the secret shared with the peer; without one nobody proves anything";
    OLD_SECRET: Secret = "old_secret", "TEXT", Text, secret,
        "the secret before it, still taken from the peer (in version 2 with hide_avps only)";
    DIGEST: Digest = "digest", "md5|sha1", Text, digest,
        "how control messages are signed with the secret (version 3, default sha1)";
    HIDE_AVPS: bool = "hide_avps", "on|off", Boolean, switch,
        "AVPs that may be hidden are, by the secret (default off)";
    HELLO: Duration = "hello", "SECONDS", Number, seconds,
        "silence after which the peer is asked whether it is there; 0 never asks (default 60)";
    RETRANSMIT: Duration = "retransmit", "MS", Number, milliseconds,
        "the first wait for an acknowledgement, in milliseconds (default 1000)";
    RETRANSMIT_CAP: Duration = "retransmit_cap", "MS", Number, milliseconds,
        "the longest wait for an acknowledgement, in milliseconds (default 8000)";
    RETRIES: u8 = "retries", "N", Number, retries,
        "how often a message is repeated before the peer is given up (default 9)";
    WINDOW: u16 = "window", "N", Number, window,
        "messages that the peer may send unacknowledged (default 16)";
    SETUP_TIMEOUT: Duration = "setup_timeout", "SECONDS", Number, seconds_positive,
        "how long setting up a tunnel or a call may take, in seconds (default 30)";
    MAX_SESSIONS: u32 = "max_sessions", "N", Number, count,
        "most calls at a time (default 65535 in a tunnel, 1048576 in all)";
    SOURCE_PORT: SourcePort = "source_port", "listener|ephemeral|auto", Text, source_port,
        "the port that the tunnel is opened from; auto tries one, then the other (default listener)";
    PEER_SOURCE: PeerSource = "peer_source", "exact|any_port|anywhere", Text, peer_source,
        "whose data packets are taken for the peer's (default exact)";
    ROAMING: Roaming = "roaming", "never|authenticated|always", Text, roaming,
        "a peer whose port changes is followed: when its digests prove who it is, or whoever has its ids and numbers (default never)";
    ECN: bool = "ecn", "on|off", Boolean, switch,
        "ECN marks are carried over if the peer can too, RFC 9601 (default on)";
    CALL_ECN: bool = "ecn", "on|off", Boolean, switch,
        "ECN marks are carried over if both ends of the tunnel have agreed to; the same at both ends (default on)";
    QUIRKS: Quirks = "quirks", "[\"cisco-avps\"]", List, quirks,
        "what the peer does differently: cisco-avps sends AVPs of L2TPv3's drafts, under Cisco's vendor id";
    PSEUDOWIRE: Pseudowire = "pseudowire", "ethernet|ppp", Text, pseudowire,
        "what calls carry (default ethernet; in version 2 always ppp)";
    HAND_TO: HandTo = "hand_to", "device|client|pppd", Text, hand_to,
        "who takes the frames: a network device; PPP's, a program under adit exec that asks for them, or a pppd for each call";
    PPPD_ON: PppdOn = "pppd_on", "auto|terminal|socket", Text, pppd_on,
        "what pppd gets frames by: a terminal, on the kernel's PPP, or a socket, on that of adit exec (default auto: the kernel's if it has PPP)";
    PPPD_POOL: Pool = "pppd_pool", "FIRST-LAST", Text, pool,
        "addresses of which pppd gives one to the peer of each call (default none)";
    PPPD_FILE: PathBuf = "pppd_file", "FILE", Text, absolute_path,
        "a file with options for pppd";
    PPPD_OPTIONS: Vec<String> = "pppd_options", "WORDS", Text, pppd_options,
        "options for pppd, with blanks between the words";
    REMOTE_END_ID: String = "remote_end_id", "TEXT", Text, label,
        "the name of the circuit at the far end";
    CALLING_NUMBER: String = "calling_number", "TEXT", Text, label,
        "who calls, as the peer is told (version 2)";
    CALLED_NUMBER: String = "called_number", "TEXT", Text, label,
        "who is called, as the peer is told (version 2)";
    COOKIE_OCTETS: u8 = "cookie_octets", "0|4|8", Number, cookie_octets,
        "length of the cookie that the peer is asked to send (default 8)";
    CIRCUIT_STATUS: CircuitReport = "circuit_status", "device|up", Text, circuit_status,
        "what the peer is told of this end's circuit: whether the device is up, or always that it is (default device)";
    MAX_TUNNELS: u32 = "max_tunnels", "N", Number, count,
        "most tunnels at a time (default 65535)";
    TUNNEL_RATE: u32 = "tunnel_rate", "N", Number, count,
        "tunnels that may be opened from one address in a second (default 2000)";
    MAX_PPPD: u32 = "max_pppd", "N", Number, count,
        "most pppds that the daemon runs at a time (default 1000)";
    CALL_RATE: u32 = "call_rate", "N", Number, count,
        "calls that peers may place in a second (default 20000)";
}
