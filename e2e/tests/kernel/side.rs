//! The two ends of a pseudowire, and what each has of its own.

use std::net::Ipv4Addr;

/// The two ends of the pseudowire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The namespace where Adit runs.
    Adit,
    /// The guest, whose kernel does it.
    Kernel,
}

/// What one side has of its own; nothing is the same on both, so that nothing mixed up works.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) v4: &'static str,
    pub(crate) v6: &'static str,
    pub(crate) tunnel: &'static str,
    pub(crate) session: &'static str,
    pub(crate) port: &'static str,
}

const ADIT: End = End {
    v4: "192.168.1.1",
    v6: "fd00::1",
    tunnel: "3000",
    session: "4294967295",
    port: "5000",
};

const KERNEL: End = End {
    v4: "192.168.1.2",
    v6: "fd00::2",
    tunnel: "4000",
    session: "1",
    port: "6000",
};

impl Side {
    pub(crate) fn end(self) -> &'static End {
        match self {
            Side::Adit => &ADIT,
            Side::Kernel => &KERNEL,
        }
    }

    /// The address on the pseudowire's device.
    pub(crate) fn inner(self) -> Ipv4Addr {
        match self {
            Side::Adit => Ipv4Addr::new(10, 42, 1, 1),
            Side::Kernel => Ipv4Addr::new(10, 42, 1, 2),
        }
    }

    pub(crate) fn other(self) -> Side {
        match self {
            Side::Adit => Side::Kernel,
            Side::Kernel => Side::Adit,
        }
    }
}
