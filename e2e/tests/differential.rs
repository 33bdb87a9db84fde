//! What goes into one end of a pseudowire comes out of the other: frame by frame, with offloads of
//! both ends and of the link below switched on and off in every combination.

use adit_e2e::superframe::{VIRTIO, expand};
use adit_e2e::traffic::{Flow, Random, SOURCE, odd};
use adit_e2e::{Encap, Family, Pair, Setup, Side, Test, eventually, test, virtio_bridged};
use adit_lab::Tap;
use libtest_mimic::Trial;
use std::collections::BTreeMap;
use std::time::Duration;

const MTU: usize = 1400;
/// Frames on their way at a time: a TAP device holds 500.
const WINDOW: usize = 300;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn tests() -> Vec<Trial> {
    let cases = [
        (Encap::Udp, Family::V4, ""),
        (Encap::Udp, Family::V6, "seq both reorder_timeout 100"),
        (Encap::Ip, Family::V4, ""),
        (Encap::Ip, Family::V6, ""),
    ];
    let mut tests = Vec::new();
    for fast in [&[Side::A][..], &[Side::B], &[Side::A, Side::B]] {
        let name = format!("differential::fast_path::{fast:?}");
        tests.push(test(name, move || inside_the_kernel(fast)));
    }
    for (encap, family, words) in cases {
        let name = |what| format!("differential::{what}::{encap:?}_{family:?}");
        tests.push(test(name("generated"), move || {
            generated(encap, family, words)
        }));
        tests.push(test(name("recorded"), move || {
            recorded(encap, family, words)
        }));
    }
    tests
}

/// The switches of one run.
#[derive(Debug, Clone, Copy)]
struct Switches {
    /// The near device gives super-frames.
    near: bool,
    link: bool,
    /// Who reads behind the far device takes super-frames.
    far: bool,
}

fn all_switches() -> impl Iterator<Item = Switches> {
    (0..8).map(|bits| Switches {
        near: bits & 1 != 0,
        link: bits & 2 != 0,
        far: bits & 4 != 0,
    })
}

/// Two sites whose bridges lead to TAP devices in the test's hands.
pub(crate) struct Sites {
    pub(crate) pair: Pair,
    pub(crate) near: Tap,
    pub(crate) far: Tap,
    ordered: Ordered,
}

/// Which frames stay in their order.
#[derive(Debug, Clone, Copy)]
enum Ordered {
    /// Those of one source.
    BySource,
    /// None: two paths lead to the far end, and the kernel's GRO keeps the order within flows.
    Nowhere,
}

impl Sites {
    fn new(encap: Encap, family: Family, words: &str) -> std::io::Result<Sites> {
        Sites::of(Pair::new(), encap, family, words)
    }

    /// Of hosts with nothing set up.
    fn of(pair: Pair, encap: Encap, family: Family, words: &str) -> std::io::Result<Sites> {
        Sites::join(pair, &Setup::new(encap, family).session(words))
    }

    /// Of hosts with nothing set up, joined so, by a session whose frames have [`MTU`].
    pub(crate) fn join(pair: Pair, setup: &Setup) -> std::io::Result<Sites> {
        for host in [&pair.a, &pair.b] {
            // Devices that come up would send by themselves.
            host.set_variable("ipv6/conf/default/disable_ipv6", 1)?;
            // A kernel whose bridges look into packets cuts off what lies behind them.
            for protocol in ["iptables", "ip6tables"] {
                let _ = host.set_variable(&format!("bridge/bridge-nf-call-{protocol}"), 0);
            }
        }
        pair.add(&setup.clone().session(&format!("mtu {MTU}")));
        let (near, far) = (virtio_bridged(&pair.a)?, virtio_bridged(&pair.b)?);
        Ok(Sites {
            pair,
            near,
            far,
            ordered: Ordered::BySource,
        })
    }

    fn switch(&self, switches: Switches) -> std::io::Result<()> {
        self.pair.a.set_offloads("l2tpeth0", switches.near)?;
        for host in [&self.pair.a, &self.pair.b] {
            host.set_offloads("eth0", switches.link)?;
        }
        self.far.set_offloads(switches.far)
    }

