//! Supervisors: what programs ask under `adit exec`.

use super::answer::{Answer, Given, Manner};
use super::genl::Dialect;
use super::programs::{self, Owner};
use super::server::PATIENCE;
use super::socket::Connection;
use super::state::State;
use adit_kapi::protocol::{self, Ask, NetlinkMessage, PACKET_OCTETS, Question, Say};
use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::spawn_local;
use tokio::time::timeout;

type News = broadcast::Receiver<Rc<[u8]>>;

/// A supervisor that has said hello.
struct Supervisor {
    connection: Rc<Connection>,
    /// Whether it has CAP_NET_ADMIN itself: a program has no more power here than its supervisor.
    privileged: bool,
    state: Rc<RefCell<State>>,
    /// Told what the supervisor's programs have closed.
    owner: Owner,
}

/// Serves a supervisor. Its questions are answered beside each other, because one program shall not
/// wait for another's answer.
pub(super) async fn serve(
    connection: Rc<Connection>,
    privileged: bool,
    state: Rc<RefCell<State>>,
) -> io::Result<()> {
    let (owner, mut closed) = unbounded_channel();
    let supervisor = Rc::new(Supervisor {
        connection,
        privileged,
        state,
        owner,
    });
    let connection = &supervisor.connection;
    let mut news: Option<News> = None;
    let mut buffer = vec![0; PACKET_OCTETS];
    loop {
        tokio::select! {
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
                if question.ask == Ask::Subscribe {
                    news = Some(supervisor.state.borrow().news.subscribe());
                    say(connection, question.id, Say::End).await?;
                    continue;
                }
                let supervisor = Rc::clone(&supervisor);
                spawn_local(async move {
                    if let Err(err) = supervisor.answer(question, received.descriptors).await {
                        tracing::debug!("a supervisor takes no answer: {err}");
                    }
                });
            }
            message = next(&mut news) => {
                say(connection, 0, Say::Notification(message.to_vec())).await?;
            }
            Some(number) = closed.recv() => say(connection, 0, Say::Closed(number)).await?,
        }
    }
}

impl Supervisor {
    async fn answer(&self, question: Question, descriptors: Vec<OwnedFd>) -> io::Result<()> {
        let id = question.id;
        let last = match question.ask {
            Ask::Netlink(asked) => {
                self.netlink(id, asked, descriptors).await?;
                Say::End
            }
            Ask::Connect(_)
            | Ask::Socket(..)
            | Ask::OpenPpp { .. }
            | Ask::Ppp(..)
            | Ask::UnitCounters(_)
            | Ask::Subscribe => {
                let owner = self.owner.clone();
                let answered =
                    programs::answer(question, descriptors, self.privileged, owner, &self.state);
                answered.await.unwrap_or_else(|errno| Say::Refused(errno.0))
            }
        };
        say(&self.connection, id, last).await
    }

    async fn netlink(
        &self,
        id: u32,
        asked: NetlinkMessage,
        mut descriptors: Vec<OwnedFd>,
    ) -> io::Result<()> {
        let manner = Manner {
            dialect: Dialect::Linux,
            privileged: self.privileged && asked.privileged,
            port: Some(asked.port),
            capped: asked.capped,
            extended: asked.extended,
        };
        let given = Given {
            descriptor: asked.socket,
            socket: descriptors.pop(),
        };
        let mut answer = {
            let mut state = self.state.borrow_mut();
            state.changed.notify_one();
            Answer::to(&asked.message, manner, given, &mut state)
        };
        loop {
            let packet = answer.next(&mut self.state.borrow_mut());
            let Some(packet) = packet else {
                return Ok(());
            };
            say(&self.connection, id, Say::Datagram(packet)).await?;
        }
    }
}

async fn say(connection: &Connection, id: u32, say: Say) -> io::Result<()> {
    let packet = protocol::encode(&protocol::Answer { id, say });
    timeout(PATIENCE, connection.send(&packet)).await?
}

/// The next piece of news, where they are wanted. What was lost is lost, as with Linux.
async fn next(news: &mut Option<News>) -> Rc<[u8]> {
    loop {
        match news {
            None => return pending().await,
            Some(news) => match news.recv().await {
                Ok(message) => return message,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return pending().await,
            },
        }
    }
}
