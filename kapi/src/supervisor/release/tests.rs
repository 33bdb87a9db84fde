use super::*;
use rustix::fd::AsFd;
use rustix::net::sockopt;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// A filter that drops everything, as SO_ATTACH_FILTER takes it.
fn deafen(socket: &UdpSocket) {
    let drop_all = libc::sock_filter {
        code: 0x06,
        jt: 0,
        jf: 0,
        k: 0,
    };
    let len = 1u16.to_ne_bytes();
    let at = (&raw const drop_all as usize).to_ne_bytes();
    let program = [&len[..], &[0; 6], &at].concat();
    set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program).unwrap();
}

fn hears(socket: &UdpSocket) -> bool {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.send_to(b"x", socket.local_addr().unwrap()).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.recv(&mut [0; 8]).is_ok()
}

#[test]
fn a_socket_is_found_by_its_cookie_wherever_it_is() {
    let process = std::process::id() as i32;
    for number in [Number::Right, Number::Another, Number::Closed] {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        deafen(&socket);
        deafen(&other);
        assert!(!hears(&socket));
        let cookie = sockopt::socket_cookie(socket.as_fd()).unwrap();
        let fd = match number {
            Number::Right => socket.as_raw_fd(),
            Number::Another => other.as_raw_fd(),
            Number::Closed => i32::MAX,
        };
        release(TunnelSocket {
            process,
            fd,
            cookie,
        });
        assert!(hears(&socket) && !hears(&other));
    }
}

enum Number {
    Right,
    Another,
    Closed,
}

#[test]
fn what_is_not_there_is_passed_over() {
    for process in [std::process::id() as i32, -1, 0, i32::MAX] {
        release(TunnelSocket {
            process,
            fd: -1,
            cookie: u64::MAX,
        });
    }
}
