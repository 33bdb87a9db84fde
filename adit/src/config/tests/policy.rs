//! Tables about tunnels and calls that are set up by protocol.

use super::{faults, parsed};
use crate::policy::{
    Digest, HandTo, Host, Policy, Pseudowire, Secret, SessionTerms, VersionChoice,
};
use adit_datapath::spec::{ListenerAddress, Pmtudisc, Tos};
use std::num::NonZeroU8;
use std::path::Path;
use std::time::Duration;

/// The policy of a text, with a listener if it has none.
fn policy(text: &str) -> Policy {
    let listener = if text.contains("[[listener]]") {
        ""
    } else {
        LISTENER
    };
    parsed(&format!("{text}{listener}")).policy
}

const LISTENER: &str = "[[listener]]\nname = \"any\"\nlocal = \"0.0.0.0\"\n";

#[test]
fn a_listener_is_on_l2tps_port_unless_it_says_otherwise() {
    let policy = policy(
        "[[listener]]\nname = \"udp\"\nlocal = \"192.0.2.1\"\ninterface = \"eth0\"\n\
         [[listener]]\nname = \"odd\"\nlocal = \"::\"\nport = 1702\n\
         [[listener]]\nname = \"ip\"\nlocal = \"2001:db8::1\"\nencap = \"ip\"\n",
    );
    let at = |name: &str| policy.listeners[name].local;
    let udp = |text: &str| ListenerAddress::Udp(text.parse().unwrap());
    assert_eq!(at("udp"), udp("192.0.2.1:1701"));
    assert_eq!(at("odd"), udp("[::]:1702"));
    assert_eq!(
        at("ip"),
        ListenerAddress::Ip("2001:db8::1".parse().unwrap())
    );
    let interface = policy.listeners["udp"].interface.as_deref();
    assert_eq!(interface, Some("eth0"));
}

#[test]
fn terms_are_taken_from_profiles_and_their_bases() {
    let policy = policy(
        "[[tunnel_profile]]\nname = \"base\"\nsecret = \"s1\"\nhello = 10\nretries = 3\n\
         [[tunnel_profile]]\nname = \"slow\"\ninherit = \"base\"\nhello = 0\ndigest = \"md5\"\n\
         [[session_profile]]\nname = \"small\"\ncookie_octets = 4\nmtu = 1300\n\
         [[peer]]\nname = \"p\"\ntunnel_profile = \"slow\"\nretries = 7\n\
         session_profile = \"small\"\naddress = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n\
         [[peer.session]]\nremote_end_id = \"blue\"\nname = \"pw-blue\"\ncookie_octets = 8\n\
         [[peer]]\nname = \"q\"\ninherit = \"p\"\nversion = 2\n",
    );
    let [p, q] = &policy.peers[..] else {
        panic!("{:?}", policy.peers);
    };
    assert_eq!(p.tunnel.secret, Some(Secret("s1".into())));
    assert_eq!((p.tunnel.hello, p.tunnel.retries), (None, 7));
    assert_eq!(p.tunnel.digest, Digest::Md5);
    assert_eq!((p.session.cookie_octets, p.session.mtu), (4, Some(1300)));
    assert_eq!(p.session.ifname, None, "the profile's name is its own");
    let blue = p.call(Some("blue"));
    assert_eq!((blue.cookie_octets, blue.mtu), (8, Some(1300)));
    assert_eq!(blue.ifname.as_deref(), Some("pw-blue"));
    assert_eq!(p.call(Some("red")), &p.session);
    assert_eq!(q.tunnel.version, VersionChoice::V2);
    assert_eq!((q.tunnel.retries, q.addresses.len()), (7, 2));
    assert_eq!(q.session.pseudowire, Pseudowire::Ppp);
    assert_eq!(q.session.hand_to, HandTo::Client);
}

