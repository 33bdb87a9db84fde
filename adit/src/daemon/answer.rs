//! From a packet to the packets that answer it.

mod management;

use super::genl::{self, Action, Dialect, Header, Request};
use super::news;
use super::programs::{Owner, Wanted};
use super::state::State;
use adit_datapath::Error;
use adit_datapath::spec::SessionKey;
use adit_kapi::protocol::Descriptor;
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::{Errno, Frames, Remark, Writer};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Bound::{Excluded, Unbounded};
use std::os::fd::OwnedFd;

/// The longest packet of an answer.
const PACKET_OCTETS: usize = 32 << 10;
/// The longest text of a refusal.
const TEXT_OCTETS: usize = 4096;
/// The longest request that its refusal repeats.
const ECHO_OCTETS: usize = 4096;
/// More than any one object's message takes.
const MESSAGE_OCTETS: usize = 8 << 10;
/// The same two for supervised programs: no more than Linux puts into one packet, because some
/// have no larger buffer.
const LINUX_PACKET_OCTETS: usize = 3776;
const LINUX_MESSAGE_OCTETS: usize = 512;

/// Who asks, and how the answer is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    /// By whose habits it is answered.
    pub(super) dialect: Dialect,
    /// Whether the sender may change the state and know its cookies.
    pub(super) privileged: bool,
    /// The port id that answers carry; otherwise they repeat the request's.
    pub(super) port: Option<u32>,
    /// Whether refusals repeat no more than the request's header.
    pub(super) capped: bool,
    /// Whether what Linux has to say beyond an errno is wanted.
    pub(super) extended: bool,
}

/// The socket that L2TP_ATTR_FD names, as far as it came.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) descriptor: Descriptor,
    pub(super) socket: Option<OwnedFd>,
    /// The process that has it.
    pub(super) process: i32,
    /// That process's supervisor.
    pub(super) owner: Option<Owner>,
}

impl Given {
    /// No socket can come here.
    pub(super) const NOTHING: Given = Given {
        descriptor: Descriptor::None,
        socket: None,
        process: 0,
        owner: None,
    };
}

impl Manner {
    /// That of Adit's own clients.
    pub(super) fn adit(privileged: bool) -> Manner {
        Manner {
            dialect: Dialect::Adit,
            privileged,
            port: None,
            capped: false,
            extended: false,
        }
    }
}

/// What is still to be sent to a client. A dump is read from the state packet by packet, so that
/// a client that reads slowly costs one packet of memory.
#[derive(Debug)]
pub(super) struct Answer {
    header: Header,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    /// These packets.
    Ready(VecDeque<Vec<u8>>),
    /// The tunnels behind this one.
    Tunnels(Option<TunnelId>),
    /// The sessions behind this one.
    Sessions(Option<SessionKey>),
}

impl Answer {
    /// Does what `packet` asks for.
    pub(super) fn to(packet: &[u8], manner: Manner, given: Given, state: &mut State) -> Answer {
        let request = match Request::read_as(packet, manner.dialect) {
            Ok(request) => request,
            Err(refused) => return Answer::refusal(packet, manner, &refused),
        };
        let header = Header {
            multi: true,
            seq: request.seq,
            portid: manner.port.unwrap_or(request.portid),
            cookies: manner.privileged,
            dialect: manner.dialect,
            news: None,
        };
        let outcome = match request.needs_privilege() && !manner.privileged {
            true => Err(unprivileged()),
            false => act(&request, header, packet, manner, given, state),
        };
        match outcome {
            Ok(rest) => Answer { header, rest },
            Err(refused) => Answer::refusal(packet, manner, &refused),
        }
    }

    /// The refusal of a packet that has `octets`, of which only `beginning` was read.
    pub(super) fn too_long(beginning: &[u8], octets: usize) -> Answer {
        let text = format!("has {octets} octets; give at most {}", beginning.len());
        let refused = Error::new(Errno::EMSGSIZE, "message", text);
        Answer::refusal(beginning, Manner::adit(false), &refused)
    }

    fn refusal(packet: &[u8], manner: Manner, refused: &Error) -> Answer {
        tracing::debug!("refused: {refused}");
        let header = Header {
            multi: false,
            seq: 0,
            portid: 0,
            cookies: false,
            dialect: manner.dialect,
            news: None,
        };
        let rest = Rest::Ready(VecDeque::from([error(packet, manner, refused)]));
        Answer { header, rest }
    }

