/// A system call that the filter may match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Call {
    Socket,
    Socketpair,
    Connect,
    Bind,
    Listen,
    Accept,
    Accept4,
    Shutdown,
    Getsockname,
    Getpeername,
    Setsockopt,
    Getsockopt,
    Ioctl,
    Open,
    Openat,
    Sendto,
    Sendmsg,
}

impl Call {
    const ALL: [Call; 17] = [
        Call::Socket,
        Call::Socketpair,
        Call::Connect,
        Call::Bind,
        Call::Listen,
        Call::Accept,
        Call::Accept4,
        Call::Shutdown,
        Call::Getsockname,
        Call::Getpeername,
        Call::Setsockopt,
        Call::Getsockopt,
        Call::Ioctl,
        Call::Open,
        Call::Openat,
        Call::Sendto,
        Call::Sendmsg,
    ];
}

/// An instruction set whose system calls are known by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// x86-64, without x32.
    X86_64,
    /// AArch64.
    Aarch64,
}

impl Architecture {
    /// The one this program is compiled for.
    pub const NATIVE: Option<Architecture> = if cfg!(target_arch = "x86_64") {
        Some(Architecture::X86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(Architecture::Aarch64)
    } else {
        None
    };

    /// The AUDIT_ARCH number by which seccomp tells it.
    pub fn audit(self) -> u32 {
        match self {
            Architecture::X86_64 => 0xc000_003e,
            Architecture::Aarch64 => 0xc000_00b7,
        }
    }

    /// The first number that belongs to another way of calling on the same machine.
    pub(super) fn limit(self) -> Option<u32> {
        match self {
            // __X32_SYSCALL_BIT
            Architecture::X86_64 => Some(0x4000_0000),
            Architecture::Aarch64 => None,
        }
    }

    /// The number of `call`, where it exists.
    pub fn number(self, call: Call) -> Option<u32> {
        match self {
            Architecture::X86_64 => Some(x86_64(call)),
            Architecture::Aarch64 => aarch64(call),
        }
    }

    /// The call that has `number`.
    pub fn call(self, number: u32) -> Option<Call> {
        let mut calls = Call::ALL.into_iter();
        calls.find(|call| self.number(*call) == Some(number))
    }
}

/// `arch/x86/entry/syscalls/syscall_64.tbl`
fn x86_64(call: Call) -> u32 {
    match call {
        Call::Open => 2,
        Call::Ioctl => 16,
        Call::Socket => 41,
        Call::Connect => 42,
        Call::Accept => 43,
        Call::Sendto => 44,
        Call::Sendmsg => 46,
        Call::Shutdown => 48,
        Call::Bind => 49,
        Call::Listen => 50,
        Call::Getsockname => 51,
        Call::Getpeername => 52,
        Call::Socketpair => 53,
        Call::Setsockopt => 54,
        Call::Getsockopt => 55,
        Call::Openat => 257,
        Call::Accept4 => 288,
    }
}

/// `include/uapi/asm-generic/unistd.h`
fn aarch64(call: Call) -> Option<u32> {
    Some(match call {
        Call::Open => return None,
        Call::Ioctl => 29,
        Call::Openat => 56,
        Call::Socket => 198,
        Call::Socketpair => 199,
        Call::Bind => 200,
        Call::Listen => 201,
        Call::Accept => 202,
        Call::Connect => 203,
        Call::Getsockname => 204,
        Call::Getpeername => 205,
        Call::Sendto => 206,
        Call::Setsockopt => 208,
        Call::Getsockopt => 209,
        Call::Shutdown => 210,
        Call::Sendmsg => 211,
        Call::Accept4 => 242,
    })
}
