use super::*;
use proptest::prelude::*;
use std::io::Read;

#[test]
fn listings_are_known_by_their_paths() {
    let proc = |whose| {
        Some(Listing {
            dump: Dump::Pppol2tp,
            whose,
        })
    };
    let debugfs = Some(Listing {
        dump: Dump::Tunnels,
        whose: Whose::Thread,
    });
    let cases = [
        ("/sys/kernel/debug/l2tp/tunnels", debugfs),
        ("/proc/net/pppol2tp", proc(Whose::Process)),
        ("/proc/self/net/pppol2tp", proc(Whose::Process)),
        ("/proc/thread-self/net/pppol2tp", proc(Whose::Thread)),
        ("/proc/17/net/pppol2tp", proc(Whose::Of(17))),
        ("/proc/17/task/18/net/pppol2tp", proc(Whose::Of(18))),
        ("/proc/+17/net/pppol2tp", None),
        ("/proc//net/pppol2tp", None),
        ("/proc/17/task/net/pppol2tp", None),
        ("/proc/x/task/18/net/pppol2tp", None),
        ("/proc/99999999999/net/pppol2tp", None),
        ("/proc/17net/pppol2tp", None),
        ("/proc/net/pppol2tp/", None),
        ("/proc/net/pppoe", None),
        ("proc/net/pppol2tp", None),
        ("/sys/kernel/debug/l2tp/tunnels/", None),
    ];
    for (path, listing) in cases {
        assert_eq!(Listing::at(path.as_bytes()), listing, "{path}");
    }
    assert_eq!(Listing::at(b"/proc/\xff/net/pppol2tp"), None);
}

#[test]
fn opening_is_refused_as_a_files_mode_has_it() {
    let refused = |flags, dump, privileged| admit(flags, dump, privileged).map_err(|it| it.0);
    for dump in [Dump::Pppol2tp, Dump::Tunnels] {
        assert_eq!(refused(libc::O_RDWR, dump, true), Ok(()));
        assert_eq!(refused(libc::O_RDWR, dump, false), Err(libc::EACCES));
        let flags = libc::O_CREAT | libc::O_EXCL;
        assert_eq!(refused(flags, dump, true), Err(libc::EEXIST));
        assert_eq!(refused(libc::O_DIRECTORY, dump, true), Err(libc::ENOTDIR));
    }
    assert_eq!(refused(libc::O_RDONLY, Dump::Pppol2tp, false), Ok(()));
    let tunnels = refused(libc::O_RDONLY, Dump::Tunnels, false);
    assert_eq!(tunnels, Err(libc::EACCES));
}

#[test]
fn a_file_in_memory_is_read_from_its_start_and_never_changes() {
    let mut file = in_memory(b"some text").unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "some text");
    assert!(file.write_all(b"more").is_err());
    let again = format!("/proc/self/fd/{}", file.as_raw_fd());
    let again = File::options().write(true).open(again);
    assert!(again.is_err() || again.unwrap().write_all(b"more").is_err());
}

proptest! {
    #[test]
    fn any_path_is_a_listing_or_is_not(path: Vec<u8>, within: String) {
        let _ = Listing::at(&path);
        let _ = Listing::at(format!("/proc/{within}/net/pppol2tp").as_bytes());
    }
}
