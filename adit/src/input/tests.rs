use super::form::{ADD_SESSION, ADD_TUNNEL, DEL_SESSION, Form, SET_SESSION, SET_TUNNEL};
use super::*;
use adit_datapath::spec::{
    DebugMask, Encap, Mss, Pmtudisc, SessionSpec, Tos, TunnelRetuning, TunnelSpec, TunnelTuning,
    TxChecksum, UdpChecksum,
};
use adit_wire::l2tp::{SessionId, Sublayer, TunnelId};
use proptest::prelude::*;
use std::num::NonZeroU8;
use std::time::Duration;

fn fields(form: &'static Form, line: &str) -> Result<Fields, FieldError> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Fields::from_words(form, &words)
}

fn tunnel(line: &str) -> Result<TunnelSpec, String> {
    let built = fields(&ADD_TUNNEL, line).and_then(|fields| build::tunnel(&fields));
    built.map_err(|error| error.to_string())
}

fn session(line: &str) -> Result<SessionSpec, String> {
    let built = fields(&ADD_SESSION, line).and_then(|fields| {
        let tunnel = fields.demand(&keyword::TUNNEL_ID)?;
        build::session(tunnel, &fields)
    });
    built.map_err(|error| error.to_string())
}

const UDP: &str = "tunnel_id 1 peer_tunnel_id 2 local 192.168.1.1 remote 192.168.1.2 \
                   udp_sport 5000 udp_dport 5001";
const UDP6: &str = "tid 1 ptid 2 local fd00::1 remote fd00::2 udp_sport 5000 udp_dport 5001";
const IP: &str = "tid 1 ptid 2 local 192.168.1.1 remote 192.168.1.2 encap ip";
const SESSION: &str = "tid 1 sid 2 psid 3";

#[test]
fn a_tunnel_is_udp_without_checksums_over_ipv4_unless_told_otherwise() {
    let Encap::Udp { checksum, .. } = tunnel(UDP).unwrap().encap else {
        panic!("not UDP");
    };
    assert_eq!(checksum.tx, TxChecksum::Spare);
    let Encap::Udp { checksum, .. } = tunnel(&format!("{UDP} udp_csum on")).unwrap().encap else {
        panic!("not UDP");
    };
    assert_eq!(checksum.tx, TxChecksum::Always);
    let encap = tunnel(&format!("{UDP} udp_csum off")).unwrap().encap;
    assert!(matches!(encap, Encap::Udp { checksum, .. } if checksum.tx == TxChecksum::Never));
}

#[test]
fn checksums_over_ipv6_are_on_unless_told_otherwise() {
    let checksum = |more: &str| match tunnel(&format!("{UDP6} {more}")).unwrap().encap {
        Encap::Udp { checksum, .. } => checksum,
        Encap::Ip { .. } => panic!("not UDP"),
    };
    assert_eq!(
        checksum(""),
        UdpChecksum {
            tx: TxChecksum::Always,
            rx: true
        }
    );
    let off = UdpChecksum {
        tx: TxChecksum::Never,
        rx: false,
    };
    assert_eq!(checksum("udp6_csum_tx off udp6_csum_rx off"), off);
}

#[test]
fn an_ip_tunnel_has_addresses_only() {
    let spec = tunnel(IP).unwrap();
    assert_eq!(
        spec,
        TunnelSpec {
            id: TunnelId(1),
            peer_id: TunnelId(2),
            version: 3,
            encap: Encap::Ip {
                local: [192, 168, 1, 1].into(),
                remote: [192, 168, 1, 2].into(),
            },
            via: None,
            tuning: TunnelTuning::default(),
        }
    );
}

#[test]
fn outer_packets_are_as_those_of_ip_l2tp_unless_told_otherwise() {
    assert_eq!(tunnel(UDP).unwrap().tuning, TunnelTuning::default());
    let tuning = tunnel(&format!(
        "{IP} pmtudisc want ttl 32 tos 0xb8 ecn on pmtu_probe 30 debug seq"
    ))
    .unwrap();
    let expected = TunnelTuning {
        debug: DebugMask(DebugMask::SEQ),
        pmtudisc: Pmtudisc::Want,
        ttl: NonZeroU8::new(32),
        tos: Tos::Fixed(0xb8),
        ecn: true,
        pmtu_probe: 30,
    };
    assert_eq!(tuning.tuning, expected);
}

#[test]
fn a_tunnel_is_changed_in_what_is_named() {
    let change = |line: &str| build::tunnel_change(&fields(&SET_TUNNEL, line).unwrap());
    let expected = TunnelRetuning {
        ttl: Some(None),
        ..TunnelRetuning::default()
    };
    assert_eq!(change("tid 1 ttl auto"), Ok(expected));
    let refused = change("tid 1").unwrap_err().to_string();
    assert!(
        refused.starts_with("set tunnel: nothing to change;"),
        "{refused}"
    );
}

