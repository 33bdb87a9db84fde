use crate::host::Host;
use crate::pair::{Encap, Pair, Setup, Side, address_cable};
use crate::pinned::Pinned;
use crate::traffic::{Random, SOURCE};
use adit_lab::Tap;
use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long nothing comes before what was held back goes on.
const IDLE: Duration = Duration::from_millis(5);

/// So long a device waits for more packets to merge, in nanoseconds.
const GATHERED: u32 = 50_000;

/// How often a wire loses a data packet, and has some overtake one: once in so many; 0 is never.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Losses.
    pub loss: usize,
    /// Packets held back while up to four others pass.
    pub disorder: usize,
}

/// Generated frames on their way from A to B, as they met the wire.
#[derive(Debug, Default, Clone)]
pub struct Passage {
    /// All that came from A.
    pub entered: Vec<Vec<u8>>,
    /// Those that went on to B.
    pub left: Vec<Vec<u8>>,
    /// Those that the wire has lost.
    pub lost: Vec<Vec<u8>>,
}

/// A wire between two hosts in the test's hands, which carries Ethernet frames of any kind. What
/// leaves a host comes as a NIC would send it: cut, and with its checksums.
#[derive(Debug)]
pub struct Wire {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    passage: Arc<Mutex<Passage>>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked shows in packets that went missing.
            let _ = thread.join();
        }
    }
}

impl Wire {
    /// Hosts, whose daemons have yet to be started, on a wire that treats the packets of `setup`,
    /// both ways, as a seed's random numbers say. It keeps account of those from A to B.
    pub fn new(setup: &Setup, weather: Weather, seed: u64) -> io::Result<(Pair, Wire)> {
        let pair = Pair {
            a: Host::idle("a"),
            b: Host::idle("b"),
        };
        let [a, b] = [plug(&pair.a, Side::A)?, plug(&pair.b, Side::B)?];
        let stop = Arc::new(AtomicBool::new(false));
        let passage = Arc::new(Mutex::new(Passage::default()));
        let way = |passage| Way {
            encap: setup.encap,
            before: setup.before_frame(),
            weather,
            random: Random::new(seed),
            held: Vec::new(),
            passage,
        };
        let ways = [
            (a.try_clone()?, b.try_clone()?, way(Some(passage.clone()))),
            (b, a, way(None)),
        ];
        let threads = ways.map(|(from, to, way)| {
            let stop = stop.clone();
            thread::spawn(move || carry(from, to, way, &stop))
        });
        let wire = Wire {
            stop,
            threads: threads.into(),
            passage,
        };
        Ok((pair, wire))
    }

    /// What has come and gone since this was asked last.
    pub fn take(&self) -> Passage {
        std::mem::take(&mut *locked(&self.passage))
    }

    /// How many frames it has lost since they were taken last.
    pub fn lost(&self) -> usize {
        locked(&self.passage).lost.len()
    }
}

/// Gives a host its end of the wire.
fn plug(host: &Host, side: Side) -> io::Result<Tap> {
    let tap = host.wire_tap("eth0")?;
    address_cable(host, side);
    // The namespace's own sysfs. Where it cannot be had packets are merged less often.
    let script = "mount -t sysfs sysfs /sys && echo \"$0\" > /sys/class/net/eth0/gro_flush_timeout";
    let command = host
        .command("unshare")
        .args(["--mount", "sh", "-c", script]);
    let _ = command
        .arg(GATHERED.to_string())
        .stderr(Stdio::null())
        .status();
    Ok(tap)
}

fn locked(passage: &Mutex<Passage>) -> MutexGuard<'_, Passage> {
    passage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What becomes of the packets of one direction.
struct Way {
    encap: Encap,
    /// Octets from the outer packet's payload to the frame.
    before: usize,
    weather: Weather,
    random: Random,
    /// Packets that wait while so many pass.
    held: Vec<(usize, Vec<u8>)>,
    passage: Option<Arc<Mutex<Passage>>>,
}

impl Way {
    /// What goes on when a packet comes.
    fn take(&mut self, packet: Vec<u8>) -> Vec<Vec<u8>> {
        if self.data(&packet).is_none() {
            return vec![packet];
        }
        self.note(&packet, |passage| &mut passage.entered);
        let Weather { loss, disorder } = self.weather;
        if loss > 0 && self.random.one_in(loss) {
            self.note(&packet, |passage| &mut passage.lost);
            return Vec::new();
        }
        if disorder > 0 && self.random.one_in(disorder) {
            let others = 1 + self.random.below(4);
            self.held.push((others, packet));
            return Vec::new();
        }
        let mut out = vec![packet];
        for (left, packet) in std::mem::take(&mut self.held) {
            match left {
                1 => out.push(packet),
                _ => self.held.push((left - 1, packet)),
            }
        }
        self.leave(out)
    }

    /// What was held back.
    fn rest(&mut self) -> Vec<Vec<u8>> {
        let rest = std::mem::take(&mut self.held);
        let rest = rest.into_iter().map(|(_, packet)| packet).collect();
        self.leave(rest)
    }

    fn leave(&self, packets: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        for packet in &packets {
            self.note(packet, |passage| &mut passage.left);
        }
        packets
    }

    /// Keeps account of a generated frame, if the packet has one.
    fn note(&self, packet: &[u8], of: impl Fn(&mut Passage) -> &mut Vec<Vec<u8>>) {
        if let (Some(passage), Some(frame)) = (&self.passage, self.data(packet))
            && frame.get(6..11) == Some(&SOURCE[..])
        {
            of(&mut locked(passage)).push(frame.to_vec());
        }
    }

    /// The frame in a data packet of the session.
    fn data<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        const ETHERNET: usize = 14;
        let (protocol, payload) = match *packet.get(12..14)? {
            [0x08, 0x00] => (packet.get(23)?, ETHERNET + 20),
            [0x86, 0xdd] => (packet.get(20)?, ETHERNET + 40),
            _ => return None,
        };
        let expected = match self.encap {
            Encap::Udp => 17,
            Encap::Ip => 115,
        };
        let frame = packet.get(payload + self.before..)?;
        (*protocol == expected).then_some(frame)
    }
}

fn carry(mut from: Tap, mut to: Tap, mut way: Way, stop: &AtomicBool) {
    let _pinned = Pinned::here();
    while !stop.load(Ordering::Relaxed) {
        let packets = match from.receive(IDLE, |_| true) {
            Ok(Some(packet)) => way.take(packet),
            Ok(None) => way.rest(),
            // A device that goes with its host.
            Err(_) => return,
        };
        for packet in packets {
            // One that is down takes nothing.
            let _ = to.send(&packet);
        }
    }
}