    /// Sends frames, each behind its virtio header, and sees that those which they stand for come
    /// out again.
    fn carry(&mut self, frames: &[Vec<u8>], what: &str) -> Test {
        let mut frames = frames.iter().peekable();
        while frames.peek().is_some() {
            let mut expected = Vec::new();
            while let Some(next) = frames.peek()
                && (expected.is_empty() || expected.len() + expand(next).len() <= WINDOW)
            {
                expected.extend(expand(next));
                self.near.send(next)?;
                frames.next();
            }
            let arrived = self.arrivals(expected.len())?;
            compare(expected, arrived, self.ordered, what);
        }
        Ok(())
    }

    /// The next frames out of the far end, as many, or those that come.
    fn arrivals(&mut self, count: usize) -> std::io::Result<Vec<Vec<u8>>> {
        self.arrivals_within(PATIENCE, count)
    }

    /// The next frames out of the far end, as many or a few more, or those that come before none
    /// does for a while.
    pub(crate) fn arrivals_within(
        &mut self,
        patience: Duration,
        count: usize,
    ) -> std::io::Result<Vec<Vec<u8>>> {
        let mut arrived = Vec::new();
        while arrived.len() < count {
            let ours = |octets: &[u8]| octets.get(VIRTIO + 6..VIRTIO + 11) == Some(&SOURCE[..]);
            match self.far.receive(patience, ours)? {
                Some(octets) => arrived.extend(expand(&octets)),
                None => break,
            }
        }
        Ok(arrived)
    }
}

/// Sees that what arrived is what was expected: none missing, none else, and in their order those
/// frames that are to stay in it.
#[track_caller]
fn compare(expected: Vec<Vec<u8>>, arrived: Vec<Vec<u8>>, ordered: Ordered, what: &str) {
    match ordered {
        Ordered::BySource => compare_runs(&by_source(expected), &by_source(arrived), what),
        Ordered::Nowhere => compare_runs(&sorted(expected), &sorted(arrived), what),
    }
}

#[track_caller]
fn compare_runs(
    expected: &BTreeMap<u8, Vec<Vec<u8>>>,
    arrived: &BTreeMap<u8, Vec<Vec<u8>>>,
    what: &str,
) {
    for (source, expected) in expected {
        let arrived = arrived.get(source).map_or(&[][..], Vec::as_slice);
        if let Some(difference) = difference(expected, arrived) {
            panic!("{what}: source {source}: {difference}");
        }
        assert_eq!(arrived.len(), expected.len(), "{what}: source {source}");
    }
    let known = |source| expected.contains_key(source);
    assert!(arrived.keys().all(known), "{what}");
}

/// The first frame that arrived otherwise than it was sent, in a few words.
fn difference(sent: &[Vec<u8>], arrived: &[Vec<u8>]) -> Option<String> {
    let at = sent.iter().zip(arrived).position(|(a, b)| a != b)?;
    let (a, b) = (&sent[at], &arrived[at]);
    let octet = a.iter().zip(b).position(|(a, b)| a != b);
    let around = |frame: &[u8]| {
        let from = octet.map_or(0, |octet| octet.saturating_sub(4));
        format!(
            "{} octets, from {from} {:02x?}",
            frame.len(),
            &frame[from..frame.len().min(from + 16)]
        )
    };
    let elsewhere = arrived.iter().position(|frame| frame == a);
    Some(format!(
        "frame {at} ({:02x?}) differs at {octet:?}: sent {}, arrived {}; it is there at {elsewhere:?}",
        &a[12..a.len().min(68)],
        around(a),
        around(b)
    ))
}

/// Frames by the number in their source address, in their order.
fn by_source(frames: Vec<Vec<u8>>) -> BTreeMap<u8, Vec<Vec<u8>>> {
    let mut out: BTreeMap<u8, Vec<_>> = BTreeMap::new();
    for frame in frames {
        out.entry(frame[11]).or_default().push(frame);
    }
    out
}

