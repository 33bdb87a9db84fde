use super::*;
use crate::ppp::tests::bench::alone;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::mpsc::channel;

fn cookie_of(socket: &UdpSocket) -> u64 {
    crate::sys::socket::cookie(socket.as_fd()).unwrap()
}

#[test]
fn news_that_were_lost_are_looked_for() {
    if !alone() {
        return;
    }
    let (tell, told) = channel();
    let notify: Notify = Arc::new(move |event| {
        let _ = tell.send(event);
    });
    let sockets = [
        "127.0.0.1:1701",
        "[::1]:1701",
        "127.0.0.1:1702",
        "[::1]:1702",
    ];
    let mut sockets = sockets.map(|address| Some(UdpSocket::bind(address).unwrap()));
    let closing = Closing::default();
    for (id, socket) in (1..).zip(&sockets) {
        assert!(closing.add(cookie_of(socket.as_ref().unwrap()), TunnelId(id), true));
    }
    // One that is in no list of the kernel's, as it is not bound.
    assert!(closing.add(1, TunnelId(9), false));
    closing.look(&notify);
    assert!(told.try_recv().is_err(), "all are there");
    sockets[1..3].iter_mut().for_each(|socket| *socket = None);
    closing.look(&notify);
    let mut closed: Vec<_> = told.try_iter().collect();
    closed.sort_by_key(|event| format!("{event:?}"));
    assert!(matches!(
        closed[..],
        [
            Event::TunnelClosed(TunnelId(2)),
            Event::TunnelClosed(TunnelId(3))
        ]
    ));
    closing.look(&notify);
    assert!(told.try_recv().is_err(), "each is told once");
}
