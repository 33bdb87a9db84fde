//! From a packet to the packets that answer it.

use super::engine::Engine;
use super::genl::{self, Action, Header, Request};
use super::state::State;
use adit_datapath::Error;
use adit_datapath::spec::SessionKey;
use adit_wire::l2tp::TunnelId;
use adit_wire::netlink::{Errno, Frames, Writer};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Bound::{Excluded, Unbounded};

/// The longest packet of an answer.
const PACKET_OCTETS: usize = 32 << 10;
/// The longest text of a refusal.
const TEXT_OCTETS: usize = 4096;
/// The longest request that its refusal repeats.
const ECHO_OCTETS: usize = 4096;
/// More than any one object's message takes.
const MESSAGE_OCTETS: usize = 8 << 10;

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
    /// Does what `packet` asks for. `privileged` says whether its sender may change the state and
    /// know its cookies.
    pub(super) fn to(packet: &[u8], privileged: bool, state: &mut State) -> Answer {
        let request = match Request::read(packet) {
            Ok(request) => request,
            Err(refused) => return Answer::refusal(packet, &refused),
        };
        let header = Header {
            multi: true,
            seq: request.seq,
            portid: request.portid,
            cookies: privileged,
        };
        let outcome = match request.needs_privilege() && !privileged {
            true => Err(unprivileged()),
            false => act(&request, header, packet, state),
        };
        match outcome {
            Ok(rest) => Answer { header, rest },
            Err(refused) => Answer::refusal(packet, &refused),
        }
    }

    /// The refusal of a packet that has `octets`, of which only `beginning` was read.
    pub(super) fn too_long(beginning: &[u8], octets: usize) -> Answer {
        let text = format!("has {octets} octets; give at most {}", beginning.len());
        let refused = Error::new(Errno::EMSGSIZE, "message", text);
        Answer::refusal(beginning, &refused)
    }

    fn refusal(packet: &[u8], refused: &Error) -> Answer {
        tracing::debug!("refused: {refused}");
        let header = Header {
            multi: false,
            seq: 0,
            portid: 0,
            cookies: false,
        };
        let rest = Rest::Ready(VecDeque::from([error(packet, refused)]));
        Answer { header, rest }
    }

    /// The next packet to send; nothing when the answer is complete.
    pub(super) fn next(&mut self, engine: &mut Engine) -> Option<Vec<u8>> {
        let (packet, rest) = match self.rest {
            Rest::Ready(ref mut packets) => return packets.pop_front(),
            Rest::Tunnels(after) => {
                let (packet, last) = tunnels(self.header, after, engine);
                (packet, last.map(|last| Rest::Tunnels(Some(last))))
            }
            Rest::Sessions(after) => {
                let (packet, last) = sessions(self.header, after, engine);
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

fn error(packet: &[u8], refused: &Error) -> Vec<u8> {
    let portid = Request::read(packet).map_or(0, |request| request.portid);
    let text = refused.to_string();
    let text = genl::cut(&text, TEXT_OCTETS);
    Writer::answer(&echo(packet), portid, Some(refused.errno), Some(text)).finish()
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
    state: &mut State,
) -> Result<Rest, Error> {
    let single = Header {
        multi: false,
        ..header
    };
    let engine = &mut state.engine;
    let message = match engine.decide(request)? {
        Action::Tunnels => return Ok(Rest::Tunnels(None)),
        Action::Sessions => return Ok(Rest::Sessions(None)),
        Action::Reload { dry_run } => return reload(dry_run, header, packet, state),
        Action::Noop => Some(genl::noop(single)),
        Action::Tunnel(id) => engine.tunnel_message(single, id),
        Action::Session(key) => engine.session_message(single, key),
        Action::Change(change) => {
            engine.change(&change)?;
            None
        }
    };
    let ack = || Writer::answer(packet, request.portid, None, None).finish();
    let ack = request.ack.then(ack);
    Ok(Rest::Ready(message.into_iter().chain(ack).collect()))
}

/// The report's lines, then the end; when something failed, the end is a refusal.
fn reload(dry_run: bool, header: Header, packet: &[u8], state: &mut State) -> Result<Rest, Error> {
    let report = state.reload(dry_run)?;
    let mut packets = VecDeque::from([Vec::new()]);
    let end = match report.refusal() {
        None => Writer::done(header.seq, header.portid).finish(),
        Some(refused) => error(packet, &refused),
    };
    let lines = report.lines.iter();
    let lines = lines.map(|line| genl::report(header, &line.text, line.failed));
    for message in lines.chain([end]) {
        match packets.back_mut() {
            Some(last) if last.len() + message.len() <= PACKET_OCTETS => last.extend(message),
            Some(_) | None => packets.push_back(message),
        }
    }
    Ok(Rest::Ready(packets))
}

/// A packet of tunnels behind `after`, and the last one in it; the end of the dump when there is
/// no last one.
fn tunnels(
    header: Header,
    after: Option<TunnelId>,
    engine: &mut Engine,
) -> (Vec<u8>, Option<TunnelId>) {
    fill(header, after, |after| {
        let behind = after.map_or(Unbounded, Excluded);
        let (id, _) = engine.desired().tunnels.range((behind, Unbounded)).next()?;
        let id = *id;
        Some((id, engine.tunnel_message(header, id)?))
    })
}

/// As [`tunnels`], of sessions.
fn sessions(
    header: Header,
    after: Option<SessionKey>,
    engine: &mut Engine,
) -> (Vec<u8>, Option<SessionKey>) {
    fill(header, after, |after| {
        let behind = after.map_or(Unbounded, Excluded);
        let (key, _) = engine
            .desired()
            .sessions
            .range((behind, Unbounded))
            .next()?;
        let key = *key;
        Some((key, engine.session_message(header, key)?))
    })
}

fn fill<K: Copy>(
    header: Header,
    mut after: Option<K>,
    mut next: impl FnMut(Option<K>) -> Option<(K, Vec<u8>)>,
) -> (Vec<u8>, Option<K>) {
    let mut packet = Vec::with_capacity(PACKET_OCTETS);
    while packet.len() + MESSAGE_OCTETS <= PACKET_OCTETS {
        match next(after) {
            Some((key, message)) => {
                packet.extend(message);
                after = Some(key);
            }
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