    /// The next packet to send; nothing when the answer is complete.
    pub(super) fn next(&mut self, state: &mut State) -> Option<Vec<u8>> {
        let (packet, rest) = match self.rest {
            Rest::Ready(ref mut packets) => return packets.pop_front(),
            Rest::Tunnels(after) => {
                let (packet, last) = tunnels(self.header, after, state);
                (packet, last.map(|last| Rest::Tunnels(Some(last))))
            }
            Rest::Sessions(after) => {
                let (packet, last) = sessions(self.header, after, state);
                (packet, last.map(|last| Rest::Sessions(Some(last))))
            }
        };
        self.rest = rest.unwrap_or_else(|| Rest::Ready(VecDeque::new()));
        Some(packet)
    }
}

fn unprivileged() -> Error {
    let text = "needs CAP_NET_ADMIN in the user namespace that owns the network namespace; \
                run it as root";
    Error::new(Errno::EPERM, "command", text)
}

fn error(packet: &[u8], manner: Manner, refused: &Error) -> Vec<u8> {
    if manner.dialect.is_linux() {
        return linux_answer(packet, manner, Some(refused.errno));
    }
    let portid = Request::read(packet).map_or(0, |request| request.portid);
    let text = refused.to_string();
    let text = genl::cut(&text, TEXT_OCTETS);
    Writer::answer(&echo(packet), portid, Some(refused.errno), Some(text)).finish()
}

/// As Linux answers. When an attribute's value has been refused, no other refusal comes before
/// that but of who may not ask at all.
fn linux_answer(packet: &[u8], manner: Manner, errno: Option<Errno>) -> Vec<u8> {
    let remark = || {
        let request = Request::read_as(packet, Dialect::Linux).ok()?;
        let remark = request.remark()?;
        let is_it = match remark {
            Remark::Policy { .. } => matches!(errno, Some(Errno::ERANGE | Errno::EINVAL)),
            Remark::Leftover => errno.is_none(),
        };
        (is_it && !request.dump).then_some(remark)
    };
    let remark = manner.extended.then(remark).flatten();
    let port = manner.port.unwrap_or_default();
    Writer::linux_answer(packet, port, errno, manner.capped, remark).finish()
}

/// What an error repeats of a packet: a reader skips as much as the message's length says, so
/// where that is wrong only the header stays, with its own length.
fn echo(packet: &[u8]) -> Cow<'_, [u8]> {
    if let (Some(Ok(_)), true) = (Frames::new(packet).next(), packet.len() < ECHO_OCTETS) {
        return Cow::Borrowed(packet);
    }
    let mut header = [0; 16];
    header
        .iter_mut()
        .zip(packet)
        .for_each(|(to, from)| *to = *from);
    header[..4].copy_from_slice(&16u32.to_ne_bytes());
    Cow::Owned(header.to_vec())
}

fn act(
    request: &Request<'_>,
    header: Header,
    packet: &[u8],
    manner: Manner,
    given: Given,
    state: &mut State,
) -> Result<Rest, Error> {
    let single = Header {
        multi: false,
        ..header
    };
    let ack = || match manner.dialect {
        Dialect::Linux | Dialect::Strict => linux_answer(packet, manner, None),
        Dialect::Adit => Writer::answer(packet, header.portid, None, None).finish(),
    };
    let ready = |message: Option<Vec<u8>>| {
        let ack = request.ack.then(ack);
        Rest::Ready(message.into_iter().chain(ack).collect())
    };
    if let Some((tunnel, errand)) = management::errand(request, state) {
        return Ok(ready(management::act(errand, tunnel, single, state)));
    }
    let message = match state.engine.decide(request)? {
        Action::Tunnels => return Ok(Rest::Tunnels(None)),
        Action::Sessions => return Ok(Rest::Sessions(None)),
        Action::Connections => return Ok(Rest::Ready(connections(header, state))),
        Action::Counts => return Ok(Rest::Ready(counts(header, state))),
        Action::Reload { dry_run } => return reload(dry_run, header, packet, manner, state),
        Action::Noop => Some(genl::noop(single)),
        Action::Tunnel(id) => state.tunnel_message(single, id),
        Action::Session(key) => state.session_message(single, key),
        Action::Control(order, target) => {
            state.control(order, &target)?;
            None
        }
        Action::Change(change) if state.is_negotiated(&change) => {
            state.control_by_change(&change)?;
            None
        }
        Action::Adopt {
            id,
            peer_id,
            version,
            encap,
            fd,
        } => {
            let wanted = Wanted {
                id,
                peer_id,
                version,
                encap,
                fd,
                process: given.process,
            };
            news::adopt(wanted, given, single, state)?;
            None
        }
        Action::Change(change) => {
            management::is_free(&change, state)?;
            news::change(&change, request.command, single, state)?;
            None
        }
    };
    Ok(ready(message))
}

