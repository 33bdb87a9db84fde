use super::*;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

fn pair() -> (OwnedFd, OwnedFd) {
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    socketpair(family, kind, SocketFlags::CLOEXEC, None).unwrap()
}

#[test]
fn this_process_is_judged_by_its_own_capability() {
    let capable = rustix::thread::capabilities(None).unwrap().effective;
    let capable = capable.contains(rustix::thread::CapabilitySet::NET_ADMIN);
    let (here, _there) = pair();
    let authority = Authority::of_this_namespace();
    // The owner of the namespace cannot be seen from a user namespace below it.
    if !authority.namespaces.is_empty() {
        assert_eq!(authority.admits(&here), capable);
    }
}

#[test]
fn a_capability_in_another_user_namespace_does_not_count() {
    let elsewhere = Authority {
        namespaces: vec![(0, 0)],
    };
    let (here, _there) = pair();
    assert!(!elsewhere.admits(&here));
}

#[test]
fn the_status_of_this_process_is_read() {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    let (euid, _) = status(pid).unwrap();
    assert_eq!(euid, rustix::process::geteuid().as_raw());
    assert_eq!(status(0), None);
}

#[test]
fn a_process_that_ended_is_not_alive() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    child.wait().unwrap();
    assert!(!lives(pidfd));
}
