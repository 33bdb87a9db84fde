//! Texts, which the daemon gives to those who speak to it as supervisors do.

use super::{Client, ClientError, PACKET};
use adit_kapi::protocol::{Answer, Ask, Dump, HELLO, Question, Say, decode, encode};
use adit_wire::netlink::Errno;
use rustix::net::{SendFlags, send};

impl Client {
    /// A text in which Linux's driver shows its state. Ends this connection for requests.
    pub fn text(&mut self, dump: Dump) -> Result<String, ClientError> {
        let question = Question {
            id: 1,
            ask: Ask::Dump {
                dump,
                privileged: true,
            },
        };
        for packet in [HELLO, &encode(&question)] {
            send(&self.socket, packet, SendFlags::NOSIGNAL).map_err(|err| self.failed(err))?;
        }
        let mut text = Vec::new();
        let mut packet = vec![0; PACKET];
        loop {
            let len = self.receive(&mut packet)?;
            let answer = decode::<Answer>(packet.get(..len).unwrap_or_default());
            match answer.map(|answer| answer.say) {
                Some(Say::Text(piece)) => text.extend(piece),
                Some(Say::End) => {
                    let text = String::from_utf8(text);
                    return text.map_err(|err| ClientError::Garbled(err.to_string()));
                }
                Some(Say::Refused(errno)) => return Err(refused(dump, Errno(errno))),
                Some(_) | None => {
                    let text = "a packet that is no piece of a text".to_owned();
                    return Err(ClientError::Garbled(text));
                }
            }
        }
    }
}

fn refused(dump: Dump, errno: Errno) -> ClientError {
    let text = match dump {
        Dump::Tunnels => {
            "debug: it tells cookies; it takes CAP_NET_ADMIN, run it as root".to_owned()
        }
        Dump::Pppol2tp => format!("pppol2tp: errno {}; see the daemon's log", errno.0),
    };
    ClientError::Refused { errno, text }
}
