//! A peer whose messages the test writes by hand.

use adit_lab::Namespace;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait before believing that there is none.
const SILENCE: Duration = Duration::from_millis(500);

/// The vendor id under which Cisco sent the AVPs of L2TPv3's drafts.
const CISCO: u16 = 9;

/// Octets of a header of a control message, in either version (RFC 2661 §3.1, RFC 3931 §3.2.1).
const HEADER: usize = 12;

/// A peer of the daemon's whose every octet the test chooses: an LCCE of version 3 over UDP.
#[derive(Debug)]
pub struct Script {
    socket: UdpSocket,
    /// The daemon's id of the control connection, once it told it.
    connection: u32,
    ns: u16,
    nr: u16,
}

/// The AVPs of a message, by their numbers.
pub type Avps = BTreeMap<u16, Vec<u8>>;

/// A message of the kind with these AVPs behind it.
pub fn message(kind: u16, avps: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = avp(0, &kind.to_be_bytes());
    octets.extend(avps.iter().flatten());
    octets
}

/// An AVP of the IETF's, which must be understood.
pub fn avp(number: u16, value: &[u8]) -> Vec<u8> {
    vendor_avp(0, number, value)
}

/// One of L2TPv3's drafts.
pub fn cisco_avp(number: u16, value: &[u8]) -> Vec<u8> {
    vendor_avp(CISCO, number, value)
}

fn vendor_avp(vendor: u16, number: u16, value: &[u8]) -> Vec<u8> {
    const MANDATORY: u16 = 0x8000;
    let length = (6 + value.len()) as u16;
    let mut octets = (MANDATORY | length).to_be_bytes().to_vec();
    octets.extend(vendor.to_be_bytes());
    octets.extend(number.to_be_bytes());
    octets.extend(value);
    octets
}

impl Script {
    /// A peer at `own` in the namespace, of the daemon that listens at `daemon`.
    pub fn new(namespace: &Namespace, own: IpAddr, daemon: IpAddr) -> io::Result<Script> {
        let port = 1701;
        let socket = namespace.run(|| UdpSocket::bind(SocketAddr::new(own, port)))?;
        socket.connect(SocketAddr::new(daemon, port))?;
        Ok(Script {
            socket,
            connection: 0,
            ns: 0,
            nr: 0,
        })
    }

    /// Sends a control message.
    pub fn say(&mut self, message: &[u8]) -> io::Result<()> {
        self.send_control(self.ns, message)?;
        self.ns += 1;
        Ok(())
    }

    fn send_control(&self, ns: u16, message: &[u8]) -> io::Result<()> {
        const CONTROL: u16 = 0xc803;
        let length = (HEADER + message.len()) as u16;
        let mut octets = Vec::new();
        octets.extend(CONTROL.to_be_bytes());
        octets.extend(length.to_be_bytes());
        octets.extend(self.connection.to_be_bytes());
        octets.extend(ns.to_be_bytes());
        octets.extend(self.nr.to_be_bytes());
        octets.extend(message);
        self.socket.send(&octets).map(drop)
    }

    /// The next message of this kind, which is acknowledged as are those before it. `None` when
    /// none comes.
    pub fn hear(&mut self, kind: u16) -> io::Result<Option<Avps>> {
        self.hear_within(PATIENCE, kind)
    }

    /// Whether nothing of this kind comes for a while.
    pub fn hears_no(&mut self, kind: u16) -> io::Result<bool> {
        Ok(self.hear_within(SILENCE, kind)?.is_none())
    }

    fn hear_within(&mut self, patience: Duration, kind: u16) -> io::Result<Option<Avps>> {
        self.find(patience, |script, octets| {
            if octets.first().is_none_or(|flags| flags & 0x80 == 0) {
                return Ok(None);
            }
            let avps = avps(octets.get(HEADER..).unwrap_or_default());
            let ns = u16::from_be_bytes([octets[8], octets[9]]);
            if avps.is_empty() || ns != script.nr {
                return Ok(None);
            }
            script.nr += 1;
            script.send_control(script.ns, &[])?;
            Ok((avps[&0] == kind.to_be_bytes()).then_some(avps))
        })
    }

    /// Goes on in the control connection of this id.
    pub fn address(&mut self, connection: &[u8]) {
        let octets = connection.try_into().expect("an id");
        self.connection = u32::from_be_bytes(octets);
    }

    /// Gives what is sent from now on this TOS octet.
    pub fn set_class(&self, class: u8) -> io::Result<()> {
        rustix::net::sockopt::set_ip_tos(&self.socket, class)?;
        Ok(())
    }

    /// Sends a data message: what follows the word that says so.
    pub fn send_data(&self, octets: &[u8]) -> io::Result<()> {
        self.socket.send(&[&[0, 3, 0, 0], octets].concat())?;
        Ok(())
    }

    /// The next data message of which `wanted` is true, without the word that says so.
    pub fn data(&mut self, wanted: impl Fn(&[u8]) -> bool) -> io::Result<Option<Vec<u8>>> {
        self.find(PATIENCE, |_, octets| {
            let data = octets.strip_prefix(&[0, 3, 0, 0]);
            Ok(data.filter(|data| wanted(data)).map(<[u8]>::to_vec))
        })
    }

    fn find<T>(
        &mut self,
        patience: Duration,
        mut found: impl FnMut(&mut Script, &[u8]) -> io::Result<Option<T>>,
    ) -> io::Result<Option<T>> {
        let deadline = Instant::now() + patience;
        let mut buffer = vec![0; 65536];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            let length = match self.socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                // ICMP errors come while the daemon is not there.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            if let Some(found) = found(self, &buffer[..length])? {
                return Ok(Some(found));
            }
        }
    }
}

fn avps(mut octets: &[u8]) -> Avps {
    let mut avps = Avps::new();
    while let Some((head, _)) = octets.split_first_chunk::<6>() {
        let length = usize::from(u16::from_be_bytes([head[0] & 3, head[1]]));
        let (one, rest) = octets.split_at(length.clamp(6, octets.len()));
        avps.insert(u16::from_be_bytes([head[4], head[5]]), one[6..].to_vec());
        octets = rest;
    }
    avps
}
