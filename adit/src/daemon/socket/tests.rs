use super::*;
use crate::daemon::samples::directory;
use std::os::unix::fs::MetadataExt;

/// Runs `test` where sockets can be watched.
fn watched(test: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let _guard = runtime.as_ref().unwrap().enter();
    test();
}

#[test]
fn a_socket_file_is_private_and_goes_with_its_listener() {
    watched(|| {
        let dir = directory();
        let path = dir.path().join("socket");
        let listener = Listener::bind(&Address::Path(path.clone())).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o660);
        drop(listener);
        assert!(!path.exists());
    });
}

#[test]
fn a_second_daemon_is_refused() {
    watched(|| {
        let dir = directory();
        let address = Address::Path(dir.path().join("socket"));
        let _first = Listener::bind(&address).unwrap();
        let refused = Listener::bind(&address).unwrap_err();
        assert_eq!(
            (refused.errno, refused.field),
            (Errno::EADDRINUSE, "socket")
        );
        assert!(
            refused.text.contains("a daemon already listens"),
            "{refused}"
        );
        let name = Address::Namespace("adit/test/second-daemon");
        let _first = Listener::bind(&name).unwrap();
        let refused = Listener::bind(&name).unwrap_err();
        assert!(
            refused
                .text
                .contains("a daemon already runs in this network namespace")
        );
    });
}

#[test]
fn an_abandoned_socket_file_is_replaced_and_any_other_file_is_not() {
    watched(|| {
        let dir = directory();
        let path = dir.path().join("socket");
        bind(seqpacket().unwrap(), &SocketAddrUnix::new(&path).unwrap()).unwrap();
        drop(Listener::bind(&Address::Path(path.clone())).unwrap());
        std::fs::write(&path, "precious").unwrap();
        let refused = Listener::bind(&Address::Path(path.clone())).unwrap_err();
        assert_eq!(refused.errno, Errno::EADDRINUSE);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    });
}
