//! The guest itself: if this fails, no result against the real driver means anything.

use adit_e2e::Test;
use adit_e2e::guest::{Guest, Kit};
use adit_lab::{Namespace, Ping};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

pub(crate) fn a_guest_obeys_and_ends() -> Test {
    let namespace = Namespace::new("host")?;
    let console = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest-console.log");
    let mut guest = Guest::boot(&Kit::find()?, &namespace, "tap0", &console)?;
    tells_how_a_command_ended(&mut guest)?;
    has_the_driver(&mut guest)?;
    is_reached_through_the_tap(&mut guest, &namespace)?;
    drop(namespace);
    assert!(guest.run("true").is_err(), "outlived its namespace");
    Ok(())
}

fn tells_how_a_command_ended(guest: &mut Guest) -> Test {
    let output = guest.run(r"printf 'a\n\000\377'; echo b >&2; exit 3")?;
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"a\n\0\xff");
    assert_eq!(output.stderr, b"b\n");
    assert!(guest.run("true")?.status.success());
    Ok(())
}

fn has_the_driver(guest: &mut Guest) -> Test {
    let add = "ip l2tp add tunnel tunnel_id 1 peer_tunnel_id 2 local 127.0.0.1 remote 127.0.0.2";
    let output = guest.run(&format!("{add} encap ip && ip l2tp show tunnel"))?;
    let shown = String::from_utf8(output.stdout)?;
    assert!(shown.contains("From 127.0.0.1 to 127.0.0.2"), "{shown}");
    Ok(())
}

fn is_reached_through_the_tap(guest: &mut Guest, namespace: &Namespace) -> Test {
    let setup = "ip link set eth0 up; ip addr add 192.0.2.2/24 dev eth0; \
                 ip addr add 2001:db8::2/64 dev eth0 nodad";
    let output = guest.run(setup)?;
    assert!(output.status.success(), "{output:?}");
    namespace.add_address("tap0", "192.0.2.1/24")?;
    namespace.add_address("tap0", "2001:db8::1/64")?;
    namespace.set_up("tap0")?;
    for peer in ["192.0.2.2", "2001:db8::2"] {
        let ping = Ping::to(peer.parse::<IpAddr>()?).timeout(Duration::from_secs(60));
        assert!(ping.run(namespace)?.complete(), "{peer}");
    }
    Ok(())
}