#[test]
fn how_packets_travel_is_a_term_of_the_tunnel_and_of_the_call() {
    let policy = policy(
        "[[tunnel_profile]]\nname = \"t\"\npmtudisc = \"do\"\npmtu_probe = 30\ntos = \"inherit\"\n\
         [[session_profile]]\nname = \"s\"\ntos = 0xb8\necn = false\nttl = 9\n\
         [[peer]]\nname = \"p\"\ntunnel_profile = \"t\"\nsession_profile = \"s\"\nttl = 33\naddress = \"192.0.2.2\"\n\
         [[peer.session]]\nremote_end_id = \"x\"\ntos = \"tunnel\"\necn = true\nttl = \"tunnel\"\n\
         [[peer]]\nname = \"q\"\n",
    );
    let [p, q] = &policy.peers[..] else {
        panic!("{:?}", policy.peers);
    };
    let tunnel = &p.tunnel;
    assert_eq!((tunnel.pmtudisc, tunnel.pmtu_probe), (Pmtudisc::Do, 30));
    assert_eq!((tunnel.tos, tunnel.ttl), (Tos::Inherit, NonZeroU8::new(33)));
    let of = |terms: &SessionTerms| (terms.tos, terms.ecn, terms.ttl);
    let own = (Some(Tos::Fixed(0xb8)), false, NonZeroU8::new(9));
    assert_eq!(of(&p.session), own);
    assert_eq!(of(p.call(Some("x"))), (None, true, None));
    assert_eq!(of(&q.session), (None, true, None));
    let usual = (Tos::Fixed(0), None, Pmtudisc::Dont);
    assert_eq!((q.tunnel.tos, q.tunnel.ttl, q.tunnel.pmtudisc), usual);
}

/// Each peer has a secret of its own, and a profile what is done with it.
#[test]
fn a_profile_may_need_what_only_its_users_have() {
    let profile =
        "[[tunnel_profile]]\nname = \"t\"\nhide_avps = true\nroaming = \"authenticated\"\n";
    let peer = "[[peer]]\nname = \"p\"\ntunnel_profile = \"t\"\n";
    let policy = policy(&format!("{profile}{peer}secret = \"s\"\n"));
    assert!(policy.peers[0].tunnel.hide_avps);
    let faults = faults(&format!("{LISTENER}{profile}{peer}"));
    assert_eq!(
        faults,
        ["f:8:1: hide_avps: needs a secret; give secret too"]
    );
}

#[test]
fn a_connection_has_peers_by_priority_and_calls_by_name() {
    let text = format!(
        "{LISTENER}[[connection]]\nname = \"hq\"\nlistener = \"any\"\nhost = \"lns1.example\"\n\
         redial = 30\nversion = 2\nport = 1702\n\
         [[connection.peer]]\nhost = \"192.0.2.9\"\npriority = 1\nweight = 5\n\
         [[connection.peer]]\nhost = \"192.0.2.8\"\n\
         [[connection.session]]\nremote_end_id = \"a\"\nreorder_timeout = 20\n"
    );
    let policy = policy(&text);
    let hq = &policy.connections["hq"];
    let hosts: Vec<_> = hq.peers.iter().map(|peer| peer.host.to_string()).collect();
    assert_eq!(hosts, ["lns1.example", "192.0.2.8", "192.0.2.9"]);
    assert_eq!(hq.peers[0].host, Host::Name("lns1.example".into()));
    assert_eq!((hq.peers[0].port, hq.peers[2].weight), (1702, 5));
    assert_eq!((hq.redial, hq.persistent), (Duration::from_secs(30), true));
    let terms = &hq.calls["a"].terms;
    assert_eq!(terms.reorder_timeout, Duration::from_millis(20));
    assert_eq!(terms.hand_to, HandTo::Client);
}

