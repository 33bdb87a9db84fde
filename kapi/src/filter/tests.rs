use super::*;

const ALLOW: u32 = 0x7fff_0000;
const NOTIFY: u32 = 0x7fc0_0000;

/// What the kernel would do with the program, for the five instructions that it is made of.
fn run(program: &[Instruction], audit: u32, number: u32, args: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_le_bytes());
    data.extend(audit.to_le_bytes());
    data.extend([0; 8]);
    args.iter().for_each(|arg| data.extend(arg.to_le_bytes()));
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let Instruction {
            code,
            if_true,
            if_false,
            operand,
        } = program[at];
        let skip = |holds| usize::from(if holds { if_true } else { if_false });
        at += 1;
        match code {
            0x20 => {
                let octets = data[operand as usize..][..4].try_into().unwrap();
                accumulator = u32::from_le_bytes(octets);
            }
            0x54 => accumulator &= operand,
            0x15 => at += skip(accumulator == operand),
            0x35 => at += skip(accumulator >= operand),
            0x06 => return operand,
            other => panic!("instruction {other:#x}"),
        }
    }
}

/// Whether the supervisor is told of `call` with `args`.
fn told(architecture: Architecture, scope: Scope, call: Call, args: [u64; 6]) -> bool {
    let program = program(architecture, scope);
    let number = architecture.number(call).unwrap();
    match run(&program, architecture.audit(), number, args) {
        NOTIFY => true,
        ALLOW => false,
        other => panic!("{other:#x}"),
    }
}

const BOTH: [Architecture; 2] = [Architecture::X86_64, Architecture::Aarch64];

#[test]
fn the_calls_of_l2tp_and_ppp_are_told_and_their_neighbours_are_not() {
    let all = [
        (Call::Socket, [24, 2, 1, 0, 0, 0], true),
        (Call::Socket, [16, 3, 16, 0, 0, 0], true),
        (Call::Socket, [16, 3, 0, 0, 0, 0], false),
        (Call::Socket, [2, 2, 115, 0, 0, 0], true),
        (Call::Socket, [10, 2, 115, 0, 0, 0], true),
        (Call::Socket, [2, 2, 17, 0, 0, 0], false),
        (Call::Socket, [1, 5, 0, 0, 0, 0], false),
        (Call::Connect, [3, 0, 38, 0, 0, 0], true),
        (Call::Connect, [3, 0, 46, 0, 0, 0], true),
        (Call::Connect, [3, 0, 50, 0, 0, 0], true),
        (Call::Connect, [3, 0, 58, 0, 0, 0], true),
        (Call::Connect, [3, 0, 12, 0, 0, 0], true),
        (Call::Connect, [3, 0, 16, 0, 0, 0], true),
        (Call::Connect, [3, 0, 32, 0, 0, 0], true),
        (Call::Connect, [3, 0, 110, 0, 0, 0], false),
        (Call::Bind, [3, 0, 12, 0, 0, 0], true),
        (Call::Bind, [3, 0, 38, 0, 0, 0], true),
        (Call::Socketpair, [24, 2, 1, 0, 0, 0], true),
        (Call::Socketpair, [1, 5, 0, 0, 0, 0], false),
        (Call::Listen, [3, 1, 0, 0, 0, 0], true),
        (Call::Accept4, [3, 0, 0, 0, 0, 0], true),
        (Call::Shutdown, [3, 1, 0, 0, 0, 0], true),
        (Call::Bind, [3, 0, 16, 0, 0, 0], true),
        (Call::Bind, [3, 0, 110, 0, 0, 0], false),
        (Call::Sendto, [3, 1, 20, 0, 1, 16], true),
        (Call::Sendto, [3, 1, 20, 0, 1, 32], true),
        (Call::Sendto, [3, 1, 20, 0, 0, 0], false),
        (Call::Sendmsg, [3, 1, 0, 0, 0, 0], true),
        (Call::Getsockname, [3, 0, 0, 0, 0, 0], true),
        (Call::Getpeername, [3, 0, 0, 0, 0, 0], true),
        (Call::Setsockopt, [3, 270, 11, 0, 0, 0], true),
        (Call::Setsockopt, [3, 273, 1, 0, 0, 0], true),
        (Call::Setsockopt, [3, 1, 3, 0, 0, 0], false),
        (Call::Getsockopt, [3, 273, 1, 0, 0, 0], true),
        (Call::Getsockopt, [3, 1, 3, 0, 0, 0], true),
        (Call::Getsockopt, [3, 1, 4, 0, 0, 0], false),
        (Call::Ioctl, [3, 0x8004_7437, 0, 0, 0, 0], true),
        (Call::Ioctl, [3, 0x7434, 0, 0, 0, 0], true),
        (Call::Ioctl, [3, 0x89f0, 0, 0, 0, 0], true),
        (Call::Ioctl, [3, 0x89f3, 0, 0, 0, 0], false),
        (Call::Ioctl, [3, 0x5401, 0, 0, 0, 0], false),
        (Call::Openat, [0, 0, 2, 0, 0, 0], true),
        (Call::Openat, [0, 0, 0o2000002, 0, 0, 0], true),
        (Call::Openat, [0, 0, 0, 0, 0, 0], false),
        (Call::Openat, [0, 0, 1, 0, 0, 0], true),
        (Call::Openat, [0, 0, 0o101, 0, 0, 0], false),
    ];
    for architecture in BOTH {
        for (call, args, expected) in all {
            let told = told(architecture, Scope::default(), call, args);
            assert_eq!(told, expected, "{architecture:?} {call:?} {args:x?}");
        }
    }
}

