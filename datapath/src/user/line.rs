use crate::Error;
use crate::counters::DropReason;
use crate::spec::{DebugMask, SessionKey};
use crate::user::carrier::Carrier;
use crate::user::marks::Mark;
use crate::user::outer::Outer;
use crate::user::remote::Remote;
use crate::user::session::Session;
use adit_wire::l2tp::Sequence;
use std::net::SocketAddr;
use std::sync::Arc;

/// A session and the socket that it reaches its peer by.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) session: Arc<Session>,
    pub(crate) carrier: Arc<Carrier>,
    /// Where the peer is, on a socket that others share.
    pub(crate) remote: Option<Arc<Remote>>,
    pub(crate) outer: Arc<Outer>,
}

impl Line {
    /// Whether there is a peer to send to.
    pub(crate) fn has_peer(&self) -> bool {
        match &self.remote {
            Some(remote) => remote.is_known(),
            None => self.carrier.has_peer(),
        }
    }

    /// Whether a packet that came `from` there is the peer's. A socket of the session's own takes
    /// no others.
    pub(crate) fn admits(&self, from: Option<SocketAddr>) -> bool {
        self.remote
            .as_ref()
            .is_none_or(|remote| remote.admits(from))
    }

    /// The outer addresses, with ports of 0 where there are none.
    pub(crate) fn endpoints(&self) -> (SocketAddr, SocketAddr) {
        match &self.remote {
            Some(remote) => remote.peer().endpoints(),
            None => self.carrier.endpoints(),
        }
    }

    /// Has the socket tell of packets' classes if the session by itself wants to know.
    pub(crate) fn ask_for_classes(&self) -> Result<(), Error> {
        if !self.session.tuning.marks.wants_class() {
            return Ok(());
        }
        let text = "the tunnel's socket does not tell of packets' classes";
        let told = self.carrier.tell_class();
        told.map_err(|e| Error::system(&e, "tos", text))
    }

    /// What outer packets bear.
    pub(crate) fn mark(&self) -> Mark {
        self.session.tuning.marks.over(&self.outer.marks)
    }

    /// Octets of headers in front of a payload that is sent, the outer IP header among them.
    pub(crate) fn overhead(&self) -> usize {
        self.carrier.encap.overhead() as usize + self.session.header_len()
    }

    /// Octets of the longest payload that may be sent, where that is known beforehand.
    pub(crate) fn longest_payload(&self) -> Option<usize> {
        let packet = self.outer.longest_packet()?;
        Some(packet.saturating_sub(self.overhead()))
    }

    /// Counts `count` packets that were received and dropped, and says so where that is wanted:
    /// with a sequence number the line is about sequences, else about data.
    pub(crate) fn drop_received(&self, reason: DropReason, count: usize, number: Option<Sequence>) {
        self.session.rx.drop(reason, count as u64);
        let class = number.map_or(DebugMask::DATA, |_| DebugMask::SEQ);
        if self.logs(class) {
            let SessionKey { tunnel, session } = self.session.key;
            let (number, reason) = (number.map(|number| number.0), reason.name());
            tracing::debug!(%tunnel, %session, count, number, reason, "dropped");
        }
    }

    /// Counts `count` packets that could not be sent, and says so where that is wanted.
    pub(crate) fn drop_unsent(&self, reason: DropReason, count: usize) {
        self.session.tx.drop(reason, count as u64);
        if count > 0 && self.logs(DebugMask::DATA) {
            let SessionKey { tunnel, session } = self.session.key;
            tracing::debug!(%tunnel, %session, count, reason = reason.name(), "dropped");
        }
    }

    /// Counts `count` packets that the session received well and that were dropped behind it. The
    /// session's errors are not about them, as in Linux.
    pub(crate) fn discard(&self, reason: DropReason, count: usize) {
        self.session.rx.note(reason, count as u64);
        if self.logs(DebugMask::DATA) {
            let SessionKey { tunnel, session } = self.session.key;
            tracing::debug!(%tunnel, %session, count, reason = reason.name(), "dropped");
        }
    }

    /// Whether a log line of `class` is wanted by the session or its tunnel, and affordable now.
    pub(crate) fn logs(&self, class: u32) -> bool {
        self.session.logs(class, &self.carrier)
    }
}