/// The same, sorted.
fn sorted(frames: Vec<Vec<u8>>) -> BTreeMap<u8, Vec<Vec<u8>>> {
    let mut out = by_source(frames);
    out.values_mut().for_each(|frames| frames.sort());
    out
}

/// The same where one end or both move frames inside the kernel.
fn inside_the_kernel(fast: &'static [Side]) -> Test {
    let mut pair = Pair::idle();
    for (host, side) in [(&mut pair.a, Side::A), (&mut pair.b, Side::B)] {
        match fast.contains(&side) {
            true => host.start(&["--fast-path=all"]),
            false => host.start(&[]),
        }
    }
    let mut sites = Sites::of(pair, Encap::Udp, Family::V4, "")?;
    sites.ordered = Ordered::Nowhere;
    // User space reads what comes over a wire alone: cut, and with its checksums.
    let wires = |switches: &Switches| fast != [Side::A] || !switches.link;
    for (seed, switches) in (1..).zip(all_switches().filter(wires)) {
        sites.switch(switches)?;
        for (host, side) in [(&sites.pair.a, Side::A), (&sites.pair.b, Side::B)] {
            let shown = || host.adit("-s show session").contains("fast path: active");
            if fast.contains(&side) {
                eventually("the fast path is active", shown);
            }
        }
        carry_mixed(&mut sites, seed, switches)?;
    }
    lost_nothing(&sites)
}

fn generated(encap: Encap, family: Family, words: &str) -> Test {
    let mut sites = Sites::new(encap, family, words)?;
    for (seed, switches) in (1..).zip(all_switches()) {
        sites.switch(switches)?;
        carry_mixed(&mut sites, seed, switches)?;
    }
    lost_nothing(&sites)
}

/// Has frames carried that come one by one, and some that come together.
fn carry_mixed(sites: &mut Sites, seed: u64, switches: Switches) -> Test {
    for together in [false, true] {
        let what = format!("seed {seed} {switches:?} together {together}");
        let frames = mixed(&mut Random::new(seed), together, 60);
        sites.carry(&frames, &what)?;
    }
    Ok(())
}

fn lost_nothing(sites: &Sites) -> Test {
    assert_eq!(sites.pair.a.counter(1000, "tx_errors"), 0);
    assert_eq!(sites.pair.b.counter(2000, "rx_errors"), 0);
    Ok(())
}

/// Runs of flows among one another, and odd frames of their addresses and of others between them.
pub(crate) fn mixed(random: &mut Random, together: bool, turns: usize) -> Vec<Vec<u8>> {
    let mut flows: Vec<_> = (0..32)
        .map(|number| Flow::new(number, random, MTU))
        .collect();
    let mut frames = Vec::new();
    for _ in 0..turns {
        let at = random.below(flows.len());
        frames.extend(flows[at].next(random, together));
        if random.one_in(3) {
            let number = random.below(40) as u8;
            frames.push(odd(random, number, MTU));
        }
    }
    frames
}

/// Real traffic, recorded on an Ethernet.
fn recorded(encap: Encap, family: Family, words: &str) -> Test {
    let mut sites = Sites::new(encap, family, words)?;
    let frames = packets(include_bytes!("recorded.pcap"));
    for switches in all_switches() {
        sites.switch(switches)?;
        sites.carry(&frames, &format!("{switches:?}"))?;
    }
    Ok(())
}

/// The frames of a recording (libpcap's format, in this host's order), from our addresses.
fn packets(mut octets: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    octets = &octets[24..];
    while let Some((header, rest)) = octets.split_first_chunk::<16>() {
        let len = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        let mut frame = vec![0; VIRTIO];
        frame.extend(&rest[..len]);
        let number = frame[VIRTIO + 11];
        frame[VIRTIO + 6..VIRTIO + 11].copy_from_slice(&SOURCE);
        frame[VIRTIO + 11] = number;
        frames.push(frame);
        octets = &rest[len..];
    }
    frames
}