#[test]
fn an_argument_counts_by_its_low_half() {
    let high = 0xdead_0000_0000_0000;
    let args = [high | 24, 2, 1, 0, 0, 0];
    for architecture in BOTH {
        assert!(told(architecture, Scope::default(), Call::Socket, args));
    }
}

#[test]
fn files_are_told_of_when_asked_for() {
    let files = Scope { files: true };
    for architecture in BOTH {
        assert!(told(architecture, files, Call::Openat, [0; 6]));
    }
    assert!(told(Architecture::X86_64, files, Call::Open, [0; 6]));
    let reading = told(
        Architecture::X86_64,
        Scope::default(),
        Call::Open,
        [0, 0, 0, 0, 0, 0],
    );
    assert!(!reading);
}

#[test]
fn calls_of_another_architecture_pass() {
    let program = program(Architecture::X86_64, Scope::default());
    let args = [24, 2, 1, 0, 0, 0];
    let i386 = run(&program, 0x4000_0003, 41, args);
    let x32 = run(&program, 0xc000_003e, 0x4000_0000 + 41, args);
    assert_eq!((i386, x32), (ALLOW, ALLOW));
}

#[test]
fn calls_that_start_programs_or_move_packets_pass() {
    for architecture in BOTH {
        let program = program(architecture, Scope::default());
        for number in (0..600).filter(|number| architecture.call(*number).is_none()) {
            let outcome = run(&program, architecture.audit(), number, [2; 6]);
            assert_eq!(outcome, ALLOW, "{architecture:?} {number}");
        }
    }
}

/// The numbers as the C library has them, on the machine that runs the test.
#[test]
fn the_native_numbers_are_those_of_the_c_library() {
    let Some(native) = Architecture::NATIVE else {
        return;
    };
    let library = [
        (Call::Socket, libc::SYS_socket),
        (Call::Socketpair, libc::SYS_socketpair),
        (Call::Connect, libc::SYS_connect),
        (Call::Bind, libc::SYS_bind),
        (Call::Listen, libc::SYS_listen),
        (Call::Accept, libc::SYS_accept),
        (Call::Accept4, libc::SYS_accept4),
        (Call::Shutdown, libc::SYS_shutdown),
        (Call::Getsockname, libc::SYS_getsockname),
        (Call::Getpeername, libc::SYS_getpeername),
        (Call::Setsockopt, libc::SYS_setsockopt),
        (Call::Getsockopt, libc::SYS_getsockopt),
        (Call::Ioctl, libc::SYS_ioctl),
        (Call::Openat, libc::SYS_openat),
        (Call::Sendto, libc::SYS_sendto),
        (Call::Sendmsg, libc::SYS_sendmsg),
    ];
    for (call, number) in library {
        assert_eq!(native.number(call).map(i64::from), Some(number), "{call:?}");
    }
}
