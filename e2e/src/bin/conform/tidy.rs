//! The way back to no tunnels between two cases.

use crate::netlink::{Message, Netlink, attributes, number};
use crate::numbers::{attr, command};
use crate::sys;
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Deletes every tunnel and waits until nothing is left of it.
///
/// # Errors
/// What is still there after a long time.
pub(crate) fn tidy() -> Result<(), String> {
    let mut netlink = Netlink::open().map_err(|error| error.to_string())?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tunnels = tunnels(&mut netlink)?;
        let devices: Vec<String> = sys::devices()
            .into_iter()
            .filter(|name| {
                ["l2tp", "ppp", "pw"]
                    .iter()
                    .any(|start| name.starts_with(start))
            })
            .collect();
        if tunnels.is_empty() && devices.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("tunnels {tunnels:?}, devices {devices:?}"));
        }
        for tunnel in tunnels {
            let delete = Message::new(command::TUNNEL_DELETE).word(attr::CONN_ID, tunnel);
            netlink.ask(&delete).map_err(|error| error.to_string())?;
        }
        thread::sleep(PAUSE);
    }
}

fn tunnels(netlink: &mut Netlink) -> Result<Vec<u32>, String> {
    let replies = netlink
        .ask(&Message::dump(command::TUNNEL_GET))
        .map_err(|error| error.to_string())?;
    let l2tp = netlink.l2tp;
    let ids = replies
        .iter()
        .filter(|reply| reply.kind == l2tp)
        .map(|reply| {
            let all = attributes(&reply.body[4..]);
            let id = all.iter().find(|(number, _)| *number == attr::CONN_ID);
            id.map_or(0, |(_, value)| number(value) as u32)
        });
    Ok(ids.collect())
}
