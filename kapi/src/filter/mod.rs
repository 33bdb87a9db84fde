//! Which system calls are looked at: a seccomp filter that tells the supervisor of the rare calls
//! by which programs speak of L2TP and PPP, and leaves all others to the kernel.
//!
//! Calls that move packets on what is emulated, or that start programs, never match: those would be
//! slow, and these a dead supervisor must not stop. The exception is to send to an address, where
//! the filter cannot tell one socket from another. It is no sandbox, and where it matches too much
//! the supervisor lets the kernel go on.

mod assemble;
mod table;

pub use table::{Architecture, Call};

use assemble::{Condition, Rule};

/// One instruction of classic BPF, as `struct sock_filter` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Operation code.
    pub code: u16,
    /// Instructions to skip when a comparison holds.
    pub if_true: u8,
    /// Instructions to skip when it does not.
    pub if_false: u8,
    /// The operand.
    pub operand: u32,
}

/// What the filter is to match beyond the sockets and devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scope {
    /// Every `open`, for the files below /proc and debugfs that list tunnels and sessions.
    pub files: bool,
}

/// The filter's program.
pub fn program(architecture: Architecture, scope: Scope) -> Vec<Instruction> {
    assemble::assemble(architecture, &rules(scope))
}

/// AF_INET, AF_NETLINK, AF_INET6 and AF_PPPOX of `linux/socket.h`.
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const AF_NETLINK: u32 = 16;
const AF_PPPOX: u32 = 24;
/// NETLINK_GENERIC of `linux/netlink.h`.
const NETLINK_GENERIC: u32 = 16;
/// IPPROTO_L2TP of `linux/in.h`.
const IPPROTO_L2TP: u32 = 115;
/// SOL_SOCKET, SOL_NETLINK and SOL_PPPOL2TP of `linux/socket.h`.
const SOL_SOCKET: u32 = 1;
const SOL_NETLINK: u32 = 270;
const SOL_PPPOL2TP: u32 = 273;
/// SO_TYPE, SO_PROTOCOL and SO_DOMAIN: asyncio refuses a socket that is not what it asked for.
const WHAT_A_SOCKET_IS: [u32; 3] = [3, 38, 39];
/// Octets of `struct sockaddr_nl`.
const SOCKADDR_NL: u32 = 12;
/// Octets of the four address forms of PPPoL2TP. The kernel demands exactly these, and hardly any
/// other family's address has one of them.
const SOCKADDR_PPPOL2TP: [u32; 4] = [38, 46, 50, 58];
/// Octets of addresses of L2TP over IP, over IPv4 and IPv6; those that IPv6 has for all protocols,
/// which some programs give; and those of an address of any family.
const SOCKADDR_IP: [u32; 4] = [16, 32, 28, 128];
/// The second octet of every PPPIOC request, which is `'t'`.
const PPPIOC: u32 = 0x7400;
/// SIOCGPPPSTATS, SIOCGPPPVER and SIOCGPPPCSTATS, asked of any socket.
const SIOCGPPP: [u32; 3] = [0x89f0, 0x89f1, 0x89f2];
/// The access mode of open's flags, that of who reads and writes a device, and that of who only
/// writes; files that are made when they are written to are none.
const O_ACCMODE: u32 = 3;
const O_RDWR: u32 = 2;
const O_WRONLY: u32 = 1;
const O_CREAT: u32 = 0o100;

fn rules(scope: Scope) -> Vec<Rule> {
    let is = Condition::is;
    let one_of = Condition::one_of;
    let opened = |flags| match scope.files {
        true => vec![vec![]],
        false => vec![
            vec![Condition::masked(flags, O_ACCMODE, O_RDWR)],
            vec![Condition::masked(flags, O_ACCMODE | O_CREAT, O_WRONLY)],
        ],
    };
    let rule = |call, when| Rule { call, when };
    let always = || vec![vec![]];
    let named = [&SOCKADDR_PPPOL2TP[..], &SOCKADDR_IP, &[SOCKADDR_NL]].concat();
    let sockets = vec![
        vec![is(0, AF_PPPOX)],
        vec![is(0, AF_NETLINK), is(2, NETLINK_GENERIC)],
        vec![one_of(0, &[AF_INET, AF_INET6]), is(2, IPPROTO_L2TP)],
    ];
    vec![
        rule(
            Call::Ioctl,
            vec![
                vec![Condition::masked(1, 0xff00, PPPIOC)],
                vec![one_of(1, &SIOCGPPP)],
            ],
        ),
        rule(Call::Open, opened(1)),
        rule(Call::Openat, opened(2)),
        rule(Call::Getsockname, always()),
        rule(Call::Getpeername, always()),
        rule(Call::Socket, sockets),
        rule(Call::Socketpair, vec![vec![is(0, AF_PPPOX)]]),
        rule(Call::Connect, vec![vec![one_of(2, &named)]]),
        rule(Call::Bind, vec![vec![one_of(2, &named)]]),
        rule(Call::Listen, always()),
        rule(Call::Accept, always()),
        rule(Call::Accept4, always()),
        rule(Call::Shutdown, always()),
        rule(Call::Sendto, vec![vec![one_of(5, &SOCKADDR_IP)]]),
        rule(Call::Sendmsg, always()),
        rule(
            Call::Setsockopt,
            vec![vec![one_of(1, &[SOL_NETLINK, SOL_PPPOL2TP])]],
        ),
        rule(
            Call::Getsockopt,
            vec![
                vec![one_of(1, &[SOL_NETLINK, SOL_PPPOL2TP])],
                vec![is(1, SOL_SOCKET), one_of(2, &WHAT_A_SOCKET_IS)],
            ],
        ),
    ]
}

#[cfg(test)]
mod tests;
