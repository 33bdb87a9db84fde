use crate::namespace::Namespace;
use rustix::net::sockopt::{self, Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recv, sendto,
    socket_with,
};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// ICMP or ICMPv6 echo requests (RFC 792, RFC 4443 section 4.1), sent one after another.
#[derive(Debug, Clone, Copy)]
pub struct Ping {
    target: IpAddr,
    size: usize,
    count: u16,
    interval: Duration,
    timeout: Duration,
    whole: bool,
}

/// What became of a [`Ping`].
#[derive(Debug, Clone, Default)]
pub struct PingReport {
    /// Requests sent.
    pub sent: u16,
    /// Requests answered in time with what they carried.
    pub received: u16,
    /// The round-trip time of each answer.
    pub rtts: Vec<Duration>,
}

impl PingReport {
    /// Whether every request was answered.
    pub fn complete(&self) -> bool {
        self.sent == self.received
    }

    /// The mean round-trip time; `None` without an answer.
    pub fn mean(&self) -> Option<Duration> {
        let total: Duration = self.rtts.iter().sum();
        total.checked_div(self.rtts.len() as u32)
    }
}

impl Ping {
    /// One request of 56 octets, which waits 20 seconds for its answer: a fresh link may lose the
    /// first address resolution, and a busy machine keeps everybody waiting.
    pub fn to(target: impl Into<IpAddr>) -> Ping {
        Ping {
            target: target.into(),
            size: 56,
            count: 1,
            interval: Duration::ZERO,
            timeout: Duration::from_secs(20),
            whole: false,
        }
    }

    /// The number of octets carried behind the ICMP header.
    pub fn size(self, size: usize) -> Ping {
        Ping { size, ..self }
    }

    /// The number of requests.
    pub fn count(self, count: u16) -> Ping {
        Ping { count, ..self }
    }

    /// The pause between an answer and the next request.
    pub fn interval(self, interval: Duration) -> Ping {
        Ping { interval, ..self }
    }

    /// How long each request waits for its answer.
    pub fn timeout(self, timeout: Duration) -> Ping {
        Ping { timeout, ..self }
    }

    /// Requests that nobody may fragment.
    pub fn unfragmented(self) -> Ping {
        Ping {
            whole: true,
            ..self
        }
    }

    /// Sends the requests from `namespace`.
    ///
    /// # Errors
    /// EPERM without CAP_NET_RAW, and what sending meets, such as ENETUNREACH, or EMSGSIZE for
    /// requests that must not be fragmented and are known not to fit.
    pub fn run(&self, namespace: &Namespace) -> io::Result<PingReport> {
        namespace.run(|| self.run_here())
    }

    fn run_here(&self) -> io::Result<PingReport> {
        // Every raw socket of a namespace sees every answer, so each run needs its own number.
        static NEXT: AtomicU16 = AtomicU16::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let socket = self.open()?;
        let mut report = PingReport::default();
        for sequence in 0..self.count {
            if sequence > 0 {
                thread::sleep(self.interval);
            }
            let request = self.request(id, sequence);
            let sent = Instant::now();
            let to = SocketAddr::new(self.target, 0);
            sendto(&socket, &request, SendFlags::empty(), &to)?;
            report.sent += 1;
            if self.await_answer(&socket, &request, sent + self.timeout)? {
                report.received += 1;
                report.rtts.push(sent.elapsed());
            }
        }
        Ok(report)
    }

    fn open(&self) -> io::Result<OwnedFd> {
        let (family, protocol): (AddressFamily, Protocol) = match self.target {
            IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
            IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
        };
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::RAW, flags, Some(protocol))?;
        match self.target {
            IpAddr::V4(_) if self.whole => {
                sockopt::set_ip_mtu_discover(&socket, sockopt::Ipv4PathMtuDiscovery::DO)?;
            }
            IpAddr::V6(_) if self.whole => {
                sockopt::set_ipv6_mtu_discover(&socket, sockopt::Ipv6PathMtuDiscovery::DO)?;
            }
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        Ok(socket)
    }

    fn request(&self, id: u16, sequence: u16) -> Vec<u8> {
        let kind = if self.target.is_ipv4() { 8 } else { 128 };
        let mut request = vec![kind, 0, 0, 0];
        request.extend(id.to_be_bytes());
        request.extend(sequence.to_be_bytes());
        request.extend((0..self.size).map(|at| (at % 251) as u8));
        // The kernel fills in the checksum of ICMPv6, which covers addresses (RFC 3542, 3.1).
        if self.target.is_ipv4() {
            let sum = checksum(&request).to_be_bytes();
            request.splice(2..4, sum);
        }
        request
    }

    /// True when the answer to `request` arrives before `deadline`.
    fn await_answer(
        &self,
        socket: &OwnedFd,
        request: &[u8],
        deadline: Instant,
    ) -> io::Result<bool> {
        let mut buffer = vec![0; request.len() + 128];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            set_socket_timeout(socket, Timeout::Recv, Some(left))?;
            let length = match recv(socket, &mut buffer[..], RecvFlags::empty()) {
                Ok((_, length)) => length.min(buffer.len()),
                Err(rustix::io::Errno::AGAIN) => return Ok(false),
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if self.answers(&buffer[..length], request) {
                return Ok(true);
            }
        }
    }

    /// Whether `packet`, as a raw socket gives it, answers `request`.
    fn answers(&self, packet: &[u8], request: &[u8]) -> bool {
        let (kind, message) = match self.target {
            // A raw IPv4 socket gives the IP header too, an IPv6 one does not.
            IpAddr::V4(_) => {
                let header = packet
                    .first()
                    .map_or(0, |octet| usize::from(octet & 15) * 4);
                (0, packet.get(header..).unwrap_or_default())
            }
            IpAddr::V6(_) => (129, packet),
        };
        message.first() == Some(&kind) && message.get(4..) == request.get(4..)
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in octets.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
#[path = "ping_tests.rs"]
mod tests;
