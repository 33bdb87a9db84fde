//! The names that answers are given in.

use std::io;

/// The commands of the family `l2tp`.
pub(crate) mod command {
    pub(crate) const NOOP: u8 = 0;
    pub(crate) const TUNNEL_CREATE: u8 = 1;
    pub(crate) const TUNNEL_DELETE: u8 = 2;
    pub(crate) const TUNNEL_MODIFY: u8 = 3;
    pub(crate) const TUNNEL_GET: u8 = 4;
    pub(crate) const SESSION_CREATE: u8 = 5;
    pub(crate) const SESSION_DELETE: u8 = 6;
    pub(crate) const SESSION_MODIFY: u8 = 7;
    pub(crate) const SESSION_GET: u8 = 8;
}

/// How an attribute's value is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Integer,
    Text,
    Octets,
    Address,
    /// A port; those the system chose are masked.
    Port,
    Statistics,
}

macro_rules! attributes {
    ($($name:ident = $number:literal $shape:ident,)+) => {
        /// The attributes of the family `l2tp`; not all are asked about.
        #[allow(dead_code)]
        pub(crate) mod attr {
            $(pub(crate) const $name: u16 = $number;)+
        }

        /// An attribute's name and shape.
        pub(crate) fn attribute(number: u16) -> (&'static str, Shape) {
            match number {
                $($number => (stringify!($name), Shape::$shape),)+
                _ => ("UNKNOWN", Shape::Octets),
            }
        }
    };
}

attributes! {
    PW_TYPE = 1 Integer,
    ENCAP_TYPE = 2 Integer,
    OFFSET = 3 Integer,
    DATA_SEQ = 4 Integer,
    L2SPEC_TYPE = 5 Integer,
    L2SPEC_LEN = 6 Integer,
    PROTO_VERSION = 7 Integer,
    IFNAME = 8 Text,
    CONN_ID = 9 Integer,
    PEER_CONN_ID = 10 Integer,
    SESSION_ID = 11 Integer,
    PEER_SESSION_ID = 12 Integer,
    UDP_CSUM = 13 Integer,
    VLAN_ID = 14 Integer,
    COOKIE = 15 Octets,
    PEER_COOKIE = 16 Octets,
    DEBUG = 17 Integer,
    RECV_SEQ = 18 Integer,
    SEND_SEQ = 19 Integer,
    LNS_MODE = 20 Integer,
    USING_IPSEC = 21 Integer,
    RECV_TIMEOUT = 22 Integer,
    FD = 23 Integer,
    IP_SADDR = 24 Address,
    IP_DADDR = 25 Address,
    UDP_SPORT = 26 Port,
    UDP_DPORT = 27 Port,
    MTU = 28 Integer,
    MRU = 29 Integer,
    STATS = 30 Statistics,
    IP6_SADDR = 31 Address,
    IP6_DADDR = 32 Address,
    UDP_ZERO_CSUM6_TX = 33 Octets,
    UDP_ZERO_CSUM6_RX = 34 Octets,
    PAD = 35 Octets,
}

/// What a call gave, with the error's name.
pub(crate) fn outcome<T>(result: io::Result<T>, tell: impl FnOnce(T) -> String) -> String {
    match result {
        Ok(value) => tell(value),
        Err(error) => error_name(error.raw_os_error().unwrap_or(0)),
    }
}

/// As [`outcome`], for calls that give nothing but success.
pub(crate) fn done<T>(result: io::Result<T>) -> String {
    outcome(result, |_| "ok".to_owned())
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

macro_rules! errors {
    ($($name:ident)+) => {
        pub(crate) fn error_name(number: i32) -> String {
            match number {
                $(libc::$name => stringify!($name).to_owned(),)+
                other => format!("E{other}"),
            }
        }
    };
}

errors! {
    EPERM ENOENT EINTR EIO ENXIO EBADF EAGAIN ENOMEM EACCES EFAULT EBUSY EEXIST ENODEV EINVAL
    EMFILE ENOTTY ENOSPC ESPIPE EPIPE ERANGE ENOSYS EBADR EPROTO EOVERFLOW ENOTSOCK EDESTADDRREQ EMSGSIZE
    EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EAFNOSUPPORT EADDRINUSE
    EADDRNOTAVAIL ENETUNREACH ECONNRESET ENOBUFS EISCONN ENOTCONN ETIMEDOUT ECONNREFUSED
    EHOSTUNREACH EALREADY EINPROGRESS
}
