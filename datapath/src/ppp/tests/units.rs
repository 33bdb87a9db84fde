use super::bench::{Bench, PATIENCE, Program, alone, ip};
use crate::counters::DropReason;
use crate::ppp::{File, Filter, FilterKind, Instruction, Kind, NpMode, UnitStatistics, flag};
use adit_wire::ip::Checksum;
use adit_wire::netlink::Errno;
use adit_wire::ppp::protocol;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

const LCP: [u8; 6] = [0xc0, 0x21, 1, 1, 0, 4];
const IPCP: [u8; 6] = [0x80, 0x21, 1, 1, 0, 4];

/// A session whose channel is in a unit, which has an address and a socket to send by.
struct Link {
    bench: Bench,
    channel: (File, Program),
    unit: (File, Program),
    socket: UdpSocket,
}

fn link(version: u8) -> Option<Link> {
    if !alone() {
        return None;
    }
    let mut bench = Bench::new(version);
    let key = bench.session(1);
    let index = bench.ppp.claim(key).unwrap();
    let (channel, unit) = (bench.open(), bench.open());
    channel.0.attach_channel(index).unwrap();
    assert_eq!(unit.0.new_unit(None), Ok(0));
    channel.0.connect(0).unwrap();
    ip("addr add 10.9.0.1 peer 10.9.0.2 dev ppp0");
    ip("link set ppp0 up");
    let socket = UdpSocket::bind("10.9.0.1:4000").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect("10.9.0.2:5000").unwrap();
    Some(Link {
        bench,
        channel,
        unit,
        socket,
    })
}

