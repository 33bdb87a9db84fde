//! Supervisors: what programs ask under `adit exec`.

use super::answer::{Answer, Manner};
use super::genl::Dialect;
use super::server::PATIENCE;
use super::socket::Connection;
use super::state::State;
use adit_kapi::protocol::{self, Ask, NetlinkMessage, PACKET_OCTETS, Question, Say};
use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::rc::Rc;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::timeout;

type News = broadcast::Receiver<Rc<[u8]>>;

/// Serves a supervisor that has said hello. `privileged` says whether it has CAP_NET_ADMIN itself:
/// a program has no more power here than its supervisor.
pub(super) async fn serve(
    connection: &Connection,
    privileged: bool,
    state: &RefCell<State>,
) -> io::Result<()> {
    let mut news: Option<News> = None;
    let mut buffer = vec![0; PACKET_OCTETS];
    loop {
        tokio::select! {
            received = connection.receive(&mut buffer) => {
                let packet = match buffer.get(..received?) {
                    Some([]) => return Ok(()),
                    Some(packet) => packet,
                    None => return Err(io::ErrorKind::InvalidData.into()),
                };
                let Some(Question { id, ask }) = protocol::decode(packet) else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                match ask {
                    Ask::Netlink(asked) => {
                        netlink(connection, id, asked, privileged, state).await?;
                    }
                    Ask::Subscribe => news = Some(state.borrow().news.subscribe()),
                }
                say(connection, id, Say::End).await?;
            }
            message = next(&mut news) => {
                say(connection, 0, Say::Notification(message.to_vec())).await?;
            }
        }
    }
}

async fn netlink(
    connection: &Connection,
    id: u32,
    asked: NetlinkMessage,
    privileged: bool,
    state: &RefCell<State>,
) -> io::Result<()> {
    let manner = Manner {
        dialect: Dialect::Linux,
        privileged: privileged && asked.privileged,
        port: Some(asked.port),
        capped: asked.capped,
    };
    let mut answer = {
        let mut state = state.borrow_mut();
        state.changed.notify_one();
        Answer::to(&asked.message, manner, &mut state)
    };
    loop {
        let packet = answer.next(&mut state.borrow_mut().engine);
        let Some(packet) = packet else {
            return Ok(());
        };
        say(connection, id, Say::Datagram(packet)).await?;
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
