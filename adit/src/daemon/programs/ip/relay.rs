//! Messages between a program and the network.

use crate::daemon::sys::watch;
use adit_datapath::l2tpip::{ControlSocket, MESSAGE_OCTETS, ProgramEnd};
use adit_kapi::protocol::Endpoint;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::{AbortHandle, spawn_local};

/// So many failures in a row are no answers of the network any more.
const FAILURES: u32 = 64;

/// Passes messages on until told to end. What a program sends to its `peer` goes by the address
/// that the socket is connected to.
pub(super) fn start(
    control: Rc<ControlSocket>,
    end: ProgramEnd,
    peer: Rc<Cell<Option<Endpoint>>>,
) -> io::Result<AbortHandle> {
    let network = watch(control.as_fd().try_clone_to_owned()?)?;
    let program = watch(end.as_fd().try_clone_to_owned()?)?;
    let task = spawn_local(async move {
        let inward = pass(
            &network,
            |buffer| {
                let received = control.receive(buffer)?;
                Ok(received.map(|(from, message)| (from, message.to_vec())))
            },
            |from, message| end.send(from.ip(), message),
        );
        let outward = pass(
            &program,
            |buffer| {
                let received = end.receive(buffer)?;
                Ok(received.map(|(to, message)| (SocketAddr::new(to, 0), message.to_vec())))
            },
            |to, message| {
                let is_peer = peer.get().is_some_and(|peer| peer.address == to.ip());
                control.send((!is_peer).then_some(to), message)
            },
        );
        tokio::join!(inward, outward);
    });
    Ok(task.abort_handle())
}

/// Passes what one side gives to the other. What that does not take is lost, as datagrams are.
async fn pass(
    from: &AsyncFd<OwnedFd>,
    receive: impl Fn(&mut [u8]) -> io::Result<Option<(SocketAddr, Vec<u8>)>>,
    send: impl Fn(SocketAddr, &[u8]) -> io::Result<()>,
) {
    let mut buffer = vec![0; MESSAGE_OCTETS];
    let mut failures = 0;
    while failures < FAILURES {
        let received = from.async_io(Interest::READABLE, |_| receive(&mut buffer));
        match received.await {
            Ok(Some((address, message))) => {
                failures = 0;
                if let Err(err) = send(address, &message) {
                    tracing::debug!(%address, "a message over IP is lost: {err}");
                }
            }
            Ok(None) => failures = 0,
            // An ICMP answer to what was sent before.
            Err(_) => failures += 1,
        }
    }
}