#[test]
fn pppd_is_run_on_the_terms_of_a_profile_or_of_a_call() {
    let policy = policy(
        "[[session_profile]]\nname = \"s\"\npseudowire = \"ppp\"\nhand_to = \"pppd\"\n\
         pppd_file = \"/etc/ppp/lns\"\npppd_options = \" require-chap  mtu 1400 \"\n\
         [[peer]]\nname = \"p\"\nsession_profile = \"s\"\n\
         [[peer.session]]\nremote_end_id = \"x\"\npppd_options = \"noauth\"\n",
    );
    let peer = &policy.peers[0];
    assert_eq!(peer.session.hand_to, HandTo::Pppd);
    assert_eq!(peer.session.pppd.options, ["require-chap", "mtu", "1400"]);
    let call = &peer.call(Some("x")).pppd;
    assert_eq!(call.file.as_deref(), Some(Path::new("/etc/ppp/lns")));
    assert_eq!(call.options, ["noauth"]);
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_a_remedy() {
    let cases = [
        (
            "[[listener]]\nlocal = \"::\"\n",
            "1:1: name: required and missing; add name NAME",
        ),
        (
            "[[listener]]\nname = \"a\"\nlocal = \"::\"\nencap = \"ip\"\nport = 1\n",
            "5:8: port: says nothing about a listener with encap ip; leave it out",
        ),
        (
            "[[peer]]\nname = \"a\"\ntunnel_profile = \"b\"\n",
            "3:18: tunnel_profile: b is not in the file; give the name of one that is",
        ),
        (
            "[[peer]]\nname = \"a\"\n[[peer]]\nname = \"a\"\n",
            "4:8: name: a stands on line 2 too; give each its own",
        ),
        (
            "[[tunnel_profile]]\nname = \"a\"\ninherit = \"a\"\n",
            "3:11: inherit: leads in a circle, or through too many; \
             inherit from one that has all",
        ),
        (
            "[[peer]]\nname = \"a\"\nhide_avps = true\n",
            "3:13: hide_avps: needs a secret; give secret too",
        ),
        (
            "[[peer]]\nname = \"a\"\naddress = [\"192.0.2.0/40\"]\n",
            "3:11: address: 192.0.2.0/40 is no network; give an address or one such as \
             192.0.2.0/24",
        ),
        (
            "[[peer]]\nname = \"a\"\naddress = [4]\n",
            "3:11: address: the value is of type array; write an array of strings in quotes, \
             without commas in them",
        ),
        (
            "[[session_profile]]\nname = \"a\"\nhand_to = \"client\"\n",
            "3:11: hand_to: client takes PPP frames only; give device, or pseudowire ppp",
        ),
        (
            "[[session_profile]]\nname = \"a\"\nhand_to = \"pppd\"\n",
            "3:11: hand_to: pppd takes PPP frames only; give device, or pseudowire ppp",
        ),
        (
            "[[session_profile]]\nname = \"a\"\npseudowire = \"ppp\"\npppd_options = \"debug\"\n",
            "4:16: pppd_options: says nothing without hand_to pppd; give that too, or leave it out",
        ),
        (
            "[[session_profile]]\nname = \"a\"\npseudowire = \"ppp\"\nhand_to = \"pppd\"\n\
             pppd_file = \"lns\"\n",
            "5:13: pppd_file: \"lns\" is no path from the root; give one such as /etc/ppp/lns",
        ),
        (
            "[[session_profile]]\nname = \"a\"\npseudowire = \"ppp\"\nhand_to = \"pppd\"\n\
             pppd_pool = \"10.8.0.9-10.8.0.2\"\n",
            "5:13: pppd_pool: 10.8.0.9-10.8.0.2 is no range of addresses; give one such as \
             10.8.0.2-10.8.0.254",
        ),
        (
            "[[session_profile]]\nname = \"a\"\npseudowire = \"ppp\"\nhand_to = \"pppd\"\n\
             pppd_options = \"name 'a b'\"\n",
            "5:16: pppd_options: \"name 'a b'\" has quotes; write options that need them into a \
             file and give pppd_file",
        ),
        (
            "[[connection]]\nname = \"a\"\n",
            "1:1: host: required and missing; add host ADDRESS|NAME, or [[connection.peer]]",
        ),
        (
            "[[connection]]\nname = \"a\"\nhost = \"192.0.2\"\n",
            "3:8: host: \"192.0.2\" names no host; give an address or a name such as lns.example",
        ),
        (
            "[[connection]]\nname = \"a\"\nhost = \"b\"\nlistener = \"c\"\n",
            "4:12: listener: c is not in the file; give the name of one that is",
        ),
        (
            "[[connection]]\nname = \"a\"\nhost = \"lns.example:1701\"\n",
            "3:8: host: \"lns.example:1701\" names no host; give an address or a name such as \
             lns.example; the port has a key of its own",
        ),
        (
            "[[listener]]\nname = \"l\"\nlocal = \"::\"\n\
             [[connection]]\nname = \"a\"\nhost = \"b\"\nredial = 0\n",
            "7:10: redial: 0 is not a time in seconds; give a number from 1 to 86400",
        ),
        (
            "[[peer]]\nname = \"a\"\nversion = 2\nsecret = \"s\"\nold_secret = \"o\"\n",
            "5:14: old_secret: in version 2 it takes hide_avps; give that too",
        ),
        (
            "[[session_profile]]\nname = \"a\"\nl2spec_type = \"none\"\nseq = \"both\"\n",
            "3:15: l2spec_type: none has no room for sequence numbers; give default, or seq none",
        ),
        (
            "[[peer]]\nname = \"a\"\nsecret = \"\"\n",
            "3:10: secret: empty; give at least one character, or leave it out",
        ),
        (
            "[limits]\nmax_tunnel = 1\n",
            "2:1: max_tunnel: not a keyword here; did you mean max_tunnels?",
        ),
        (
            "[[connection]]\nname = \"a\"\nhost = \"b\"\nretransmit = 9000\n",
            "4:14: retransmit: 9000 is more than retransmit_cap, 8000; give less, or raise that",
        ),
    ];
    for (text, fault) in cases {
        assert_eq!(faults(text), [format!("f:{fault}")], "{text}");
    }
}

#[test]
fn a_connection_goes_with_its_listener_and_its_terms_with_each_other() {
    let listeners =
        format!("{LISTENER}[[listener]]\nname = \"ip\"\nlocal = \"192.0.2.1\"\nencap = \"ip\"\n");
    let connection = "[[connection]]\nname = \"a\"\nhost = \"2001:db8::1\"\n";
    let v4 = "[[connection]]\nname = \"a\"\nhost = \"192.0.2.2\"\nlistener = \"ip\"\n";
    let cases = [
        (
            connection.to_owned(),
            "1:1: listener: the file has none; add [[listener]]",
        ),
        (
            format!("{listeners}{connection}listener = \"any\"\n"),
            "11:12: listener: any is at 0.0.0.0, and 2001:db8::1 is of the other family; \
             give another",
        ),
        (
            format!("{listeners}{v4}version = 2\n"),
            "12:11: version: 2 goes over udp, and ip has encap ip; give 3, or another listener",
        ),
        (
            format!("{listeners}{v4}source_port = \"auto\"\n"),
            "12:15: source_port: ip has encap ip, where there are no ports; leave it out",
        ),
        (
            "[[peer]]\nname = \"a\"\nroaming = \"authenticated\"\n".to_owned(),
            "3:11: roaming: authenticated needs a secret to sign messages with; give secret too",
        ),
        (
            "[[peer]]\nname = \"a\"\nroaming = \"authenticated\"\nsecret = \"s\"\nversion = 2\n"
                .to_owned(),
            "3:11: roaming: version 2 signs no messages; give never or always",
        ),
        (
            "[[peer]]\nname = \"a\"\nquirks = [\"cisco\"]\n".to_owned(),
            "3:10: quirks: cisco is not known here; give cisco-avps",
        ),
    ];
    for (text, fault) in cases {
        assert_eq!(faults(&text), [format!("f:{fault}")], "{text}");
    }
}

#[test]
fn what_would_never_count_is_refused_before_it_is_loaded() {
    let ip = "[[listener]]\nname = \"ip\"\nlocal = \"192.0.2.1\"\nencap = \"ip\"\n";
    let one = "[[listener]]\nname = \"one\"\nlocal = \"192.0.2.1\"\n";
    let call = |name: &str| {
        format!("[[connection.session]]\nremote_end_id = \"{name}\"\nname = \"pw1\"\n")
    };
    let to = |host: &str| format!("[[connection]]\nname = \"c\"\nhost = \"{host}\"\n");
    let by_hand = "[[tunnel]]\ntunnel_id = 1\npeer_tunnel_id = 1\nlocal = \"192.0.2.1\"\n\
                   remote = \"192.0.2.2\"\nudp_sport = 1701\nudp_dport = 1701\n";
    let cases = [
        (
            "[[peer]]\nname = \"a\"\n".to_owned(),
            "2:8: name: nobody listens to it; add [[listener]]",
        ),
        (
            format!("{LISTENER}{one}"),
            "6:9: local: any has this socket; give each its own",
        ),
        (
            format!("{by_hand}{one}"),
            "8:1: port: tunnel 1 has this port; give another",
        ),
        (
            format!(
                "{LISTENER}[[peer]]\nname = \"a\"\n[[peer]]\nname = \"b\"\naddress = \"192.0.2.2\"\n"
            ),
            "7:8: name: nobody is left for it, as a above is everybody; put it above that",
        ),
        (
            format!("{LISTENER}{}", to("2001:db8::1")),
            "6:8: host: no listener is of the family of 2001:db8::1; add one that is",
        ),
        (
            format!("{ip}{}version = 2\n", to("192.0.2.2")),
            "8:11: version: 2 goes over udp, and every listener has encap ip; add one, or give 3",
        ),
        (
            format!("{ip}{}source_port = \"auto\"\n", to("192.0.2.2")),
            "8:15: source_port: every listener has encap ip, where there are no ports; leave it out",
        ),
        (
            format!("{LISTENER}{}{}{}", to("192.0.2.2"), call("x"), call("y")),
            "12:8: name: pw1 is that of another call of connection c; give each its own",
        ),
    ];
    for (text, fault) in cases {
        assert_eq!(faults(&text), [format!("f:{fault}")], "{text}");
    }
}

#[test]
fn sockets_stand_beside_each_other_on_other_ports_devices_and_protocols() {
    let on = |name: &str, more: &str| {
        format!("[[listener]]\nname = \"{name}\"\nlocal = \"192.0.2.1\"\n{more}\n")
    };
    let text = on("a", "interface = \"eth0\"")
        + &on("b", "interface = \"eth1\"")
        + &on("c", "port = 1702")
        + &on("d", "encap = \"ip\"")
        + "[[listener]]\nname = \"e\"\nlocal = \"::\"\n";
    assert_eq!(policy(&text).listeners.len(), 5);
}

#[test]
fn a_quirk_is_a_term_like_any_other() {
    let policy = policy(
        "[[tunnel_profile]]\nname = \"ios\"\nquirks = [\"cisco-avps\"]\n\
         [[peer]]\nname = \"old\"\naddress = \"192.0.2.1\"\ntunnel_profile = \"ios\"\n[[peer]]\nname = \"new\"\n",
    );
    let quirks: Vec<_> = policy.peers.iter().map(|peer| peer.tunnel.quirks).collect();
    assert!(quirks[0].cisco_draft_avps && !quirks[1].cisco_draft_avps);
}

#[test]
fn the_example_is_good_and_names_every_key() {
    use crate::input::form::policy as form;
    let text = include_str!("../../../../packaging/adit-control.toml");
    let policy = policy(text);
    assert_eq!(policy.listeners.len(), 2);
    assert_eq!((policy.peers.len(), policy.connections.len()), (2, 2));
    let forms = [
        &form::LISTENER,
        &form::TUNNEL_PROFILE,
        &form::SESSION_PROFILE,
        &form::PEER,
        &form::CONNECTION,
        &form::CANDIDATE,
        &form::CALL,
        &form::LIMITS,
    ];
    for word in forms.into_iter().flat_map(|form| form.words()) {
        let assigned = format!("{} = ", word.name);
        assert!(
            text.contains(&assigned),
            "{} is not in the example",
            word.name
        );
    }
}
