//! Peers with one address and one port, which nothing but the host's marks tells apart.

use adit_e2e::{Host, Test, eventually, needing};
use adit_lab::{Ping, veth};
use libtest_mimic::Trial;
use std::net::IpAddr;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Trial> {
    vec![needing(
        &["nft", "ip"],
        "marks::tell_peers_of_one_address_apart",
        tell_peers_of_one_address_apart,
    )]
}

const SERVER: &str = "192.0.2.1";
/// Both clients', each on a link of its own.
const CLIENT: &str = "192.0.2.2";

/// Each client's link at the server, its mark, its session's device and the network inside.
const CLIENTS: [(&str, u32, &str, &str); 2] =
    [("one", 1, "pw1", "10.9.1"), ("two", 2, "pw2", "10.9.2")];

fn tell_peers_of_one_address_apart() -> Test {
    let mut server = Host::idle("server");
    let mut clients = CLIENTS.map(|(name, ..)| Host::idle(name));
    for (client, (name, mark, ..)) in clients.iter().zip(CLIENTS) {
        veth(&server, name, client, "eth0")?;
        server.add_address(name, &format!("{SERVER}/24"))?;
        client.add_address("eth0", &format!("{CLIENT}/24"))?;
        server.set_up(name)?;
        client.set_up("eth0")?;
        separate(&server, name, mark);
    }
    server.start_configured(&format!(
        "[[listener]]\nname = \"l\"\nlocal = \"{SERVER}\"\nmarks = true\n\
         [[peer]]\nname = \"client\"\n{}",
        CLIENTS
            .map(|(_, _, device, _)| session("peer", device))
            .concat()
    ));
    for (client, (_, _, device, _)) in clients.iter_mut().zip(CLIENTS) {
        client.start_configured(&format!(
            "[[listener]]\nname = \"l\"\nlocal = \"{CLIENT}\"\n\
             [[connection]]\nname = \"server\"\nhost = \"{SERVER}\"\nredial = 1\n{}",
            session("connection", device)
        ));
    }
    eventually("both clients have a session", || {
        server.list("session").len() == 2
    });
    for tunnel in server.list("tunnel") {
        assert_eq!(tunnel["peer"], CLIENT);
        assert_eq!(tunnel["peer_port"], 1701);
    }
    for (client, (_, _, device, network)) in clients.iter().zip(CLIENTS) {
        eventually("the session is up at both ends", || {
            client.link(device).is_ok()
        });
        server.add_address(device, &format!("{network}.1/24"))?;
        client.add_address(device, &format!("{network}.2/24"))?;
        server.set_up(device)?;
        client.set_up(device)?;
    }
    for (client, (_, _, _, network)) in clients.iter().zip(CLIENTS) {
        for (host, last) in [(client, 1), (&server, 2)] {
            let far: IpAddr = format!("{network}.{last}").parse()?;
            let ping = Ping::to(far).timeout(Duration::from_millis(500));
            eventually("a ping is answered", || {
                ping.run(host).is_ok_and(|report| report.complete())
            });
        }
    }
    Ok(())
}

/// Marks what comes by `link`, and routes what bears the mark back by it.
fn separate(server: &Host, link: &str, mark: u32) {
    let rules = format!(
        "add table ip {link}; \
         add chain ip {link} in {{ type filter hook prerouting priority mangle; }}; \
         add rule ip {link} in iifname {link} meta mark set {mark}"
    );
    let table = 100 + mark;
    for line in [
        format!("ip rule add fwmark {mark} table {table}"),
        format!("ip route add {CLIENT} dev {link} src {SERVER} table {table}"),
    ] {
        run(server, line.split(' '));
    }
    run(server, ["nft", &rules].into_iter());
}

fn run<'a>(host: &Host, mut words: impl Iterator<Item = &'a str>) {
    let command = host.command(words.next().expect("a program")).args(words);
    let output = command.output().expect("a program that runs");
    assert!(output.status.success(), "{output:?}");
}

fn session(of: &str, device: &str) -> String {
    format!("[[{of}.session]]\nremote_end_id = \"{device}\"\nname = \"{device}\"\n")
}
