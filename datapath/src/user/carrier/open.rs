//! How a carrier comes to its socket.

use super::{Carrier, Upcall};
use crate::ControlSink;
use crate::counters::Tally;
use crate::spec::{Encap, ListenerAddress, ListenerSpec, TxChecksum};
use crate::sys::socket;
use crate::user::log::{LogBudget, LookBudget};
use crate::user::outlet::Outlet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};

impl Carrier {
    pub(crate) fn open(encap: Encap, version: u8) -> io::Result<Carrier> {
        let socket = match encap {
            Encap::Udp {
                local,
                remote,
                checksum,
            } => socket::udp(local, remote, checksum)?,
            Encap::Ip { local, remote } => socket::ip(local, remote)?,
        };
        Ok(Carrier::new(socket, encap, Some(version), None))
    }

    /// A listener's socket, whose control messages go to `sink`.
    pub(crate) fn listen(spec: &ListenerSpec, sink: ControlSink) -> io::Result<Carrier> {
        let interface = spec.interface.as_deref();
        let (socket, encap) = match spec.local {
            ListenerAddress::Udp(local) => {
                let (checksum, remote) = (spec.checksum, nowhere(local.ip()));
                let socket = socket::udp_listener(local, interface, checksum)?;
                let bound = socket.local_addr()?.as_socket();
                let local = bound.unwrap_or(local);
                (
                    socket,
                    Encap::Udp {
                        local,
                        remote,
                        checksum,
                    },
                )
            }
            ListenerAddress::Ip(local) => {
                let remote = nowhere(local).ip();
                (
                    socket::ip_listener(local, interface)?,
                    Encap::Ip { local, remote },
                )
            }
        };
        if spec.marks {
            socket::tell_marks(&socket)?;
        }
        Ok(Carrier {
            upcall: Some(Upcall {
                listener: spec.id,
                sink,
            }),
            ..Carrier::new(socket, encap, None, interface)
        })
    }

    /// The raw twin of a program's port. Over `encap` the first of its tunnels goes.
    pub(crate) fn twin(encap: &Encap) -> io::Result<Carrier> {
        let Encap::Udp {
            local, checksum, ..
        } = *encap
        else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let socket = socket::udp_twin(local.is_ipv4(), local.port())?;
        let nowhere = nowhere(local.ip());
        let encap = Encap::Udp {
            local: SocketAddr::new(nowhere.ip(), local.port()),
            remote: nowhere,
            checksum,
        };
        let outlet = Outlet::of(local, &encap, None);
        if let Err(error) = &outlet {
            tracing::warn!(%local, %error, "nothing can be sent beside the program's socket");
        }
        Ok(Carrier {
            twin: true,
            outlet: outlet.ok(),
            ..Carrier::new(socket, encap, None, None)
        })
    }

    /// Whether this is the twin of a socket that is as `encap` says.
    pub(crate) fn is_twin_for(&self, encap: &Encap) -> bool {
        let (
            Encap::Udp {
                local: ours,
                checksum,
                ..
            },
            Encap::Udp {
                local: theirs,
                checksum: wanted,
                ..
            },
        ) = (&self.encap, encap)
        else {
            return false;
        };
        let port = ours.port() == theirs.port() && ours.is_ipv4() == theirs.is_ipv4();
        self.twin && port && checksum == wanted
    }

    fn new(
        socket: socket2::Socket,
        encap: Encap,
        version: Option<u8>,
        interface: Option<&str>,
    ) -> Carrier {
        Carrier {
            outlet: Outlet::beside(&socket, &encap, interface).ok(),
            gro: socket::has_gro(&socket),
            socket,
            encap,
            version,
            debug: AtomicU32::new(0),
            tells: AtomicBool::new(false),
            sessions: AtomicUsize::new(0),
            spare_checksums: spares(&encap).then(Mutex::default),
            longest_segment: AtomicUsize::new(longest_segment(&encap)),
            strays: Tally::default(),
            log: LogBudget::default(),
            looks: LookBudget::default(),
            upcall: None,
            twin: false,
            others_hear_control: AtomicBool::new(false),
        }
    }
}

/// The remote end of a socket that has none.
fn nowhere(local: IpAddr) -> SocketAddr {
    match local {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn spares(encap: &Encap) -> bool {
    matches!(encap, Encap::Udp { checksum, .. } if checksum.tx == TxChecksum::Spare)
}

/// The kernel cuts UDP packets, and puts checksums on the pieces.
pub(super) fn longest_segment(encap: &Encap) -> usize {
    match encap {
        Encap::Udp { checksum, .. } if checksum.tx != TxChecksum::Never => usize::MAX,
        Encap::Udp { .. } | Encap::Ip { .. } => 0,
    }
}