#[test]
fn a_session_takes_every_keyword() {
    let spec = session(
        "tunnel_id 1 session_id 0xff peer_session_id 3 name pw1 cookie 0123456789ABCDEF \
         peer_cookie 01020304 seq Recv l2spec_type none lns_mode on reorder_timeout 20 mtu 1400 \
         mss 1300 \
         debug seq,data offset 4 peer_offset 4",
    )
    .unwrap();
    assert_eq!(spec.key.session, SessionId(255));
    assert_eq!(spec.ifname.as_deref(), Some("pw1"));
    assert_eq!(spec.cookie.to_string(), "0123456789abcdef");
    assert_eq!(spec.peer_cookie.to_string(), "01020304");
    assert_eq!(spec.sublayer, Sublayer::None);
    assert_eq!((spec.tuning.recv_seq, spec.tuning.send_seq), (true, false));
    assert!(spec.tuning.lns_mode);
    assert_eq!(spec.tuning.reorder_timeout, Duration::from_millis(20));
    assert_eq!(spec.tuning.mtu, Some(1400));
    assert_eq!(spec.tuning.mss, Some(Mss::Octets(1300)));
    assert_eq!(
        spec.tuning.debug,
        DebugMask(DebugMask::SEQ | DebugMask::DATA)
    );
}

#[test]
fn a_session_needs_three_ids_and_has_the_defaults_of_ip_l2tp() {
    let spec = session(SESSION).unwrap();
    assert_eq!(spec.sublayer, Sublayer::Default);
    assert_eq!(spec.tuning, Default::default());
    assert!(spec.cookie.is_empty() && spec.peer_cookie.is_empty() && spec.ifname.is_none());
}

