use super::*;
use crate::control::{dump_tunnels, reload};
use adit_kapi::protocol::{Answer as Said, Dump, Say, encode};
use adit_wire::netlink::{Attr, Command, Writer, flag};
use proptest::prelude::*;
use rustix::net::{bind, listen, socketpair};

/// A client, and the daemon's end of its connection.
fn pair(patience: Duration) -> (Client, OwnedFd) {
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let (socket, daemon) = socketpair(family, kind, SocketFlags::CLOEXEC, None).unwrap();
    sockopt::set_socket_timeout(&socket, Timeout::Recv, Some(patience)).unwrap();
    (Client { socket }, daemon)
}

/// What a client makes of `packets`, which are there before it asks for `message`.
fn answered(message: &[u8], packets: &[Vec<u8>]) -> Result<Vec<Attributes>, ClientError> {
    let (mut client, daemon) = pair(PATIENCE);
    for packet in packets {
        send(&daemon, packet, SendFlags::NOSIGNAL).unwrap();
    }
    client.request(message)
}

fn tunnel(id: u32) -> Vec<u8> {
    Writer::command(Command::TunnelGet, flag::MULTI, 7, 0)
        .word(Attr::ConnId, id)
        .finish()
}

/// What a client makes of what a daemon says to its asking for a text.
fn text(dump: Dump, said: Vec<Say>) -> Result<String, ClientError> {
    let (mut client, daemon) = pair(PATIENCE);
    for say in said {
        send(&daemon, &encode(&Said { id: 1, say }), SendFlags::NOSIGNAL).unwrap();
    }
    client.text(dump)
}

#[test]
fn a_text_is_put_together_from_its_pieces() {
    let piece = |text: &str| Say::Text(text.into());
    let said = vec![piece("TUNNEL"), piece(" 1\n"), Say::End];
    assert_eq!(text(Dump::Tunnels, said).unwrap(), "TUNNEL 1\n");
    let error = text(Dump::Tunnels, vec![Say::Refused(libc::EACCES)]).unwrap_err();
    assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
    for said in [vec![Say::Number(1)], vec![Say::Text(vec![0xff]), Say::End]] {
        let error = text(Dump::Pppol2tp, said).unwrap_err();
        assert!(matches!(error, ClientError::Garbled(_)), "{error}");
    }
}

#[test]
fn a_dump_is_collected_over_packets() {
    let packets = [
        [tunnel(1), tunnel(2)].concat(),
        [tunnel(3), Writer::done(7, 0).finish()].concat(),
    ];
    let objects = answered(&dump_tunnels(7), &packets).unwrap();
    let ids: Vec<_> = objects.iter().filter_map(|o| o.conn_id).collect();
    assert_eq!(ids, [1, 2, 3]);
}

#[test]
fn an_acknowledgement_ends_a_request() {
    let asked = reload(false, 7);
    let ack = Writer::answer(&asked, 0, None, None).finish();
    assert!(answered(&asked, &[ack]).unwrap().is_empty());
}

#[test]
fn what_comes_before_a_refusal_is_handed_over() {
    let (mut client, daemon) = pair(PATIENCE);
    let asked = reload(false, 7);
    let line = Writer::command(Command::Reload, flag::MULTI, 7, 0).string(Attr::Text, "add it");
    let no = Writer::answer(&asked, 0, Some(Errno::EIO), Some("config: no")).finish();
    send(&daemon, &[line.finish(), no].concat(), SendFlags::NOSIGNAL).unwrap();
    let mut lines = Vec::new();
    let outcome = client.follow(&asked, |line| lines.extend(line.text));
    assert_eq!(outcome.unwrap_err().to_string(), "config: no");
    assert_eq!(lines, ["add it"]);
}

#[test]
fn a_refusal_carries_errno_and_text_in_one_line() {
    let asked = reload(false, 7);
    let text = Some("tunnel_id: 9 is\nunknown");
    let no = Writer::answer(&asked, 0, Some(Errno::ENODEV), text).finish();
    let error = answered(&asked, &[no]).unwrap_err();
    assert_eq!(error.to_string(), "tunnel_id: 9 is unknown");
    assert!(matches!(
        error,
        ClientError::Refused {
            errno: Errno::ENODEV,
            ..
        }
    ));
}

#[test]
fn a_refusal_without_text_says_what_its_errno_means() {
    let asked = reload(false, 7);
    let no = Writer::answer(&asked, 0, Some(Errno::EPERM), None).finish();
    let error = answered(&asked, &[no]).unwrap_err().to_string();
    assert!(error.starts_with("Operation not permitted"), "{error}");
}

#[test]
fn a_daemon_that_says_nothing_is_given_up() {
    let (mut client, _daemon) = pair(Duration::from_millis(20));
    let error = client.request(&dump_tunnels(7)).unwrap_err();
    assert!(matches!(error, ClientError::Silent(_)), "{error}");
}

#[test]
fn a_daemon_that_goes_away_is_noticed() {
    let (mut client, daemon) = pair(PATIENCE);
    drop(daemon);
    let error = client.request(&dump_tunnels(7)).unwrap_err();
    assert!(matches!(error, ClientError::Closed), "{error}");
}

#[test]
fn an_answer_cut_off_by_the_end_of_the_connection_is_no_answer() {
    let (mut client, daemon) = pair(PATIENCE);
    send(&daemon, &tunnel(1), SendFlags::NOSIGNAL).unwrap();
    drop(daemon);
    let error = client.request(&dump_tunnels(7)).unwrap_err();
    assert!(matches!(error, ClientError::Closed), "{error}");
}

#[test]
fn a_packet_beyond_the_bound_is_refused() {
    let error = answered(&dump_tunnels(7), &[vec![0; PACKET + 1]]).unwrap_err();
    assert!(
        error.to_string().contains("a packet of 65537 octets"),
        "{error}"
    );
}

#[test]
fn an_answer_to_another_request_is_refused() {
    let error = answered(&dump_tunnels(8), &[tunnel(1)]).unwrap_err();
    assert!(error.to_string().contains("request 7 where 8"), "{error}");
}

#[test]
fn nobody_at_the_address_is_told_with_the_remedy() {
    let nobody = Address::Namespace("adit/test/nobody");
    let error = Client::connect(&nobody).unwrap_err();
    assert_eq!(
        error.to_string(),
        "socket: no daemon answers on @adit/test/nobody in this network namespace; \
         start one with: adit run"
    );
}

#[test]
fn a_daemon_of_the_same_user_is_trusted() {
    let name = "adit/test/same-user";
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let listener = socket_with(family, kind, SocketFlags::CLOEXEC, None).unwrap();
    let place = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    bind(&listener, &place).unwrap();
    listen(&listener, 1).unwrap();
    Client::connect(&Address::Namespace(name)).unwrap();
}

#[test]
fn only_root_and_the_own_user_are_trusted() {
    let [root, own, other] = [0, 1000, 1001].map(Uid::from_raw);
    assert!(is_trusted(root, own) && is_trusted(own, own));
    assert!(!is_trusted(other, own) && !is_trusted(other, root));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_panics(packet in proptest::collection::vec(any::<u8>(), 1..512)) {
        let (mut client, daemon) = pair(PATIENCE);
        send(&daemon, &packet, SendFlags::NOSIGNAL).unwrap();
        drop(daemon);
        prop_assert!(client.request(&dump_tunnels(7)).is_err());
    }
}