/// An IPv4 datagram of the other end's.
fn datagram(text: &[u8]) -> Vec<u8> {
    let len = 28 + text.len() as u8;
    let mut packet = vec![0x45, 0, 0, len, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend([10, 9, 0, 2, 10, 9, 0, 1]);
    let mut sum = Checksum::new();
    sum.add(&packet);
    packet[10..12].copy_from_slice(&sum.finish().to_be_bytes());
    packet.extend([0x13, 0x88, 0x0f, 0xa0, 0, 8 + text.len() as u8, 0, 0]);
    packet.extend(text);
    packet
}

fn frame(protocol: u16, packet: &[u8]) -> Vec<u8> {
    [&[0xff, 0x03], &protocol.to_be_bytes()[..], packet].concat()
}

impl Link {
    /// The next IPv4 packet that the peer gets.
    fn peer_gets_ipv4(&self) -> Vec<u8> {
        loop {
            // The kernel sends IPv6 of its own accord.
            let (session, frame) = self.bench.peer_gets();
            assert_eq!((session, &frame[..3]), (101, &[0xff, 0x03, 0x00][..]));
            if frame[3] == 0x21 {
                return frame[4..].to_vec();
            }
            assert_eq!(frame[3], 0x57);
        }
    }

    fn host_gets(&self) -> Vec<u8> {
        let mut text = [0; 64];
        let len = self.socket.recv(&mut text).unwrap();
        text[..len].to_vec()
    }

    fn statistics(&self) -> UnitStatistics {
        let index = ip("-o link show ppp0");
        let index = index.split(':').next().unwrap().parse().unwrap();
        self.bench.ppp.statistics(index).unwrap()
    }
}

#[test]
fn a_unit_carries_packets_and_files_the_rest() {
    for version in [2, 3] {
        let Some(link) = link(version) else { return };
        let shown = ip("link show ppp0");
        assert!(
            shown.contains("link/ppp") && shown.contains("POINTOPOINT"),
            "{shown}"
        );
        link.socket.send(b"out").unwrap();
        assert_eq!(&link.peer_gets_ipv4()[28..], b"out");
        let before = link.statistics();
        link.bench
            .peer_sends(1, &frame(protocol::IPV4, &datagram(b"in")));
        assert_eq!(link.host_gets(), b"in");
        link.bench.peer_sends(1, &LCP);
        assert_eq!(link.channel.1.reads(), LCP);
        link.bench.peer_sends(1, &IPCP);
        assert_eq!(link.unit.1.reads(), IPCP);
        let after = link.statistics();
        assert_eq!(
            after.rx_packets - before.rx_packets,
            2,
            "LCP is the channel's"
        );
        assert_eq!(after.rx_bytes - before.rx_bytes, 30 + 4);
        link.channel.1.writes(&LCP);
        assert_eq!(link.bench.peer_gets().1[2..], LCP);
        link.unit.1.writes(&IPCP);
        assert_eq!(link.bench.peer_gets().1[2..], IPCP);
    }
}

#[test]
fn numbers_are_the_lowest_free_or_those_asked_for() {
    if !alone() {
        return;
    }
    let bench = Bench::new(2);
    let files: Vec<_> = (0..4).map(|_| bench.open()).collect();
    assert_eq!(files[0].0.new_unit(None), Ok(0));
    assert_eq!(files[1].0.new_unit(Some(0)), Err(Errno::EEXIST));
    assert_eq!(files[1].0.new_unit(Some(2)), Ok(2));
    assert_eq!(files[2].0.new_unit(None), Ok(1));
    assert_eq!(files[2].0.kind(), Kind::Unit(1));
    ip("link add ppp3 type veth peer name other");
    assert_eq!(files[3].0.new_unit(None), Ok(4), "ppp3 is somebody else's");
    let mut files = files.into_iter();
    // The first unit goes with its file, whoever else is attached.
    let (owner, other) = (files.next().unwrap(), bench.open());
    other.0.attach_unit(0).unwrap();
    owner.1.closes();
    assert_eq!(other.1.reads(), []);
    let again = bench.open();
    assert_eq!(again.0.new_unit(None), Ok(0));
}

#[test]
fn a_unit_outlives_its_channels() {
    let Some(mut link) = link(2) else { return };
    let key = link.bench.datapath.session_keys()[0];
    assert_eq!(link.bench.ppp.unit_name(key).as_deref(), Some("ppp0"));
    assert_eq!(link.channel.0.connect(0), Err(Errno::EINVAL));
    link.channel.0.disconnect().unwrap();
    assert_eq!(link.unit.1.reads(), [], "nothing to read at the moment");
    assert_eq!(link.channel.0.disconnect(), Err(Errno::EINVAL));
    let before = link.statistics();
    link.socket.send(b"lost").unwrap();
    while link.statistics().tx_errors == before.tx_errors {
        std::thread::sleep(Duration::from_millis(1));
    }
    link.channel.0.connect(0).unwrap();
    link.socket.send(b"found").unwrap();
    assert_eq!(&link.peer_gets_ipv4()[28..], b"found");
    link.bench.remove(key);
    assert_eq!(link.unit.1.reads(), []);
    assert_eq!(link.channel.1.reads(), []);
    assert_eq!(link.channel.0.connect(0), Err(Errno::ENOTCONN));
    // Another session takes its place.
    let key = link.bench.session(1);
    let index = link.bench.ppp.claim(key).unwrap();
    let (file, _program) = link.bench.open();
    file.attach_channel(index).unwrap();
    file.connect(0).unwrap();
    link.socket.send(b"again").unwrap();
    assert_eq!(&link.peer_gets_ipv4()[28..], b"again");
}

#[test]
fn a_channel_stays_in_an_ended_unit_until_it_is_taken_out() {
    let Some(link) = link(2) else { return };
    let (channel, program) = &link.channel;
    link.unit.1.closes();
    for round in 0..2 {
        // What is the network layer's goes nowhere, what is the link's is read as before.
        link.bench.peer_sends(1, &IPCP);
        link.bench.peer_sends(1, &LCP);
        assert_eq!(program.reads(), LCP, "round {round}");
    }
    let (file, _program) = link.bench.open();
    assert_eq!(file.new_unit(None), Ok(0), "its number is free");
    assert_eq!(channel.connect(0), Err(Errno::EINVAL));
    assert_eq!(channel.disconnect(), Ok(()));
    assert_eq!(channel.disconnect(), Err(Errno::EINVAL));
    link.bench.peer_sends(1, &IPCP);
    assert_eq!(program.reads(), IPCP);
    assert_eq!(channel.connect(0), Ok(()));
}

#[test]
fn a_number_whose_unit_is_about_to_end_is_waited_for() {
    if !alone() {
        return;
    }
    let bench = Bench::new(2);
    for wanted in [None, Some(0), None, Some(0)] {
        let (file, program) = bench.open();
        assert_eq!(file.new_unit(wanted), Ok(0));
        drop(program);
        // Only the closing of the program's end tells that the unit ends.
        std::mem::forget(file);
    }
}

#[test]
fn a_unit_sends_by_a_channel_whose_session_is_there() {
    let Some(mut link) = link(2) else { return };
    let mut second = |session| {
        let key = link.bench.session(session);
        let program = link.bench.connect(key);
        link.bench.ppp.bind(program.channel).unwrap();
        let (file, reader) = link.bench.open();
        file.attach_channel(program.channel).unwrap();
        (key, program, file, reader)
    };
    let [cut, left] = [second(2), second(3)];
    link.channel.0.disconnect().unwrap();
    assert_eq!(link.unit.1.reads(), []);
    cut.2.connect(0).unwrap();
    left.2.connect(0).unwrap();
    link.unit.1.writes(&IPCP);
    assert_eq!(link.bench.peer_gets().0, 102);
    link.bench.remove(cut.0);
    link.unit.1.writes(&IPCP);
    assert_eq!(link.bench.peer_gets().0, 103);
    link.socket.send(b"out").unwrap();
    loop {
        let (session, frame) = link.bench.peer_gets();
        assert_eq!(session, 103);
        if frame.ends_with(b"out") {
            break;
        }
    }
    // A channel without a session is still the unit's.
    assert_eq!(cut.2.connect(0), Err(Errno::EINVAL));
    link.bench.remove(left.0);
    assert!(link.unit.1.is_dry(), "no end");
    assert_eq!(cut.2.disconnect(), Ok(()));
    assert_eq!(left.2.disconnect(), Ok(()));
    assert_eq!(link.unit.1.reads(), []);
}

#[test]
fn a_mode_closes_the_unit_to_a_protocol() {
    let Some(mut link) = link(2) else { return };
    let key = link.bench.datapath.session_keys()[0];
    let unit = &link.unit.0;
    assert_eq!(unit.np_mode(protocol::IPV4), Ok(NpMode::PASS));
    assert_eq!(unit.np_mode(protocol::LCP), Err(Errno::EINVAL));
    for mode in [NpMode::DROP, NpMode::ERROR, NpMode(7)] {
        unit.set_np_mode(protocol::IPV4, mode).unwrap();
        link.bench
            .peer_sends(1, &frame(protocol::IPV4, &datagram(b"no")));
        link.socket.send(b"no").unwrap();
    }
    link.bench.wait_for_drops(key, DropReason::PppMode, 3);
    link.bench.wait_for_drops(key, DropReason::PppTxMode, 3);
    unit.set_np_mode(protocol::IPV4, NpMode::PASS).unwrap();
    link.bench
        .peer_sends(1, &frame(protocol::IPV4, &datagram(b"yes")));
    assert_eq!(link.host_gets(), b"yes");
    link.socket.send(b"yes").unwrap();
    assert_eq!(&link.peer_gets_ipv4()[28..], b"yes");
}

#[test]
fn compressed_headers_are_taken_once_asked_for() {
    let Some(mut link) = link(2) else { return };
    let key = link.bench.datapath.session_keys()[0];
    // To a closed port, so that what arrives is answered.
    let mut segment = datagram(&[0; 12]);
    segment[9] = 3;
    segment[32] = 0x50;
    segment[33] = 0x02;
    let first = frame(protocol::VJ_UNCOMPRESSED, &segment);
    link.bench.peer_sends(1, &first);
    link.bench.wait_for_drops(key, DropReason::PppCompressed, 1);
    let unit = &link.unit.0;
    assert_eq!(unit.set_max_connections(255), Err(Errno::EINVAL));
    unit.set_max_connections(3 << 16 | 15).unwrap();
    let mut sum = Checksum::new();
    segment[9] = 6;
    segment[10..12].fill(0);
    sum.add(&segment[..20]);
    segment[10..12].copy_from_slice(&sum.finish().to_be_bytes());
    let mut sum = Checksum::new();
    sum.add(&segment[12..20]);
    sum.add(&[0, 6, 0, 20]);
    segment[36..38].fill(0);
    sum.add(&segment[20..]);
    segment[36..38].copy_from_slice(&sum.finish().to_be_bytes());
    segment[9] = 3;
    link.bench
        .peer_sends(1, &frame(protocol::VJ_UNCOMPRESSED, &segment));
    let answer = link.peer_gets_ipv4();
    assert_eq!((answer[9], answer[33] & 0x04), (6, 0x04), "a reset");
}

#[test]
fn packets_that_are_not_what_they_say_are_dropped() {
    let Some(mut link) = link(2) else { return };
    let key = link.bench.datapath.session_keys()[0];
    for (protocol, packet) in [
        (protocol::IPV6, &datagram(b"4")[..]),
        (protocol::IPV4, &[0x60; 40]),
        (protocol::IPV4, &[]),
        (protocol::IPX, &[0xff; 30]),
    ] {
        link.bench.peer_sends(1, &frame(protocol, packet));
    }
    link.bench.wait_for_drops(key, DropReason::PppProtocol, 4);
    link.bench
        .peer_sends(1, &frame(protocol::IPV4, &datagram(b"yes")));
    assert_eq!(link.host_gets(), b"yes");
}

/// Says no to datagrams in the direction of this octet.
fn no_datagrams(direction: u32) -> Filter {
    let op = |code, jump_true, jump_false, k| Instruction {
        code,
        jump_true,
        jump_false,
        k,
    };
    Filter::new(&[
        op(0x30, 0, 0, 0),
        op(0x15, 0, 3, direction),
        op(0x30, 0, 0, 13),
        op(0x15, 0, 1, 17),
        op(0x06, 0, 0, 0),
        op(0x06, 0, 0, 1),
    ])
    .unwrap()
}

#[test]
fn filters_drop_and_do_not_count_as_activity() {
    let Some(mut link) = link(2) else { return };
    let key = link.bench.datapath.session_keys()[0];
    let unit = &link.unit.0;
    unit.set_filter(FilterKind::Pass, Some(no_datagrams(0)))
        .unwrap();
    link.bench
        .peer_sends(1, &frame(protocol::IPV4, &datagram(b"no")));
    link.bench.wait_for_drops(key, DropReason::PppFilter, 1);
    unit.set_filter(FilterKind::Pass, Some(no_datagrams(1)))
        .unwrap();
    link.socket.send(b"no").unwrap();
    link.bench.wait_for_drops(key, DropReason::PppTxFilter, 1);
    unit.set_filter(FilterKind::Pass, None).unwrap();
    unit.set_filter(FilterKind::Active, Some(no_datagrams(0)))
        .unwrap();
    let still = Duration::from_millis(20);
    std::thread::sleep(still);
    link.bench
        .peer_sends(1, &frame(protocol::IPV4, &datagram(b"yes")));
    assert_eq!(link.host_gets(), b"yes");
    assert!(unit.idle().unwrap().received >= still);
    unit.set_filter(FilterKind::Active, None).unwrap();
    let before = Instant::now();
    link.bench
        .peer_sends(1, &frame(protocol::IPV4, &datagram(b"yes")));
    assert_eq!(link.host_gets(), b"yes");
    let idle = unit.idle().unwrap().received;
    assert!(idle <= before.elapsed(), "{idle:?}");
}

#[test]
fn traffic_is_shown_to_who_waits_to_dial() {
    let Some(mut link) = link(2) else { return };
    let unit = &link.unit;
    unit.0.set_flags(flag::LOOP_TRAFFIC | 1).unwrap();
    assert_eq!(unit.0.flags(), Ok(flag::LOOP_TRAFFIC));
    let key = link.bench.datapath.session_keys()[0];
    link.bench.remove(key);
    link.socket.send(b"dial").unwrap();
    loop {
        let looped = unit.1.reads();
        if looped.ends_with(b"dial") {
            assert_eq!(looped[..3], [0x00, 0x21, 0x45]);
            break;
        }
        assert_eq!(looped[..2], [0x00, 0x57], "{looped:?}");
    }
}
