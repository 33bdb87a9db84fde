//! Generic netlink, spoken octet by octet so that anything can be said.

use crate::case::{PATIENCE, SILENCE};
use crate::numbers::{Shape, attribute, error_name, hex};
use crate::sys;
use libc::{AF_NETLINK, MSG_DONTWAIT, NETLINK_GENERIC, POLLIN, SOCK_RAW, SOL_NETLINK};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The families' controller.
pub(crate) const NLCTRL: u16 = 16;
pub(crate) const REQUEST: u16 = 1;
pub(crate) const ACK: u16 = 4;
pub(crate) const DUMP: u16 = 0x300;

/// Ports from here on are the system's choice.
const EPHEMERAL: u64 = 32768;

/// A message to send.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The family; 0 stands for `l2tp`.
    pub(crate) family: u16,
    pub(crate) command: u8,
    pub(crate) version: u8,
    pub(crate) flags: u16,
    attributes: Vec<(u16, Vec<u8>)>,
    /// Octets behind the last attribute.
    pub(crate) tail: Vec<u8>,
}

impl Message {
    /// A request of the family `l2tp` that asks for an acknowledgement.
    pub(crate) fn new(command: u8) -> Message {
        Message {
            family: 0,
            command,
            version: 1,
            flags: REQUEST | ACK,
            attributes: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// A request for the whole table.
    pub(crate) fn dump(command: u8) -> Message {
        Message {
            flags: REQUEST | DUMP,
            ..Message::new(command)
        }
    }

    /// A request to the families' controller.
    pub(crate) fn control(command: u8) -> Message {
        Message {
            family: NLCTRL,
            ..Message::new(command)
        }
    }

    pub(crate) fn flags(mut self, flags: u16) -> Message {
        self.flags = flags;
        self
    }

    /// Appends an attribute, or replaces the value it has.
    pub(crate) fn set(mut self, number: u16, value: &[u8]) -> Message {
        let old = self.attributes.iter_mut().find(|(have, _)| *have == number);
        match old {
            Some((_, old)) => *old = value.to_vec(),
            None => self.attributes.push((number, value.to_vec())),
        }
        self
    }

    /// Appends an attribute, whatever is there already.
    pub(crate) fn add(mut self, number: u16, value: &[u8]) -> Message {
        self.attributes.push((number, value.to_vec()));
        self
    }

    pub(crate) fn octet(self, number: u16, value: u8) -> Message {
        self.set(number, &[value])
    }

    pub(crate) fn half(self, number: u16, value: u16) -> Message {
        self.set(number, &value.to_ne_bytes())
    }

    pub(crate) fn word(self, number: u16, value: u32) -> Message {
        self.set(number, &value.to_ne_bytes())
    }

    pub(crate) fn long(self, number: u16, value: u64) -> Message {
        self.set(number, &value.to_ne_bytes())
    }

    pub(crate) fn text(self, number: u16, value: &str) -> Message {
        let mut octets = value.as_bytes().to_vec();
        octets.push(0);
        self.set(number, &octets)
    }

    pub(crate) fn without(mut self, number: u16) -> Message {
        self.attributes.retain(|(have, _)| *have != number);
        self
    }

    /// The message on the wire.
    pub(crate) fn octets(&self, l2tp: u16, seq: u32) -> Vec<u8> {
        let family = if self.family == 0 { l2tp } else { self.family };
        let mut out = vec![0; 4];
        out.extend(family.to_ne_bytes());
        out.extend(self.flags.to_ne_bytes());
        out.extend(seq.to_ne_bytes());
        out.extend([0; 4]);
        out.extend([self.command, self.version, 0, 0]);
        for (number, value) in &self.attributes {
            out.extend((value.len() as u16 + 4).to_ne_bytes());
            out.extend(number.to_ne_bytes());
            out.extend(value);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out.extend(&self.tail);
        let len = out.len() as u32;
        out[..4].copy_from_slice(&len.to_ne_bytes());
        out
    }
}

/// A message that came.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) seq: u32,
    pub(crate) port: u32,
    /// Behind the netlink header.
    pub(crate) body: Vec<u8>,
}

/// A generic netlink socket.
#[derive(Debug)]
pub(crate) struct Netlink {
    pub(crate) socket: OwnedFd,
    pub(crate) port: u32,
    pub(crate) l2tp: u16,
    /// The id of the family's multicast group.
    pub(crate) group: u32,
    seq: u32,
}

impl Netlink {
    /// A socket that asks for extended acknowledgements, with the family resolved.
    pub(crate) fn open() -> io::Result<Netlink> {
        let mut netlink = Netlink::bare()?;
        set(&netlink.socket, 11, 1)?; // NETLINK_EXT_ACK
        let resolve = Message::control(3).text(2, "l2tp");
        let replies = netlink.ask(&resolve)?;
        let family = replies.iter().find(|reply| reply.kind == NLCTRL);
        let family = family.ok_or(io::ErrorKind::NotFound)?;
        netlink.l2tp = number(find(&family.body[4..], 1)) as u16;
        // The groups hold one group, which has a name and an id.
        let group = find(find(&family.body[4..], 7), 1);
        netlink.group = number(find(group, 2)) as u32;
        Ok(netlink)
    }

    /// A socket with nothing set.
    pub(crate) fn bare() -> io::Result<Netlink> {
        let mut netlink = Netlink::unbound()?;
        sys::bind(&netlink.socket, &address(0))?;
        let (name, _) = sys::name(&netlink.socket, false, 12)?;
        netlink.port = number(&name[4..8]) as u32;
        Ok(netlink)
    }

    /// A socket without a port id.
    pub(crate) fn unbound() -> io::Result<Netlink> {
        let kind = SOCK_RAW | libc::SOCK_CLOEXEC;
        Ok(Netlink {
            socket: sys::socket(AF_NETLINK, kind, NETLINK_GENERIC)?,
            port: 0,
            l2tp: 0,
            group: 0,
            seq: 1,
        })
    }

    /// Joins the family's multicast group.
    pub(crate) fn join(&self) -> io::Result<()> {
        set(&self.socket, 1, self.group) // NETLINK_ADD_MEMBERSHIP
    }

    /// Sends a message; gives its sequence number.
    pub(crate) fn send(&mut self, message: &Message) -> io::Result<u32> {
        self.seq += 1;
        let octets = message.octets(self.l2tp, self.seq);
        sys::send_to(&self.socket, &octets, 0, &address(0))?;
        Ok(self.seq)
    }

    /// Sends a message and takes what comes up to its acknowledgement, error or end, or the one
    /// answer of a message that asks for none of them; an answer that never comes ends the list.
    pub(crate) fn ask(&mut self, message: &Message) -> io::Result<Vec<Reply>> {
        self.send(message)?;
        self.collect(PATIENCE, message.flags & (ACK | DUMP) == 0)
    }

    /// As [`Netlink::ask`], for messages that get no answer, or one without end.
    pub(crate) fn ask_briefly(&mut self, message: &Message) -> io::Result<Vec<Reply>> {
        self.send(message)?;
        self.collect(SILENCE, false)
    }

    /// What comes until that is `enough`, however long it takes, and in the moments after it.
    pub(crate) fn hear(&mut self, enough: impl Fn(&[Reply]) -> bool) -> io::Result<Vec<Reply>> {
        let mut all: Vec<Reply> = Vec::new();
        while !enough(&all) && sys::poll(&self.socket, POLLIN, PATIENCE)? != 0 {
            all.extend(split(&self.datagram()?));
        }
        all.extend(self.overheard()?);
        Ok(all)
    }

    /// What comes in the next moments.
    pub(crate) fn overheard(&mut self) -> io::Result<Vec<Reply>> {
        let mut all = Vec::new();
        while sys::poll(&self.socket, POLLIN, SILENCE)? != 0 {
            all.extend(split(&self.datagram()?));
        }
        Ok(all)
    }

    fn datagram(&self) -> io::Result<Vec<u8>> {
        match sys::receive(&self.socket, 65536, MSG_DONTWAIT)? {
            end if end.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            some => Ok(some),
        }
    }

    fn collect(&mut self, patience: Duration, one: bool) -> io::Result<Vec<Reply>> {
        let mut all = Vec::new();
        while sys::poll(&self.socket, POLLIN, patience)? != 0 {
            let replies = split(&self.datagram()?);
            let over = one || replies.iter().any(|reply| matches!(reply.kind, 2 | 3));
            all.extend(replies);
            if over {
                break;
            }
        }
        Ok(all)
    }
}

/// A `sockaddr_nl`.
pub(crate) fn address(port: u32) -> Vec<u8> {
    let mut out = vec![AF_NETLINK as u8, 0, 0, 0];
    out.extend(port.to_ne_bytes());
    out.extend([0; 4]);
    out
}

/// Sets an integer option of SOL_NETLINK.
pub(crate) fn set(socket: &OwnedFd, option: i32, value: u32) -> io::Result<()> {
    sys::set_option(socket, SOL_NETLINK, option, &value.to_ne_bytes())
}

fn split(mut octets: &[u8]) -> Vec<Reply> {
    let mut all = Vec::new();
    while octets.len() >= 16 {
        let len = (number(&octets[..4]) as usize).clamp(16, octets.len());
        all.push(Reply {
            kind: number(&octets[4..6]) as u16,
            flags: number(&octets[6..8]) as u16,
            seq: number(&octets[8..12]) as u32,
            port: number(&octets[12..16]) as u32,
            body: octets[16..len].to_vec(),
        });
        octets = &octets[len.next_multiple_of(4).min(octets.len())..];
    }
    all
}

/// The attributes in a run of them.
pub(crate) fn attributes(mut octets: &[u8]) -> Vec<(u16, &[u8])> {
    let mut all = Vec::new();
    while octets.len() >= 4 {
        let len = (number(&octets[..2]) as usize).clamp(4, octets.len());
        all.push((number(&octets[2..4]) as u16 & 0x3fff, &octets[4..len]));
        octets = &octets[len.next_multiple_of(4).min(octets.len())..];
    }
    all
}

/// The value of the first attribute with this number, or nothing.
pub(crate) fn find(octets: &[u8], wanted: u16) -> &[u8] {
    let all = attributes(octets);
    let found = all.iter().find(|(number, _)| *number == wanted);
    found.map_or(&[], |(_, value)| value)
}

/// An integer of up to eight octets.
pub(crate) fn number(octets: &[u8]) -> u64 {
    let mut out = [0; 8];
    let len = octets.len().min(8);
    out[..len].copy_from_slice(&octets[..len]);
    u64::from_ne_bytes(out)
}

/// Replies in words, one behind the other.
pub(crate) fn tell(replies: &[Reply]) -> String {
    match replies {
        [] => "silence".to_owned(),
        some => some.iter().map(one).collect::<Vec<_>>().join(" | "),
    }
}

fn one(reply: &Reply) -> String {
    match reply.kind {
        2 => acknowledgement(reply),
        3 => format!("done {}", number(&reply.body[..4]) as i32),
        NLCTRL => format!("nlctrl flags={:x}", reply.flags),
        _ => format!(
            "command={} version={} flags={:x}{}",
            reply.body[0],
            reply.body[1],
            reply.flags,
            listed(&reply.body[4..])
        ),
    }
}

/// "ok" or the error; the request's echo in octets; what the extended acknowledgement has.
fn acknowledgement(reply: &Reply) -> String {
    let code = number(&reply.body[..4]) as i32;
    let mut out = match code {
        0 => "ok".to_owned(),
        _ => error_name(-code),
    };
    let echoed = match reply.flags & 0x100 {
        0 => number(&reply.body[4..8]) as usize,
        _ => 16,
    };
    if reply.flags & 0x200 != 0 {
        let rest = reply.body.get(4 + echoed.next_multiple_of(4)..);
        for (kind, value) in attributes(rest.unwrap_or(&[])) {
            out += &match kind {
                1 => format!(" \"{}\"", text(value)),
                2 => format!(" offset={}", number(value)),
                other => format!(" ack_attribute={other}"),
            };
        }
    }
    out
}

fn listed(octets: &[u8]) -> String {
    let all = attributes(octets);
    all.iter()
        .map(|(number, value)| named(*number, value))
        .collect()
}

fn named(attr: u16, value: &[u8]) -> String {
    let (name, shape) = attribute(attr);
    let text = match shape {
        Shape::Integer => integer(value),
        Shape::Port if number(value) >= EPHEMERAL => "chosen".to_owned(),
        Shape::Port => integer(value),
        Shape::Text => text(value),
        Shape::Octets => hex(value),
        Shape::Address => address_text(value),
        Shape::Statistics => statistics(value),
    };
    format!(" {name}={text}")
}

/// The number, and how many octets it takes if not four.
fn integer(value: &[u8]) -> String {
    match value.len() {
        4 => number(value).to_string(),
        len => format!("{}:{len}", number(value)),
    }
}

fn text(value: &[u8]) -> String {
    match value.strip_suffix(&[0]) {
        Some(text) => String::from_utf8_lossy(text).into_owned(),
        None => format!("unterminated {}", hex(value)),
    }
}

fn address_text(value: &[u8]) -> String {
    if let Ok(v4) = <[u8; 4]>::try_from(value) {
        return Ipv4Addr::from(v4).to_string();
    }
    match <[u8; 16]>::try_from(value) {
        Ok(v6) => Ipv6Addr::from(v6).to_string(),
        Err(_) => hex(value),
    }
}

/// Counters by their numbers, in the order in which they come.
fn statistics(value: &[u8]) -> String {
    let counters = attributes(value).into_iter().map(|(counter, value)| {
        assert_eq!(value.len(), 8, "counter {counter} is a u64");
        format!("{counter}={}", number(value))
    });
    format!("[{}]", counters.collect::<Vec<_>>().join(" "))
}
