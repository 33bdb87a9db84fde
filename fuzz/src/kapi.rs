use adit_kapi::protocol::{self, Answer, Question};
use adit_kapi::{L2tpIpAddress, PppoxAddress, messages, named_descriptor};
use adit_wire::netlink::controller::{self, Lookup};
use adit_wire::netlink::{Command, Frames};

/// A packet of a supervisor: what is read is written the same.
pub fn kapi_question(data: &[u8]) {
    if let Some(question) = protocol::decode::<Question>(data) {
        assert_eq!(
            protocol::decode(&protocol::encode(&question)),
            Some(question)
        );
    }
}

/// A packet of a daemon: what is read is written the same.
pub fn kapi_answer(data: &[u8]) {
    if let Some(answer) = protocol::decode::<Answer>(data) {
        assert_eq!(protocol::decode(&protocol::encode(&answer)), Some(answer));
    }
}

/// A datagram of a program on a generic-netlink socket: its messages lie in it one behind the other,
/// and whatever descriptor one names, a tunnel is to be made.
pub fn kapi_datagram(data: &[u8]) {
    let mut at = 0;
    for message in messages(data) {
        assert!(message.len() >= 16);
        assert_eq!(data.get(at..at + message.len()), Some(message));
        at = (at + message.len()).next_multiple_of(4);
        if named_descriptor(message).is_some() {
            assert_eq!(message.get(16), Some(&Command::TunnelCreate.number()));
        }
    }
}

/// What a program gives `connect` as an address of PPPoL2TP: what is read is told by `getsockname`
/// in as many octets, and reads the same.
pub fn kapi_pppox_address(data: &[u8]) {
    if let Ok(address) = PppoxAddress::read(data) {
        let told = address.write();
        assert_eq!(told.len(), data.len());
        assert_eq!(PppoxAddress::read(&told), Ok(address));
    }
}

/// What a program gives as an address of protocol 115, over IPv4 or IPv6 by the first octet: what is
/// read is told in as many octets as such addresses have, and reads the same.
pub fn kapi_l2tpip_address(data: &[u8]) {
    let Some((family, octets)) = data.split_first() else {
        return;
    };
    let v6 = family & 1 == 1;
    if let Some(address) = L2tpIpAddress::read(v6, octets) {
        let told = address.write();
        assert_eq!(told.len(), if v6 { 32 } else { 16 });
        assert_eq!(L2tpIpAddress::read(v6, &told), Some(address));
    }
}

/// Messages to the controller of generic netlink: what is asked of the family is answered by
/// messages that a program can walk.
pub fn kapi_lookup(data: &[u8]) {
    for frame in Frames::new(data).flatten() {
        let answer = match Lookup::read(&frame) {
            None => continue,
            Some(Lookup::Family) => vec![controller::family(false, frame.seq, 0)],
            Some(Lookup::All) => vec![controller::family(true, frame.seq, 0)],
            Some(Lookup::Policy(command)) => controller::policies(command, frame.seq, 0),
        };
        for message in answer {
            assert_eq!(Frames::new(&message).filter(Result::is_ok).count(), 1);
        }
    }
}
