use crate::host::Host;
use crate::pair::{Family, Pair, Side};
use adit_lab::{Namespace, veth};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// L2TP's port.
const PORT: u16 = 1701;

/// A translator of addresses and ports between A and B, each of which takes it for the other, and
/// which can forget the port that it gave A.
#[derive(Debug)]
pub struct Translator {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// The namespaces that stand in for B before A and for A before B.
    stand_ins: [Namespace; 2],
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    facing_a: UdpSocket,
    /// Where A's packets come from.
    a: Mutex<Option<SocketAddr>>,
    /// The socket that B sees A's packets come from.
    facing_b: Mutex<Arc<UdpSocket>>,
}

impl Translator {
    /// Two hosts whose daemons have yet to be started, with a translator between them.
    #[track_caller]
    pub fn between() -> (Pair, Translator) {
        let (a, b) = (Host::idle("a"), Host::idle("b"));
        let like_b = stand_in(&a, Side::A).expect("a cable");
        let like_a = stand_in(&b, Side::B).expect("a cable");
        let bind = || UdpSocket::bind((Side::B.outer(Family::V4), PORT));
        let facing_a = like_b.run(bind).and_then(patient).expect("a socket");
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            facing_a,
            a: Mutex::new(None),
            facing_b: Mutex::new(towards_b(&like_a).expect("a socket")),
        });
        let threads = [Shared::outward as fn(&Shared), Shared::inward].map(|forward| {
            let shared = shared.clone();
            thread::spawn(move || {
                while !shared.stop.load(Ordering::Relaxed) {
                    forward(&shared);
                }
            })
        });
        let translator = Translator {
            shared,
            threads: threads.into(),
            stand_ins: [like_b, like_a],
        };
        (Pair { a, b }, translator)
    }

    /// From now on A's packets come to B from another port, and none get to A by the old one. Gives
    /// the new port.
    #[track_caller]
    pub fn forget(&self) -> u16 {
        let socket = towards_b(&self.stand_ins[1]).expect("a socket");
        let port = socket.local_addr().expect("a port").port();
        *lock(&self.shared.facing_b) = socket;
        port
    }
}

impl Drop for Translator {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked shows in packets that went missing.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn outward(&self) {
        let mut buffer = vec![0; 65536];
        // Timeouts let the thread look at `stop`.
        if let Ok((length, from)) = self.facing_a.recv_from(&mut buffer) {
            *lock(&self.a) = Some(from);
            let socket = lock(&self.facing_b).clone();
            // An error may be about an earlier packet, which asking clears.
            let packet = &buffer[..length];
            let _ = socket.send(packet).or_else(|_| socket.send(packet));
        }
    }

    fn inward(&self) {
        let mut buffer = vec![0; 65536];
        let socket = lock(&self.facing_b).clone();
        let Ok(length) = socket.recv(&mut buffer) else {
            return;
        };
        if let Some(a) = *lock(&self.a) {
            let _ = self.facing_a.send_to(&buffer[..length], a);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A namespace on a cable with `host` that has the address of the host's peer.
fn stand_in(host: &Host, side: Side) -> io::Result<Namespace> {
    let namespace = Namespace::new("nat")?;
    veth(host, "eth0", &namespace, "eth0")?;
    for (end, role) in [(&**host, side), (&namespace, side.other())] {
        end.add_address("eth0", &format!("{}/24", role.outer(Family::V4)))?;
        end.set_up("eth0")?;
    }
    Ok(namespace)
}

fn towards_b(like_a: &Namespace) -> io::Result<Arc<UdpSocket>> {
    let bind = || UdpSocket::bind((Side::A.outer(Family::V4), 0));
    let socket = like_a.run(bind).and_then(patient)?;
    socket.connect((Side::B.outer(Family::V4), PORT))?;
    Ok(Arc::new(socket))
}

fn patient(socket: UdpSocket) -> io::Result<UdpSocket> {
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok(socket)
}
