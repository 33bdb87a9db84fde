//! Who speaks PPP on the calls of a control protocol.
//!
//! A call's terms say who takes its frames ([`HandTo`]). Where that is for the daemon to see to, the
//! call gets an *endpoint*: a future that makes the session's frames somebody's, lives as long as
//! he has them, ends when the call does, and gives the reason why PPP ended, which its peer is told.

mod ending;
mod pppd;
mod process;
mod terminal;

use crate::control::Address;
use crate::policy::{HandTo, Policy, PppdOn, SessionTerms};
use adit_datapath::ppp::{Ppp, Terminal};
use adit_datapath::spec::SessionKey as DataKey;
use adit_proto::l2tp::{ResultCode, SessionKey};
use adit_wire::l2tp::avp::DisconnectCode;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

/// How long an endpoint may take to end that has closed what it had the frames by.
const CLOSING: Duration = Duration::from_secs(2);

/// What is known of a PPP session that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The data path's name of it.
    pub data: DataKey,
    /// The terms, which say who takes its frames.
    pub terms: SessionTerms,
    /// The name of the peer or connection in the configuration file.
    pub peer: String,
    /// The peer's address.
    pub remote: IpAddr,
    /// What the peer says of who calls, as it came.
    pub calling_number: Option<Vec<u8>>,
    /// What the peer says of who is called, as it came.
    pub called_number: Option<Vec<u8>>,
}

/// What the control protocol tells of PPP sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It is up.
    Up(SessionKey, Box<Call>),
    /// It is gone.
    Down(SessionKey),
}

/// PPP has ended on a call that may still be up.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) key: SessionKey,
    /// Why, for the peer.
    pub(super) code: ResultCode,
}

/// What is to be expected here of the pppds that a policy asks for, a line each; nothing where it
/// asks for none.
pub fn outlook(policy: &Policy) -> Vec<String> {
    let asked: BTreeSet<PppdOn> = policy.pppds().map(|pppd| pppd.on).collect();
    let mut lines = Vec::new();
    if !asked.is_empty() && !pppd::is_installed() {
        lines.push("pppd: not found in PATH; install it, by the package ppp mostly".to_owned());
    }
    let files: BTreeSet<&Path> = policy
        .pppds()
        .filter_map(|pppd| pppd.file.as_deref())
        .collect();
    for file in files {
        if let Err(error) = std::fs::File::open(file) {
            let file = file.display();
            lines.push(format!(
                "pppd_file {file}: {error}; it must be there when pppd is run"
            ));
        }
    }
    let missing = || terminal::missing().map(|missing| (missing, terminal::REMEDY));
    lines.extend(asked.into_iter().map(|on| match (on, missing()) {
        (PppdOn::Socket, _) => "pppd_on socket: pppd runs under adit exec".to_owned(),
        (PppdOn::Auto, None) => "pppd_on auto: pppd runs on the kernel's PPP".to_owned(),
        (PppdOn::Auto, Some((missing, _))) => {
            format!("pppd_on auto: pppd runs under adit exec, as {missing}")
        }
        (PppdOn::Terminal, None) => "pppd_on terminal: the kernel has PPP".to_owned(),
        (PppdOn::Terminal, Some((missing, remedy))) => {
            format!("pppd_on terminal: not possible here: {missing}; {remedy}")
        }
    }));
    lines
}

/// The endpoints of all calls that have one.
pub(super) struct Endpoints {
    /// None where the data path has no PPP.
    ppp: Option<Ppp>,
    /// Where the daemon is found.
    socket: Address,
    /// By their sessions.
    running: BTreeMap<SessionKey, Running>,
    /// The addresses of pools that calls have.
    leased: BTreeSet<Ipv4Addr>,
    ended: UnboundedSender<Ended>,
}

struct Running {
    /// Told when the endpoint shall end.
    leave: Rc<Notify>,
    lease: Option<Ipv4Addr>,
}

impl Endpoints {
    /// None yet. Those that have ended are told through `ended`.
    pub(super) fn new(
        ppp: Option<Ppp>,
        socket: Address,
        ended: UnboundedSender<Ended>,
    ) -> Endpoints {
        Endpoints {
            ppp,
            socket,
            running: BTreeMap::new(),
            leased: BTreeSet::new(),
            ended,
        }
    }

    /// Acts on what has become of a session; at most `limit` processes run at a time.
    pub(super) fn hear(&mut self, news: News, limit: u32) {
        match news {
            News::Up(key, call) => self.up(key, &call, limit),
            News::Down(key) => self.end(key),
        }
    }