#[test]
fn a_bad_tunnel_names_field_value_and_remedy() {
    let with = |change: &str, by: &str| tunnel(&UDP.replace(change, by)).unwrap_err();
    let cases = [
        (
            with("tunnel_id 1 ", "tunnel_id 0 "),
            "tunnel_id: 0 is not an id; give a number from 1 to 4294967295",
        ),
        (
            with("peer_tunnel_id 2", "peer_tunnel_id 4294967296"),
            "peer_tunnel_id: 4294967296 is not an id; give a number from 1 to 4294967295",
        ),
        (
            with("tunnel_id 1 ", "tunnel_id 010 "),
            "tunnel_id: 010 could be octal; write it without leading zeros",
        ),
        (
            with("udp_sport 5000", "udp_sport 65536"),
            "udp_sport: 65536 is not a UDP port; give a number from 1 to 65535",
        ),
        (
            with("udp_dport 5001", "udp_dport -1"),
            "udp_dport: -1 is not a UDP port; give a number from 1 to 65535",
        ),
        (
            with("udp_dport 5001", ""),
            "udp_dport: required and missing; add udp_dport PORT",
        ),
        (
            with("local 192.168.1.1", ""),
            "local: required and missing; add local ADDRESS",
        ),
        (
            with("remote 192.168.1.2", "remote fd00::2"),
            "remote: fd00::2 and local 192.168.1.1 differ in family; give two of one family",
        ),
        (
            with("local 192.168.1.1", "local host1"),
            "local: host1 is not an IP address; give one such as 192.0.2.1 or 2001:db8::1",
        ),
        (
            with("remote 192.168.1.2", "remote 0.0.0.0"),
            "remote: 0.0.0.0 names no single host; give the peer's own address",
        ),
        (
            with("udp_sport 5000", "udp_sprt 5000"),
            "udp_sprt: not a keyword here; did you mean udp_sport?",
        ),
        (
            with("udp_dport 5001", "udp_dport"),
            "udp_dport: no value follows; give udp_dport PORT",
        ),
        (
            with("udp_dport 5001", "udp_dport 5001 tid 5"),
            "tunnel_id: given twice, as 1 and as 5; give it once",
        ),
        (
            with("udp_dport 5001", "udp_dport 5001 encap gre"),
            "encap: gre is not known here; give udp or ip",
        ),
        (
            with("udp_dport 5001", "udp_dport 5001 pmtudisc maybe"),
            "pmtudisc: maybe is not known here; give dont or want or do or probe",
        ),
        (
            with("udp_dport 5001", "udp_dport 5001 ttl 256"),
            "ttl: 256 is not a TTL; give a number from 1 to 255, or auto",
        ),
        (
            with("udp_dport 5001", "udp_dport 5001 tos 0xb9"),
            "tos: 0xb9 sets the two low bits, which are those of ECN; give a multiple of 4",
        ),
        (
            with("udp_dport 5001", "udp_dport 5001 tos high"),
            "tos: high is not a TOS octet; give a number from 0 to 255, or inherit or uniform",
        ),
        (
            with("udp_dport 5001", "udp_dport 5001 encap ip"),
            "udp_sport: says nothing about a tunnel with encap ip; leave it out",
        ),
        (
            with("udp_dport 5001", "udp_dport 5001 udp6_csum_rx on"),
            "udp6_csum_rx: says nothing about a tunnel of this address family; leave it out",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_bad_session_names_field_value_and_remedy() {
    let with = |more: &str| session(&format!("{SESSION} {more}")).unwrap_err();
    let cases = [
        (
            with("cookie 12345"),
            "cookie: 12345 is not a cookie; give 8 or 16 hex digits",
        ),
        (
            with("peer_cookie 0123456789abcdef00"),
            "peer_cookie: 0123456789abcdef00 is not a cookie; give 8 or 16 hex digits",
        ),
        (
            with("cookie 0123456x"),
            "cookie: 0123456x is not a cookie; give 8 or 16 hex digits",
        ),
        (
            with("name l2tp-to-the-moon"),
            "name: \"l2tp-to-the-moon\" is no interface name; give 1 to 15 octets",
        ),
        (
            with("name a/b"),
            "name: \"a/b\" is no interface name; leave out slash, colon, percent sign and spaces",
        ),
        (
            with("seq maybe"),
            "seq: maybe is not known here; give none or send or recv or both",
        ),
        (
            with("mtu 67"),
            "mtu: 67 is not an MTU; give a number from 68 to 65521, or auto",
        ),
        (
            with("mss 63"),
            "mss: 63 is not a segment size; give a number from 64 to 65495, or auto or off",
        ),
        (
            with("debug seq,noise"),
            "debug: seq,noise is not a debug mask; give 0 to 15, or of debug,control,seq,data",
        ),
        (
            with("debug 16"),
            "debug: 16 is not a debug mask; give a number from 0 to 15",
        ),
        (
            with("reorder_timeout 2147483648"),
            "reorder_timeout: 2147483648 is not a time in milliseconds; \
             give a number from 0 to 2147483647",
        ),
        (
            with("reorder_timeout soon"),
            "reorder_timeout: soon is not a time in milliseconds; \
             give a number from 0 to 2147483647",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_session_is_selected_by_ids_or_by_name_and_not_by_both() {
    let refused = |line| fields(&DEL_SESSION, line).unwrap_err().to_string();
    assert!(fields(&DEL_SESSION, "tid 1 sid 2").is_ok());
    assert!(fields(&DEL_SESSION, "name pw1").is_ok());
    let both = "name: given beside ids; select by name or by ids";
    assert_eq!(refused("name pw1 tid 1"), both);
    assert_eq!(refused("name pw1 tid 1 sid 2"), both);
    let missing = "session_id: required and missing; add session_id ID";
    assert_eq!(refused("tid 1"), missing);
}

#[test]
fn an_mtu_can_be_made_automatic_again() {
    let change = |line: &str| build::session_change(&fields(&SET_SESSION, line).unwrap());
    assert_eq!(change("name pw1 mtu auto").unwrap().mtu, Some(None));
    assert_eq!(change("name pw1 mtu 1400").unwrap().mtu, Some(Some(1400)));
    assert_eq!(change("name pw1 seq both").unwrap().mtu, None);
    let with_auto = session(&format!("{SESSION} mtu auto"));
    assert_eq!(with_auto, session(SESSION));
}

#[test]
fn a_change_must_change_something() {
    let fields = fields(&SET_SESSION, "tid 1 sid 2").unwrap();
    let error = build::session_change(&fields).unwrap_err().to_string();
    assert!(
        error.starts_with("set session: nothing to change;"),
        "{error}"
    );
}

#[test]
fn a_debug_mask_prints_as_it_is_read() {
    for mask in 1..16 {
        let names = debug_names(DebugMask(mask));
        assert_eq!(value::debug(&names), Ok(DebugMask(mask)));
    }
    assert_eq!(debug_names(DebugMask(16)), "16");
}

/// A word that a form knows, or any other text.
fn word() -> impl Strategy<Value = String> {
    let known: Vec<&str> = ADD_TUNNEL
        .words()
        .chain(ADD_SESSION.words())
        .map(|w| w.name)
        .collect();
    let values = vec![
        "0",
        "1",
        "70000",
        "udp",
        "192.168.1.1",
        "fd00::1",
        "deadbeef",
        "on",
        "seq,",
    ];
    prop_oneof![
        proptest::sample::select(known).prop_map(str::to_owned),
        proptest::sample::select(values).prop_map(str::to_owned),
        ".{0,20}",
    ]
}

proptest! {
    #[test]
    fn no_words_panic(words in proptest::collection::vec(word(), 0..24)) {
        if let Ok(fields) = Fields::from_words(&ADD_TUNNEL, &words) {
            let _ = build::tunnel(&fields);
        }
        if let Ok(fields) = Fields::from_words(&ADD_SESSION, &words) {
            let _ = build::session(1, &fields);
        }
    }

    #[test]
    fn no_value_panics(text in ".{0,24}") {
        for word in ADD_TUNNEL.words().chain(ADD_SESSION.words()) {
            let mut fields = Fields::new(if ADD_TUNNEL.find(word.name).is_some() {
                &ADD_TUNNEL
            } else {
                &ADD_SESSION
            });
            fields.insert(word.name, &text).unwrap();
            let _ = (build::tunnel(&fields), build::session(1, &fields));
        }
    }
}
