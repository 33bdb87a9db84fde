use crate::host::Host;
use crate::pair::{Family, Pair, Setup, Side};
use adit_lab::{Namespace, veth};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What a relay does with the packets of one direction. It is given each packet with its
/// position and says what leaves in its place, now and in which order.
pub type Disturbance = Box<dyn FnMut(u64, Vec<u8>) -> Vec<Vec<u8>> + Send>;

/// A relay between two hosts, each of which takes it for the other.
#[derive(Debug)]
pub struct Relay {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// The namespaces that stand in for B before A and for A before B.
    _stand_ins: [Namespace; 2],
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A relay that panicked shows in packets that went missing.
            let _ = thread.join();
        }
    }
}

/// A pair joined by `setup`, which must be UDP, through a relay that treats what A sends by
/// `to_b` and passes on unaltered what B sends.
#[track_caller]
pub fn relayed(setup: &Setup, to_b: Disturbance) -> (Pair, Relay) {
    let (pair, relay) = apart(setup.family, to_b);
    pair.connect(setup);
    (pair, relay)
}

/// A pair with such a relay between them, and nothing set up yet.
#[track_caller]
pub fn apart(family: Family, to_b: Disturbance) -> (Pair, Relay) {
    let (a, b) = (Host::new("a"), Host::new("b"));
    let (like_b, facing_a) = stand_in(&a, Side::A, family).expect("a relay");
    let (like_a, facing_b) = stand_in(&b, Side::B, family).expect("a relay");
    let facing_a = Arc::new(facing_a);
    let facing_b = Arc::new(facing_b);
    let stop = Arc::new(AtomicBool::new(false));
    let directions = [
        (facing_a.clone(), facing_b.clone(), to_b),
        (facing_b, facing_a, Box::new(|_, packet| vec![packet])),
    ];
    let threads = directions.map(|(from, to, disturbance)| {
        let stop = stop.clone();
        thread::spawn(move || forward(&from, &to, disturbance, &stop))
    });
    let relay = Relay {
        stop,
        threads: threads.into(),
        _stand_ins: [like_b, like_a],
    };
    (Pair { a, b }, relay)
}

/// Drops every `n`th packet.
pub fn lose_every(n: u64) -> Disturbance {
    Box::new(move |at, packet| match at % n {
        0 => Vec::new(),
        _ => vec![packet],
    })
}

/// Lets every `n`th packet be overtaken by the one behind it.
pub fn swap_every(n: u64) -> Disturbance {
    let mut held = None;
    Box::new(move |at, packet| {
        if at % n == 0 && held.is_none() {
            held = Some(packet);
            return Vec::new();
        }
        [Some(packet), held.take()].into_iter().flatten().collect()
    })
}

/// A namespace on a cable with `host` that has the address of the host's peer, and a UDP socket
/// there that is connected to the host's tunnel.
fn stand_in(host: &Host, side: Side, family: Family) -> io::Result<(Namespace, UdpSocket)> {
    let other = side.other();
    let namespace = Namespace::new("relay")?;
    veth(host, "eth0", &namespace, "eth0")?;
    for (end, role) in [(&**host, side), (&namespace, other)] {
        let address = format!("{}/{}", role.outer(family), family.prefix_len());
        end.add_address("eth0", &address)?;
        end.set_up("eth0")?;
    }
    let near = SocketAddr::new(other.outer(family), other.port());
    let socket = namespace.run(|| UdpSocket::bind(near))?;
    socket.connect((side.outer(family), side.port()))?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok((namespace, socket))
}

fn forward(from: &UdpSocket, to: &UdpSocket, mut disturbance: Disturbance, stop: &AtomicBool) {
    let mut buffer = vec![0; 65536];
    let mut position = 0;
    while !stop.load(Ordering::Relaxed) {
        // Timeouts let the thread look at `stop`; ICMP errors come while a daemon is not there.
        let Ok(length) = from.recv(&mut buffer) else {
            continue;
        };
        for packet in disturbance(position, buffer[..length].to_vec()) {
            // An error may be about an earlier packet, which asking clears.
            let _ = to.send(&packet).or_else(|_| to.send(&packet));
        }
        position += 1;
    }
}
