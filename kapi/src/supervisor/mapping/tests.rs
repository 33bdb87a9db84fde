use super::*;

const MAPS: &str = "\
1000-3000 r-xp 00000000 fe:00 42                        /usr/bin/true
3000-4000 rw-p 00002000 fe:00 42                        /usr/bin/true
4000-6000 rw-p 00000000 00:00 0                         [heap]
8000-9000 rw-p 00000000 00:00 0
9000-a000 ---p 00000000 00:00 0
";

#[test]
fn only_what_a_program_may_write_is_written() {
    for (address, len, may) in [
        (0x3000, 1, true),
        (0x3000, 0x3000, true),
        (0x5fff, 1, true),
        (0x2fff, 1, false),
        (0x2fff, 2, false),
        (0x3000, 0x3001, false),
        (0x7fff, 2, false),
        (0x8fff, 1, true),
        (0x8fff, 2, false),
        (0, 1, false),
        (0xa000, 1, false),
        (u64::MAX, 2, false),
    ] {
        let found = listed(MAPS.as_bytes(), address, len);
        assert_eq!(found, Ok(may), "{address:x} {len}");
    }
}

#[test]
fn what_cannot_be_read_is_not_written() {
    for maps in ["", "\n", "1000\n", "x-y rw-p\n", "1000-2000\n"] {
        assert_eq!(listed(maps.as_bytes(), 0x1000, 1), Ok(false), "{maps}");
    }
}

/// A kernel that can be asked about an address says what it lists.
#[test]
fn asking_gives_what_the_text_does() {
    let own = || File::open("/proc/self/maps").unwrap();
    let on_stack = [0_u8; 64];
    let addresses = [
        on_stack.as_ptr() as u64,
        "constant".as_ptr() as u64,
        asking_gives_what_the_text_does as *const () as u64,
        0,
        u64::MAX,
    ];
    for address in addresses {
        for len in [1, 64, 1 << 40] {
            let text = listed(BufReader::new(own()), address, len);
            assert_eq!(writable(&own(), address, len), text, "{address:x} {len}");
            match asked(&own(), address, len) {
                Ok(answer) => assert_eq!(Ok(answer), text, "{address:x} {len}"),
                Err(err) => assert_eq!(err.raw_os_error(), Some(libc::ENOTTY)),
            }
        }
    }
    assert_eq!(writable(&own(), addresses[0], 64), Ok(true));
    assert_eq!(writable(&own(), addresses[2], 1), Ok(false));
}
