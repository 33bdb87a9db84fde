use super::*;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const NEAR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 71, 0, 1)), 0);
const FAR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 71, 0, 2)), 0);

/// A socket, or none where this process may not have one.
fn open(at: SocketAddr, connection: u32) -> Option<ControlSocket> {
    match ControlSocket::open(at.is_ipv4()) {
        Ok(socket) => {
            socket.bind(at, connection).unwrap();
            Some(socket)
        }
        Err(refused) if refused.raw_os_error() == Some(libc::EPERM) => {
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "needs CAP_NET_RAW"
            );
            eprintln!("skipped: needs CAP_NET_RAW");
            None
        }
        Err(refused) => panic!("{refused}"),
    }
}

/// A control message to a connection.
fn control(connection: u32) -> Vec<u8> {
    let mut out = vec![0xc8, 3, 0, 12];
    out.extend(connection.to_be_bytes());
    out.extend([0; 4]);
    out
}

/// What comes to a socket next.
fn next(socket: &ControlSocket) -> (SocketAddr, Vec<u8>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut buffer = vec![0; MESSAGE_OCTETS];
    loop {
        match socket.receive(&mut buffer) {
            Ok(Some((from, message))) => return (from, message.to_vec()),
            Ok(None) => {}
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => {
                assert!(Instant::now() < deadline, "nothing comes");
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(err) => panic!("{err}"),
        }
    }
}

/// The message for the right connection comes, and nothing that was sent before it.
#[test]
fn a_socket_hears_its_own_connection_alone() {
    for (near, far) in [
        (NEAR, FAR),
        ("[::1]:0".parse().unwrap(), "[::1]:0".parse().unwrap()),
    ] {
        let (Some(near_socket), Some(far_socket)) = (open(near, 1), open(far, 2)) else {
            return;
        };
        near_socket.connect(Some(far)).unwrap();
        let others = [
            control(3),
            control(2)[..8].to_vec(),
            vec![0; 20],
            vec![1; 20],
        ];
        for other in others {
            near_socket.send(None, &other).unwrap();
        }
        near_socket.send(None, &control(2)).unwrap();
        assert_eq!(next(&far_socket), (near, control(2)));
        far_socket.send(Some(near), &control(1)).unwrap();
        assert_eq!(next(&near_socket), (far, control(1)));
    }
}

#[test]
fn a_socket_sends_where_it_is_connected_to() {
    let Some(socket) = open(NEAR, 1) else {
        return;
    };
    assert_eq!(socket.local().unwrap(), NEAR);
    socket.connect(Some(FAR)).unwrap();
    socket.send(None, &control(2)).unwrap();
    socket.connect(None).unwrap();
    let to_nobody = socket.send(None, &control(2)).unwrap_err();
    assert_eq!(to_nobody.raw_os_error(), Some(libc::EDESTADDRREQ));
}

#[test]
fn an_end_is_a_udp_socket_and_hears_its_program_alone() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = std::net::TcpListener::bind(any).unwrap();
    let refused = ProgramEnd::new(listener.into(), any).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EPROTONOSUPPORT));

    let [program, other, end] = [any; 3].map(|any| std::net::UdpSocket::bind(any).unwrap());
    crate::sys::socket::tell_destination(&end).unwrap();
    let at = end.local_addr().unwrap();
    let end = ProgramEnd::new(end.into(), program.local_addr().unwrap()).unwrap();
    other.send_to(b"other", at).unwrap();
    program.send_to(b"own", at).unwrap();
    let mut buffer = vec![0; MESSAGE_OCTETS];
    assert_eq!(end.receive(&mut buffer).unwrap(), None);
    let own: (IpAddr, &[u8]) = (Ipv4Addr::LOCALHOST.into(), b"own");
    assert_eq!(end.receive(&mut buffer).unwrap(), Some(own));
    end.send(Ipv4Addr::LOCALHOST.into(), b"back").unwrap();
    let (len, from) = program.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..len], from), (&b"back"[..], at));
}