/// The report's lines, then the end; when something failed, the end is a refusal.
fn reload(
    dry_run: bool,
    header: Header,
    packet: &[u8],
    manner: Manner,
    state: &mut State,
) -> Result<Rest, Error> {
    let report = state.reload(dry_run)?;
    let end = match report.refusal() {
        None => Writer::done(header.seq, header.portid).finish(),
        Some(refused) => error(packet, manner, &refused),
    };
    let lines = report.lines.iter();
    let lines = lines.map(|line| genl::report(header, &line.text, line.failed));
    Ok(Rest::Ready(packed(lines.chain([end]))))
}

/// Every connection and what belongs to it; there are no more than the configuration file has.
fn connections(header: Header, state: &State) -> VecDeque<Vec<u8>> {
    let all = state.plane.connections();
    let messages = all.flat_map(|connection| genl::connection(header, &connection));
    let end = Writer::done(header.seq, header.portid).finish();
    packed(messages.chain([end]))
}

/// What the control protocol has counted.
fn counts(header: Header, state: &mut State) -> VecDeque<Vec<u8>> {
    let State { engine, plane, .. } = state;
    let messages = genl::control(header, &plane.counts(engine));
    let end = Writer::done(header.seq, header.portid).finish();
    packed(messages.into_iter().chain([end]))
}

/// Messages in as few packets as they fit.
fn packed(messages: impl Iterator<Item = Vec<u8>>) -> VecDeque<Vec<u8>> {
    let mut packets = VecDeque::from([Vec::new()]);
    for message in messages {
        match packets.back_mut() {
            Some(last) if last.len() + message.len() <= PACKET_OCTETS => last.extend(message),
            Some(_) | None => packets.push_back(message),
        }
    }
    packets
}

/// A packet of tunnels behind `after`, and the last one in it; the end of the dump when there is
/// no last one.
fn tunnels(
    header: Header,
    after: Option<TunnelId>,
    state: &mut State,
) -> (Vec<u8>, Option<TunnelId>) {
    fill(header, after, |after| {
        let behind = after.map_or(Unbounded, Excluded);
        let tunnels = &state.engine.desired().tunnels;
        let (id, _) = tunnels.range((behind, Unbounded)).next()?;
        let id = *id;
        Some((id, state.tunnel_message(header, id)?))
    })
}

/// As [`tunnels`], of sessions. Linux counts what it makes of management sockets among them.
fn sessions(
    header: Header,
    after: Option<SessionKey>,
    state: &mut State,
) -> (Vec<u8>, Option<SessionKey>) {
    fill(header, after, |after| {
        let behind = after.map_or(Unbounded, Excluded);
        let sessions = &state.engine.desired().sessions;
        let made = sessions.range((behind, Unbounded)).next();
        let made = made.map(|(key, _)| *key);
        let managing = match header.dialect {
            Dialect::Linux | Dialect::Strict => state.programs.management_behind(after),
            Dialect::Adit => None,
        };
        let key = made.into_iter().chain(managing).min()?;
        let message = match made == Some(key) {
            true => state.session_message(header, key),
            false => state.management_message(header, key.tunnel),
        };
        Some((key, message?))
    })
}

fn fill<K: Copy>(
    header: Header,
    mut after: Option<K>,
    mut next: impl FnMut(Option<K>) -> Option<(K, Vec<u8>)>,
) -> (Vec<u8>, Option<K>) {
    let (most, message_octets) = match header.dialect {
        Dialect::Adit => (PACKET_OCTETS, MESSAGE_OCTETS),
        Dialect::Linux | Dialect::Strict => (LINUX_PACKET_OCTETS, LINUX_MESSAGE_OCTETS),
    };
    let mut packet = Vec::with_capacity(most);
    while packet.len() + message_octets <= most {
        match next(after) {
            Some((key, message)) => {
                packet.extend(message);
                after = Some(key);
            }
            // Linux ends a dump in a packet of its own.
            None if header.dialect.is_linux() && !packet.is_empty() => break,
            None => {
                packet.extend(Writer::done(header.seq, header.portid).finish());
                return (packet, None);
            }
        }
    }
    (packet, after)
}

#[cfg(test)]
mod tests;
