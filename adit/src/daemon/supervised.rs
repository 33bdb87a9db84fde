//! Supervisors: what programs ask under `adit exec`.

use super::answer::{Given, Manner};
use super::dumps;
use super::genl::Dialect;
use super::programs::{self, Owner, Told};
use super::server::PATIENCE;
use super::socket::Connection;
use super::state::State;
use adit_kapi::protocol::{self, Ask, Dump, NetlinkMessage, PACKET_OCTETS, Question, Say};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, channel, unbounded_channel};
use tokio::task::spawn_local;
use tokio::time::timeout;

/// What may wait to be said to a supervisor: answers wait for room, notifications beyond are lost
/// as they are with Linux.
const OUTBOX: usize = 256;

/// The most of a text that goes into a packet.
const PIECE_OCTETS: usize = 32 << 10;

/// A supervisor that has said hello.
struct Supervisor {
    /// What is to be said to it, in order.
    outbox: Sender<protocol::Answer>,
    /// Whether it has CAP_NET_ADMIN itself: a program has no more power here than its supervisor.
    privileged: bool,
    state: Rc<RefCell<State>>,
    /// What the supervisor's programs hold is known by it.
    owner: Owner,
    /// Whether it hears of changes.
    subscribed: Cell<bool>,
}

/// Serves a supervisor, strictly if it has said so in its hello. Its questions are answered beside
/// each other, because one program shall not wait for another's answer.
pub(super) async fn serve(
    connection: Rc<Connection>,
    privileged: bool,
    strict: bool,
    state: Rc<RefCell<State>>,
) -> io::Result<()> {
    let (owner, mut told) = unbounded_channel();
    let (outbox, mut out) = channel(OUTBOX);
    let supervisor = Rc::new(Supervisor {
        outbox,
        privileged,
        state,
        owner: Owner {
            told: owner,
            strict,
        },
        subscribed: Cell::new(false),
    });
    let outcome = converse(&connection, &supervisor, &mut out, &mut told).await;
    programs::forget(&supervisor.owner, &mut supervisor.state.borrow_mut());
    outcome
}

async fn converse(
    connection: &Connection,
    supervisor: &Rc<Supervisor>,
    out: &mut Receiver<protocol::Answer>,
    told: &mut UnboundedReceiver<Told>,
) -> io::Result<()> {
    let mut buffer = vec![0; PACKET_OCTETS];
    loop {
        tokio::select! {
            // What has happened comes before the answers to what made it happen, and both before
            // another question: a socket is released before it carries the next tunnel.
            biased;
            Some(told) = told.recv() => {
                let carries = |cookie| supervisor.state.borrow().programs.carries(cookie);
                let say_so = match told {
                    Told::Released(socket) if carries(socket.cookie) => continue,
                    Told::Closed(number) => Say::Closed(number),
                    Told::Released(socket) => Say::Released(socket),
                };
                say(connection, &protocol::Answer { id: 0, say: say_so }).await?;
            }
            Some(answer) = out.recv() => say(connection, &answer).await?,
            received = connection.receive_all(&mut buffer) => {
                let received = received?;
                let packet = match buffer.get(..received.len) {
                    Some([]) => return Ok(()),
                    Some(packet) => packet,
                    None => return Err(io::ErrorKind::InvalidData.into()),
                };
                let Some(question) = protocol::decode::<Question>(packet) else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                let supervisor = Rc::clone(supervisor);
                spawn_local(async move { supervisor.answer(question, received.descriptors).await });
            }
        }
    }
}

impl Supervisor {
    async fn answer(&self, question: Question, descriptors: Vec<OwnedFd>) {
        let id = question.id;
        let last = match question.ask {
            Ask::Netlink(asked) => {
                self.netlink(id, asked, descriptors).await;
                Say::End
            }
            Ask::Subscribe => {
                if !self.subscribed.replace(true) {
                    let news = &mut self.state.borrow_mut().news;
                    news.retain(|listener| !listener.is_closed());
                    news.push(self.outbox.clone());
                }
                Say::End
            }
            Ask::Dump { dump, privileged } => self.dump(id, dump, privileged).await,
            Ask::Connect(_)
            | Ask::Socket(..)
            | Ask::OpenPpp { .. }
            | Ask::Ppp(..)
            | Ask::OpenIp { .. }
            | Ask::Ip(..)
            | Ask::UnitCounters(_) => {
                let owner = self.owner.clone();
                let answered =
                    programs::answer(question, descriptors, self.privileged, owner, &self.state);
                answered.await.unwrap_or_else(|errno| Say::Refused(errno.0))
            }
        };
        self.say(id, last).await;
    }

    /// Says something behind all that has been said before, notifications too. Nobody hears it when
    /// the supervisor has gone.
    async fn say(&self, id: u32, say: Say) {
        let _ = self.outbox.send(protocol::Answer { id, say }).await;
    }

    async fn dump(&self, id: u32, dump: Dump, privileged: bool) -> Say {
        if dump == Dump::Tunnels && !(self.privileged && privileged) {
            return Say::Refused(libc::EACCES);
        }
        let tunnels = dumps::take(&mut self.state.borrow_mut());
        let text = match dump {
            Dump::Pppol2tp => dumps::pppol2tp(&tunnels),
            Dump::Tunnels => dumps::debugfs(&tunnels),
        };
        for piece in text.as_bytes().chunks(PIECE_OCTETS) {
            self.say(id, Say::Text(piece.to_vec())).await;
        }
        Say::End
    }

    async fn netlink(&self, id: u32, asked: NetlinkMessage, mut descriptors: Vec<OwnedFd>) {
        let manner = Manner {
            dialect: match self.owner.strict {
                true => Dialect::Strict,
                false => Dialect::Linux,
            },
            privileged: self.privileged && asked.privileged,
            port: Some(asked.port),
            capped: asked.capped,
            extended: asked.extended,
        };
        let given = Given {
            descriptor: asked.socket,
            socket: descriptors.pop(),
            process: asked.process,
            owner: Some(self.owner.clone()),
        };
        let obeyed = self.state.borrow_mut().obey(&asked.message, manner, given);
        let (mut answer, departure) = obeyed;
        departure.await;
        loop {
            let packet = answer.next(&mut self.state.borrow_mut());
            let Some(packet) = packet else {
                return;
            };
            self.say(id, Say::Datagram(packet)).await;
        }
    }
}

async fn say(connection: &Connection, answer: &protocol::Answer) -> io::Result<()> {
    let packet = protocol::encode(answer);
    timeout(PATIENCE, connection.send(&packet)).await?
}