    /// The endpoint of a session has closed what it has the frames by. It should be about to end,
    /// and how it does tells more.
    pub(super) fn closed(&mut self, key: SessionKey) {
        if let Some(leave) = self.running.get(&key).map(|one| Rc::clone(&one.leave)) {
            tokio::task::spawn_local(async move {
                tokio::time::sleep(CLOSING).await;
                leave.notify_one();
            });
        }
    }

    /// Notes that an endpoint has ended.
    pub(super) fn forget(&mut self, ended: &Ended) {
        let gone = self.running.remove(&ended.key);
        if let Some(lease) = gone.and_then(|gone| gone.lease) {
            self.leased.remove(&lease);
        }
    }

    /// Whether none is left.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    fn up(&mut self, key: SessionKey, call: &Call, limit: u32) {
        match call.terms.hand_to {
            // Whoever takes these comes by himself.
            HandTo::Device | HandTo::Client => {}
            HandTo::Pppd => self.run_pppd(key, call, limit),
        }
    }

    fn end(&mut self, key: SessionKey) {
        if let Some(one) = self.running.get(&key) {
            one.leave.notify_one();
        }
    }

    fn run_pppd(&mut self, key: SessionKey, call: &Call, limit: u32) {
        let ended = self.ended.clone();
        match self.try_pppd(call, limit) {
            Ok((command, lease)) => {
                let leave = Rc::new(Notify::new());
                let running = Running {
                    leave: Rc::clone(&leave),
                    lease,
                };
                self.running.insert(key, running);
                self.leased.extend(lease);
                tokio::task::spawn_local(async move {
                    let code = process::run(&key.to_string(), command, &leave).await;
                    // At the end of the process nobody listens any more.
                    let _ = ended.send(Ended { key, code });
                });
            }
            Err((code, text)) => {
                tracing::warn!("{key}: no pppd: {text}");
                let code = ResultCode::disconnect(code);
                let _ = ended.send(Ended { key, code });
            }
        }
    }

    /// The command of a call's pppd, and the address that its peer gets; or what the peer and the
    /// log are told.
    fn try_pppd(
        &self,
        call: &Call,
        limit: u32,
    ) -> Result<(Command, Option<Ipv4Addr>), (DisconnectCode, String)> {
        let later = |text| Err((DisconnectCode::NO_FACILITIES_NOW, text));
        if self.running.len() >= limit as usize {
            return later(format!("{limit} run; raise max_pppd in [limits]"));
        }
        let pool = call.terms.pppd.pool;
        let lease = pool.and_then(|pool| pool.lowest_free(&self.leased));
        if pool.is_some() && lease.is_none() {
            return later("all addresses are in use; enlarge pppd_pool".to_owned());
        }
        let prepared = self.prepare(call, lease);
        let command = prepared.map_err(|text| (DisconnectCode::NO_FACILITIES, text))?;
        Ok((command, lease))
    }

    /// Makes a call's frames ready for a pppd, and gives that one's command.
    fn prepare(&self, call: &Call, lease: Option<Ipv4Addr>) -> Result<Command, String> {
        let ppp = self.ppp.as_ref().ok_or("the data path has no PPP")?;
        // Before anything takes time: the other end may speak first.
        ppp.expect(call.data);
        let missing = match call.terms.pppd.on {
            PppdOn::Auto | PppdOn::Terminal => terminal::missing(),
            PppdOn::Socket => None,
        };
        match (call.terms.pppd.on, missing) {
            (PppdOn::Terminal, Some(missing)) => Err(format!("{missing}; {}", terminal::REMEDY)),
            (PppdOn::Auto, Some(_)) | (PppdOn::Socket, _) => {
                Ok(pppd::on_socket(call, lease, &self.socket))
            }
            (PppdOn::Auto | PppdOn::Terminal, None) => {
                let told = |error: io::Error| format!("no terminal can be had: {error}");
                let (modem, line) = terminal::open().map_err(told)?;
                let modem = Terminal::new(modem).map_err(told)?;
                // How pppd ends tells more than that it has closed its side.
                let attached = ppp.attach(call.data, modem, Box::new(|| {}));
                attached.map_err(|refused| {
                    let refused = io::Error::from_raw_os_error(refused.0);
                    format!("the session cannot be had: {refused}")
                })?;
                Ok(pppd::on_terminal(call, lease, line))
            }
        }
    }
}

#[cfg(test)]
mod tests;
