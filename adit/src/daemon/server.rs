//! Clients: each has a task, all tasks share the state and one thread.

use super::answer::{Answer, Given, Manner};
use super::peer::Authority;
use super::socket::{Connection, Listener};
use super::state::State;
use super::supervised;
use adit_kapi::protocol::{HELLO, HELLO_STRICT};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::timeout;

/// The longest request; the longest that means anything has less than a tenth of it.
const REQUEST_OCTETS: usize = 8 << 10;
/// How long a client may leave an answer unread.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long to leave connections waiting when there is no descriptor for them.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// Clients at a time of those who may change something, and of those who may only look: these
/// shall never shut those out.
const PRIVILEGED: usize = 128;
const UNPRIVILEGED: usize = 64;

/// Serves every client; never ends.
pub(super) async fn serve(listener: Rc<Listener>, state: Rc<RefCell<State>>) {
    let authority = Authority::of_this_namespace();
    let counts = [(); 2].map(|()| Rc::new(Cell::new(0)));
    loop {
        let connection = match listener.accept().await {
            Ok(connection) => connection,
            Err(err) => {
                tracing::warn!("cannot accept a client: {err}");
                tokio::time::sleep(EXHAUSTED).await;
                continue;
            }
        };
        let privileged = authority.admits(&connection);
        let [lookers, changers] = &counts;
        let seat = match privileged {
            true => Seat::take(changers, PRIVILEGED),
            false => Seat::take(lookers, UNPRIVILEGED),
        };
        let Some(seat) = seat else {
            tracing::warn!("too many clients at a time, one is turned away");
            continue;
        };
        let state = Rc::clone(&state);
        spawn_local(async move {
            if let Err(err) = client(Rc::new(connection), privileged, state).await {
                tracing::debug!("a client is gone: {err}");
            }
            drop(seat);
        });
    }
}

/// Answers one request after the other.
async fn client(
    connection: Rc<Connection>,
    privileged: bool,
    state: Rc<RefCell<State>>,
) -> io::Result<()> {
    let mut buffer = vec![0; REQUEST_OCTETS];
    loop {
        let octets = connection.receive(&mut buffer).await?;
        let mut answer = match buffer.get(..octets) {
            Some([]) => return Ok(()),
            Some(hello @ (HELLO | HELLO_STRICT)) => {
                let strict = hello == HELLO_STRICT;
                return supervised::serve(connection, privileged, strict, state).await;
            }
            Some(packet) => {
                let manner = Manner::adit(privileged);
                let obeyed = state.borrow_mut().obey(packet, manner, Given::NOTHING);
                let (answer, departure) = obeyed;
                departure.await;
                answer
            }
            None => Answer::too_long(&buffer, octets),
        };
        loop {
            let packet = answer.next(&mut state.borrow_mut());
            let Some(packet) = packet else {
                break;
            };
            timeout(PATIENCE, connection.send(&packet)).await??;
        }
    }
}

/// One of a limited number; given back when dropped.
struct Seat(Rc<Cell<usize>>);

impl Seat {
    fn take(taken: &Rc<Cell<usize>>, limit: usize) -> Option<Seat> {
        let free = taken.get() < limit;
        free.then(|| {
            taken.set(taken.get() + 1);
            Seat(Rc::clone(taken))
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests;
