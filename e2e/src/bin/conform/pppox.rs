//! PPPoL2TP sockets and their addresses.

use crate::address::{in4, in6};
use crate::case::Case;
use crate::cases::{LOCAL, REMOTE};
use crate::numbers::hex;
use crate::sys;
use libc::{AF_INET, AF_INET6, SOCK_DGRAM};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

pub(crate) const AF_PPPOX: i32 = 24;
pub(crate) const PX_PROTO_OL2TP: i32 = 1;
pub(crate) const SOL_PPPOL2TP: i32 = 273;

/// The four forms of an address, told apart by their lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    V2,
    V2Over6,
    V3,
    V3Over6,
}

pub(crate) const FORMS: [(&str, Form); 4] = [
    ("v2", Form::V2),
    ("v2in6", Form::V2Over6),
    ("v3", Form::V3),
    ("v3in6", Form::V3Over6),
];

/// An address of AF_PPPOX. `ids` are local tunnel, local session, peer's tunnel, peer's session.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) form: Form,
    pub(crate) family: u16,
    pub(crate) protocol: u32,
    pub(crate) fd: RawFd,
    pub(crate) ids: [u32; 4],
}

impl Address {
    pub(crate) fn new(form: Form, fd: RawFd, ids: [u32; 4]) -> Address {
        Address {
            form,
            family: AF_PPPOX as u16,
            protocol: PX_PROTO_OL2TP as u32,
            fd,
            ids,
        }
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let mut out = self.family.to_ne_bytes().to_vec();
        out.extend(self.protocol.to_ne_bytes());
        out.extend(0i32.to_ne_bytes());
        out.extend(self.fd.to_ne_bytes());
        let v4 = in4(REMOTE.octets(), 1702);
        let v6 = in6("::1", 1702);
        match self.form {
            Form::V2 => {
                out.extend(v4);
                out.extend(self.halves());
            }
            Form::V2Over6 => {
                out.extend(self.halves());
                out.extend(v6);
            }
            Form::V3 => {
                out.extend(v4);
                out.extend(self.words());
            }
            Form::V3Over6 => {
                out.extend(self.words());
                out.extend(v6);
            }
        }
        out
    }

    fn halves(&self) -> Vec<u8> {
        self.ids
            .iter()
            .flat_map(|id| (*id as u16).to_ne_bytes())
            .collect()
    }

    fn words(&self) -> Vec<u8> {
        self.ids.iter().flat_map(|id| id.to_ne_bytes()).collect()
    }
}

/// A name that the system gave, in words: whose process and descriptor it has, and the rest.
pub(crate) fn told(name: &(Vec<u8>, usize), fd: RawFd) -> String {
    let (octets, len) = name;
    if octets.len() < 14 {
        return format!("len={len} {}", hex(octets));
    }
    let word = |at: usize| {
        i32::from_ne_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
    };
    let pid = match word(6) {
        pid if pid == std::process::id() as i32 => "mine".to_owned(),
        other => other.to_string(),
    };
    let fd = if word(10) == fd {
        "the tunnel's".to_owned()
    } else {
        word(10).to_string()
    };
    let family = u16::from_ne_bytes([octets[0], octets[1]]);
    let (protocol, rest) = (word(2), hex(&octets[14..]));
    format!("len={len} family={family} protocol={protocol} pid={pid} fd={fd} {rest}")
}

pub(crate) fn socket() -> io::Result<OwnedFd> {
    sys::socket(AF_PPPOX, SOCK_DGRAM, PX_PROTO_OL2TP)
}

/// A fresh socket connected to an address.
pub(crate) fn connected(address: &Address) -> io::Result<OwnedFd> {
    let socket = socket()?;
    sys::connect(&socket, &address.octets())?;
    Ok(socket)
}

/// A tunnel on a UDP socket of the case's, with its peer and a session: tunnel 1 and session 5
/// here, 1001 and 1005 there.
pub(crate) struct Joined {
    pub(crate) udp: OwnedFd,
    pub(crate) peer: OwnedFd,
    pub(crate) management: OwnedFd,
    pub(crate) session: OwnedFd,
}

/// The form in which the tunnel of [`Joined`] is made.
pub(crate) fn joined(case: &mut Case, form: Form) -> Joined {
    let (udp, peer) = udp_pair(form).expect("two sockets");
    let fd = udp.as_raw_fd();
    let management = connected(&Address::new(form, fd, [1, 0, 1001, 0]));
    let management = case.have(management);
    let session = case.have(connected(&Address::new(form, fd, [1, 5, 1001, 1005])));
    Joined {
        udp,
        peer,
        management,
        session,
    }
}

/// Two connected UDP sockets, 1701 here and 1702 there.
pub(crate) fn udp_pair(form: Form) -> io::Result<(OwnedFd, OwnedFd)> {
    let (family, near, far) = match form {
        Form::V2 | Form::V3 => (
            AF_INET,
            in4(LOCAL.octets(), 1701),
            in4(REMOTE.octets(), 1702),
        ),
        Form::V2Over6 | Form::V3Over6 => (AF_INET6, in6("::1", 1701), in6("::1", 1702)),
    };
    let end = |own: &[u8], other: &[u8]| {
        let socket = sys::socket(family, SOCK_DGRAM, 0)?;
        sys::bind(&socket, own)?;
        sys::connect(&socket, other)?;
        Ok::<_, io::Error>(socket)
    };
    Ok((end(&near, &far)?, end(&far, &near)?))
}
