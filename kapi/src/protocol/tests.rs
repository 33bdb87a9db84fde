use super::*;
use proptest::prelude::*;

fn any_descriptor() -> impl Strategy<Value = Descriptor> {
    prop_oneof![
        Just(Descriptor::None),
        Just(Descriptor::Sent),
        any::<u32>().prop_map(Descriptor::Ip),
        any::<i32>().prop_map(Descriptor::Refused),
    ]
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let fields = any::<(IpAddr, u32, u32)>();
    fields.prop_map(|(address, scope, connection)| Endpoint {
        address,
        scope,
        connection,
    })
}

fn any_ask() -> impl Strategy<Value = Ask> {
    let message = any::<(bool, u32, bool, bool, Vec<u8>, i32)>();
    let netlink = (message, any_descriptor()).prop_map(|(given, socket)| {
        let (privileged, port, extended, capped, message, process) = given;
        Ask::Netlink(NetlinkMessage {
            privileged,
            port,
            extended,
            capped,
            message,
            process,
            socket,
        })
    });
    let ids = any::<[u32; 4]>().prop_map(|[tunnel, session, peer_tunnel, peer_session]| Ids {
        tunnel,
        session,
        peer_tunnel,
        peer_session,
    });
    let connect = (any::<(bool, u8, i32, i32)>(), ids, any_descriptor());
    let connect = connect.prop_map(|((privileged, version, process, fd), ids, socket)| {
        Ask::Connect(Connect {
            privileged,
            version,
            ids,
            process,
            fd,
            socket,
        })
    });
    let option = any::<(u32, i32, i32)>();
    let option = option.prop_map(|(number, option, value)| {
        Ask::Socket(number, SocketAsk::SetOption(option, value))
    });
    let filter = any::<(u32, bool, Vec<(u16, u8, u8, u32)>)>();
    let filter = filter.prop_map(|(number, active, program)| {
        Ask::Ppp(number, PppAsk::SetFilter { active, program })
    });
    let dump = any::<(bool, bool)>().prop_map(|(tunnels, privileged)| {
        let dump = if tunnels {
            Dump::Tunnels
        } else {
            Dump::Pppol2tp
        };
        Ask::Dump { dump, privileged }
    });
    let bind = (any::<u32>(), any_endpoint());
    let bind = bind.prop_map(|(number, end)| Ask::Ip(number, IpAsk::Bind(end)));
    let sent = (any::<(u32, Vec<u8>)>(), any_endpoint());
    let sent = sent.prop_map(|((number, message), to)| Ask::Ip(number, IpAsk::Send(to, message)));
    prop_oneof![
        netlink,
        Just(Ask::Subscribe),
        connect,
        option,
        filter,
        dump,
        bind,
        sent
    ]
}

fn any_say() -> impl Strategy<Value = Say> {
    prop_oneof![
        any::<Vec<u8>>().prop_map(Say::Datagram),
        Just(Say::End),
        any::<i32>().prop_map(Say::Refused),
        any::<Vec<u8>>().prop_map(Say::Notification),
        any::<i64>().prop_map(Say::Number),
        any::<Vec<u8>>().prop_map(Say::Text),
        any::<Vec<u64>>().prop_map(Say::Counters),
        any_endpoint().prop_map(Say::Endpoint),
        any::<(i32, i32, u64)>().prop_map(|(process, fd, cookie)| {
            Say::Released(TunnelSocket {
                process,
                fd,
                cookie,
            })
        }),
        any::<(u8, [u8; 16], u16, i32)>().prop_map(|(version, address, port, fd)| {
            let peer = SocketAddr::from((address, port));
            let ids = Ids::default();
            Say::Name(Name {
                version,
                ids,
                peer,
                fd,
            })
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(id: u32, ask in any_ask(), say in any_say()) {
        let question = Question { id, ask };
        prop_assert_eq!(decode(&encode(&question)), Some(question));
        let answer = Answer { id, say };
        prop_assert_eq!(decode(&encode(&answer)), Some(answer));
    }

    #[test]
    fn any_octets_are_read_or_refused(octets: Vec<u8>) {
        let _ = decode::<Question>(&octets);
        let _ = decode::<Answer>(&octets);
    }

    #[test]
    fn what_is_cut_or_followed_is_refused(id: u32, ask in any_ask(), more: u8) {
        let mut packet = encode(&Question { id, ask });
        packet.push(more);
        prop_assert_eq!(decode::<Question>(&packet), None);
        packet.truncate(packet.len() - 2);
        prop_assert_eq!(decode::<Question>(&packet), None);
    }
}

#[test]
fn a_hello_is_no_netlink_message() {
    let frame = adit_wire::netlink::Frames::new(HELLO).next();
    assert!(matches!(frame, Some(Err(_))), "{frame:?}");
}
