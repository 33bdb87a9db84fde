use crate::filter::Call;

/// A call with its arguments, as the kernel would read them from registers. Addresses are the
/// caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Socket {
        domain: i32,
        kind: i32,
        protocol: i32,
    },
    Socketpair {
        domain: i32,
        kind: i32,
        protocol: i32,
    },
    Connect {
        fd: i32,
        address: u64,
        len: i32,
    },
    Bind {
        fd: i32,
        address: u64,
        len: i32,
    },
    /// listen, accept or shutdown: calls of sockets that have connections.
    Stream {
        fd: i32,
    },
    /// getsockname, or getpeername for the peer's.
    Name {
        fd: i32,
        peer: bool,
        address: u64,
        len: u64,
    },
    SetOption {
        fd: i32,
        level: i32,
        name: i32,
        value: u64,
        len: i32,
    },
    GetOption {
        fd: i32,
        level: i32,
        name: i32,
        value: u64,
        len: u64,
    },
    Ioctl {
        fd: i32,
        request: u32,
        argument: u64,
    },
    /// sendto, with an address.
    Send {
        fd: i32,
        data: u64,
        data_len: u64,
        flags: i32,
        address: u64,
        len: i32,
    },
    SendMessage {
        fd: i32,
        header: u64,
        flags: i32,
    },
    Open {
        path: u64,
        flags: i32,
    },
}

impl Asked {
    pub(super) fn read(call: Call, args: &[u64; 6]) -> Asked {
        // The kernel takes the low half of what it declares as int.
        let int = |at: usize| args[at] as u32 as i32;
        match call {
            Call::Socket => Asked::Socket {
                domain: int(0),
                kind: int(1),
                protocol: int(2),
            },
            Call::Socketpair => Asked::Socketpair {
                domain: int(0),
                kind: int(1),
                protocol: int(2),
            },
            Call::Listen | Call::Accept | Call::Accept4 | Call::Shutdown => {
                Asked::Stream { fd: int(0) }
            }
            Call::Connect => Asked::Connect {
                fd: int(0),
                address: args[1],
                len: int(2),
            },
            Call::Bind => Asked::Bind {
                fd: int(0),
                address: args[1],
                len: int(2),
            },
            Call::Getsockname | Call::Getpeername => Asked::Name {
                fd: int(0),
                peer: call == Call::Getpeername,
                address: args[1],
                len: args[2],
            },
            Call::Setsockopt => Asked::SetOption {
                fd: int(0),
                level: int(1),
                name: int(2),
                value: args[3],
                len: int(4),
            },
            Call::Getsockopt => Asked::GetOption {
                fd: int(0),
                level: int(1),
                name: int(2),
                value: args[3],
                len: args[4],
            },
            Call::Ioctl => Asked::Ioctl {
                fd: int(0),
                request: args[1] as u32,
                argument: args[2],
            },
            Call::Sendto => Asked::Send {
                fd: int(0),
                data: args[1],
                data_len: args[2],
                flags: int(3),
                address: args[4],
                len: int(5),
            },
            Call::Sendmsg => Asked::SendMessage {
                fd: int(0),
                header: args[1],
                flags: int(2),
            },
            Call::Open => Asked::Open {
                path: args[0],
                flags: int(1),
            },
            Call::Openat => Asked::Open {
                path: args[1],
                flags: int(2),
            },
        }
    }

    /// The descriptor that the call is about.
    pub(super) fn descriptor(&self) -> Option<i32> {
        match *self {
            Asked::Socket { .. } | Asked::Socketpair { .. } | Asked::Open { .. } => None,
            Asked::Connect { fd, .. }
            | Asked::Bind { fd, .. }
            | Asked::Stream { fd }
            | Asked::Name { fd, .. }
            | Asked::SetOption { fd, .. }
            | Asked::GetOption { fd, .. }
            | Asked::Send { fd, .. }
            | Asked::SendMessage { fd, .. }
            | Asked::Ioctl { fd, .. } => Some(fd),
        }
    }
}
