use super::*;
use std::net::Ipv4Addr;

fn net(text: &str) -> Net {
    text.parse().unwrap()
}

#[test]
fn a_net_has_the_addresses_that_begin_alike() {
    let has = |net_text: &str, address: &str| net(net_text).has(address.parse().unwrap());
    assert!(has("192.0.2.0/24", "192.0.2.255"));
    assert!(!has("192.0.2.0/24", "192.0.3.0"));
    assert!(has("192.0.2.1", "192.0.2.1"));
    assert!(!has("192.0.2.1", "192.0.2.0"));
    assert!(has("0.0.0.0/0", "203.0.113.9"));
    assert!(!has("0.0.0.0/0", "2001:db8::1"));
    assert!(has("2001:db8::/32", "2001:db8:ffff::1"));
    assert!(has("192.0.2.0/24", "::ffff:192.0.2.7"));
    for wrong in ["192.0.2.0/33", "192.0.2", "", "/8", "::/129", "1.2.3.4/x"] {
        assert_eq!(wrong.parse::<Net>(), Err(()), "{wrong}");
    }
}

#[test]
fn a_star_stands_for_anything() {
    let fits = |pattern: &str, name: &str| Pattern::new(pattern).matches(name);
    assert!(fits("*", "") && fits("*", "lac") && fits("lac", "LAC"));
    assert!(fits("lac-*", "lac-") && fits("lac-*", "lac-7") && !fits("lac-*", "lns-7"));
    assert!(fits("*.example", "a.example") && !fits("*.example", "a.example.org"));
    assert!(fits("a*b*c", "axxbyyc") && !fits("a*b*c", "acb") && !fits("ab*ba", "aba"));
    assert!(!fits("lac", "lac7") && !fits("", "lac"));
}

#[test]
fn a_host_is_an_address_or_a_name() {
    let host = |text: &str| text.parse::<Host>();
    assert_eq!(host("192.0.2.1"), Ok(Host::Address([192, 0, 2, 1].into())));
    assert_eq!(host("lns.example"), Ok(Host::Name("lns.example".into())));
    assert!(host("lns-1").is_ok() && host("lns.example.").is_ok());
    for wrong in ["", "192.0.2", "192.0.2.256", "a b", "a..b", "-a", "lns/1"] {
        assert_eq!(host(wrong), Err(()), "{wrong}");
    }
}

#[test]
fn the_first_peer_that_matches_is_the_one() {
    let peer = |name: &str, nets: &[&str], host_name: Option<&str>| Peer {
        name: name.into(),
        addresses: nets.iter().map(|text| net(text)).collect(),
        host_name: host_name.map(Pattern::new),
        accept: true,
        tunnel: TunnelTerms::default(),
        session: SessionTerms::default(),
        calls: BTreeMap::new(),
    };
    let policy = Policy {
        peers: vec![
            peer("one", &["192.0.2.1"], None),
            peer("named", &["192.0.2.0/24"], Some("lac-*")),
            peer("rest", &[], None),
        ],
        ..Policy::default()
    };
    let who = |address: &str, name: &str| {
        let address = SocketAddr::new(address.parse().unwrap(), L2TP_PORT);
        policy.peer(address, name).map(|peer| peer.name.as_str())
    };
    assert_eq!(who("192.0.2.1", "lac-1"), Some("one"));
    assert_eq!(who("192.0.2.2", "lac-1"), Some("named"));
    assert_eq!(who("192.0.2.2", "other"), Some("rest"));
    assert_eq!(who("2001:db8::1", "lac-1"), Some("rest"));
}

#[test]
fn a_pool_gives_the_lowest_address_that_is_free() {
    let address = |last: u8| Ipv4Addr::new(10, 8, 0, last);
    let pool = Pool::new(address(2), address(4)).unwrap();
    let free = |used: &[u8]| {
        let used = used.iter().map(|last| address(*last)).collect();
        pool.lowest_free(&used)
    };
    assert_eq!(free(&[]), Some(address(2)));
    assert_eq!(free(&[1, 3, 9]), Some(address(2)));
    assert_eq!(free(&[2, 3, 5]), Some(address(4)));
    assert_eq!(free(&[2, 3, 4]), None);
    assert_eq!(Pool::new(address(4), address(2)), None);
    let top = Pool::new(Ipv4Addr::BROADCAST, Ipv4Addr::BROADCAST).unwrap();
    assert_eq!(top.lowest_free(&[Ipv4Addr::BROADCAST].into()), None);
}
