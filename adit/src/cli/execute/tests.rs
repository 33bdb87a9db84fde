use super::*;
use adit_wire::l2tp::{SessionId, TunnelId};
use adit_wire::netlink::{Attr, Command, Errno, Frames, Writer, flag};
use rustix::fd::OwnedFd;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
};

/// A client whose daemon has tunnels 1 and 2, and session 5 in tunnel 1.
fn client() -> Client {
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let (ours, theirs) = socketpair(family, kind, SocketFlags::CLOEXEC, None).unwrap();
    std::thread::spawn(move || serve(&theirs));
    Client::from_socket(ours)
}

fn serve(socket: &OwnedFd) {
    let mut packet = vec![0; 4096];
    while let Ok((_, len @ 1..)) = recv(socket, &mut packet, RecvFlags::empty()) {
        let reply = reply(&packet[..len]);
        if send(socket, &reply, SendFlags::NOSIGNAL).is_err() {
            return;
        }
    }
}

fn reply(request: &[u8]) -> Vec<u8> {
    let frame = Frames::new(request).next().unwrap().unwrap();
    let (command, _, attributes) = frame.genl().unwrap();
    let command = Command::from_number(command).unwrap();
    let asked = Attributes::read(attributes).unwrap();
    let object =
        |tunnel| Writer::command(command, flag::MULTI, frame.seq, 0).word(Attr::ConnId, tunnel);
    let refusal = |text| Writer::answer(request, 0, Some(Errno::ENODEV), Some(text)).finish();
    let dump = frame.flags & flag::DUMP != 0;
    match (command, dump, asked.conn_id) {
        (Command::TunnelGet, true, _) => {
            let all = [object(1).finish(), object(2).finish()].concat();
            [all, Writer::done(frame.seq, 0).finish()].concat()
        }
        (Command::SessionGet, true, _) => {
            let session = object(1)
                .word(Attr::SessionId, 5)
                .string(Attr::Ifname, "pw1");
            [session.finish(), Writer::done(frame.seq, 0).finish()].concat()
        }
        (_, _, Some(1 | 2)) => Writer::answer(request, 0, None, None).finish(),
        (_, _, _) => refusal("tunnel_id: no tunnel of this id; make it by: adit add tunnel"),
    }
}

/// What is printed, or the refusal.
fn answered(request: &Request) -> Result<String, String> {
    match answer(request, &mut client(), Style::default()) {
        Ok(text) => Ok(text),
        Err(Failure::Refused(text)) => Err(text),
        Err(other) => panic!("{other:?}"),
    }
}

fn sessions(tunnel: Option<u32>, session: Option<u32>) -> Request {
    Request::ShowSessions(Filter {
        tunnel: tunnel.map(TunnelId),
        session: session.map(SessionId),
        name: None,
    })
}

fn tunnels(tunnel: Option<u32>) -> Request {
    Request::ShowTunnels(Filter {
        tunnel: tunnel.map(TunnelId),
        ..Filter::default()
    })
}

#[test]
fn everything_is_shown_without_ids() {
    let text = answered(&tunnels(None)).unwrap();
    assert!(
        text.contains("Tunnel 1,") && text.contains("Tunnel 2,"),
        "{text}"
    );
    assert!(
        answered(&sessions(None, None))
            .unwrap()
            .contains("Session 5 in tunnel 1")
    );
}

#[test]
fn one_is_shown_by_its_id() {
    let text = answered(&tunnels(Some(2))).unwrap();
    assert!(
        !text.contains("Tunnel 1,") && text.contains("Tunnel 2,"),
        "{text}"
    );
    assert!(
        answered(&sessions(Some(1), Some(5)))
            .unwrap()
            .contains("Session 5")
    );
    assert!(
        answered(&sessions(None, Some(5)))
            .unwrap()
            .contains("Session 5")
    );
}

#[test]
fn an_id_that_is_not_there_is_refused() {
    assert_eq!(
        answered(&tunnels(Some(3))).unwrap_err(),
        "tunnel_id: there is no tunnel 3; list them with `adit show tunnel`"
    );
    assert_eq!(
        answered(&sessions(Some(2), Some(5))).unwrap_err(),
        "session_id: there is no session 5 in tunnel 2; list them with `adit show session`"
    );
}

#[test]
fn a_tunnel_without_sessions_shows_none_and_a_missing_one_is_refused() {
    assert_eq!(answered(&sessions(Some(2), None)), Ok(String::new()));
    let refusal = answered(&sessions(Some(3), None)).unwrap_err();
    assert!(
        refusal.starts_with("tunnel_id: no tunnel of this id"),
        "{refusal}"
    );
}

#[test]
fn a_change_prints_nothing_and_its_refusal_is_the_daemons() {
    assert_eq!(
        answered(&Request::DeleteTunnel(TunnelId(1))),
        Ok(String::new())
    );
    let refusal = answered(&Request::DeleteTunnel(TunnelId(9))).unwrap_err();
    assert_eq!(
        refusal,
        "tunnel_id: no tunnel of this id; make it by: adit add tunnel"
    );
}
