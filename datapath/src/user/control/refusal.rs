//! What is refused, by field, value and remedy.

use crate::Error;
use crate::spec::{Encap, ListenerAddress, ListenerId, ListenerSpec, SessionKey};
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::Errno;

pub(super) fn no_tunnel(id: TunnelId) -> Error {
    let text = format!("there is no tunnel {id}; add it first");
    Error::new(Errno::ENODEV, "tunnel_id", text)
}

pub(super) fn tunnel_exists(id: TunnelId) -> Error {
    let text = format!("tunnel {id} exists and differs; delete it first");
    Error::new(Errno::EEXIST, "tunnel_id", text)
}

pub(super) fn no_session(key: SessionKey) -> Error {
    let text = format!(
        "there is no session {} in tunnel {}",
        key.session, key.tunnel
    );
    Error::new(Errno::ENODEV, "session_id", text)
}

pub(super) fn session_exists(key: SessionKey) -> Error {
    let text = format!("session {} is in use; choose another id", key.session);
    Error::new(Errno::EEXIST, "session_id", text)
}

pub(super) fn not_in_version_2() -> Error {
    let text = "a tunnel of version 2 carries PPP only; give ppp, or make the tunnel version 3";
    Error::new(Errno::EPROTONOSUPPORT, "pw_type", text)
}

pub(super) fn no_listener(id: ListenerId) -> Error {
    let text = format!("there is no listener {}; open it first", id.0);
    Error::new(Errno::ENODEV, "listener", text)
}

/// As [`socket_error`], for a listener.
pub(super) fn listener_error(error: &std::io::Error, listener: &ListenerSpec) -> Error {
    let local = match listener.local {
        ListenerAddress::Udp(local) => local.to_string(),
        ListenerAddress::Ip(local) => local.to_string(),
    };
    let (field, value, remedy) = match (error.raw_os_error(), &listener.interface) {
        (Some(libc::ENODEV), Some(name)) => {
            ("interface", name.clone(), "give a device of this host")
        }
        (Some(libc::EADDRINUSE), _) => {
            let remedy = "stop the program that has it, or give another port";
            ("port", local, remedy)
        }
        (Some(libc::EACCES | libc::EPERM), _) => (
            "encap",
            local,
            "give the daemon CAP_NET_RAW and CAP_NET_BIND_SERVICE",
        ),
        _ => ("local", local, "give an address of this host"),
    };
    let errno = Errno(error.raw_os_error().unwrap_or(Errno::EIO.0));
    Error::new(errno, field, format!("{value}: {error}; {remedy}"))
}

/// Names the field that the system refused: a missing address is the local one's fault, a
/// missing route the remote one's, a taken port that of the port.
pub(super) fn socket_error(error: &std::io::Error, encap: &Encap) -> Error {
    let (field, value, remedy) = match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => (
            "local",
            encap.local().to_string(),
            "give an address of this host",
        ),
        Some(libc::EADDRINUSE) => match encap {
            Encap::Udp { local, .. } => ("udp_sport", local.to_string(), "give another port"),
            Encap::Ip { local, .. } => ("local", local.to_string(), "give another address"),
        },
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH) => (
            "remote",
            encap.remote().to_string(),
            "add a route to it first",
        ),
        Some(libc::EPERM | libc::EACCES) => (
            "encap",
            "ip".to_owned(),
            "give the daemon CAP_NET_RAW, which protocol 115 needs",
        ),
        _ => (
            "local",
            encap.local().to_string(),
            "give an address that a socket can have",
        ),
    };
    let errno = Errno(error.raw_os_error().unwrap_or(Errno::EIO.0));
    Error::new(errno, field, format!("{value}: {error}; {remedy}"))
}
