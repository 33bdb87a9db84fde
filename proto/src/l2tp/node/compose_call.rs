//! Writes the messages about a session. Each leaves its AVPs in clear in `out`.

use super::super::{CallDetails, Connected, Direction, LinkInfo, Peer, Proxy, ResultCode};
use super::session::{Pending, Session};
use adit_wire::l2tp::avp::{
    Bearers, CallErrors, CircuitStatus, DataSequencing, EncodeError, Framings, Q931Cause,
    SublayerType,
};
use adit_wire::l2tp::control::{v2, v3};
use adit_wire::l2tp::{Cookie, SessionId, Sublayer, Version};

type Composed = Result<(), EncodeError>;

/// A session and its id, for a tunnel of this version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) version: Version,
    pub(super) id: SessionId,
    pub(super) session: &'a Session,
    /// What the peer advertised (v2).
    pub(super) peer: &'a Peer,
}

impl Call<'_> {
    /// ICRQ or OCRQ.
    pub(super) fn request(self, pending: &Pending, out: &mut Vec<u8>) -> Composed {
        out.clear();
        let details = &pending.details;
        match (self.version, self.session.machine.direction) {
            (Version::V2, Direction::Incoming) => icrq_v2(self.id, details, out),
            (Version::V2, Direction::Outgoing) => ocrq_v2(self.id, details, self.peer, out),
            (Version::V3, direction) => self.request_v3(direction, pending, out),
        }
    }

    fn request_v3(self, direction: Direction, pending: &Pending, out: &mut Vec<u8>) -> Composed {
        let details = &pending.details;
        let remote_end = details.remote_end_id.as_deref().unwrap_or_default();
        let tx_speed = Some(pending.connected.tx_speed).filter(|speed| *speed != 0);
        let icrq = v3::Icrq {
            local_session: self.id,
            remote_session: SessionId(0),
            serial_number: details.serial,
            pw_type: self.session.pseudowire,
            remote_end,
            circuit_status: self.session.config.circuit,
            cookie: self.cookie(),
            tie_breaker: pending.tie_breaker,
            sublayer: self.sublayer(),
            data_sequencing: self.sequencing(),
            tx_speed,
            rx_speed: pending.connected.rx_speed,
            physical_channel: details.physical_channel,
        };
        match direction {
            Direction::Incoming => v3::Message::Icrq(icrq),
            Direction::Outgoing => v3::Message::Ocrq(v3::Ocrq {
                local_session: icrq.local_session,
                remote_session: icrq.remote_session,
                serial_number: icrq.serial_number,
                pw_type: icrq.pw_type,
                remote_end: icrq.remote_end,
                circuit_status: icrq.circuit_status,
                cookie: icrq.cookie,
                tx_speed: icrq.tx_speed,
                rx_speed: icrq.rx_speed,
                tie_breaker: icrq.tie_breaker,
                sublayer: icrq.sublayer,
                data_sequencing: icrq.data_sequencing,
            }),
        }
        .encode(out)
    }

    /// ICRP or OCRP.
    pub(super) fn reply(self, out: &mut Vec<u8>) -> Composed {
        out.clear();
        let icrp = v3::Icrp {
            local_session: self.id,
            remote_session: self.session.peer_id,
            circuit_status: self.session.config.circuit,
            cookie: self.cookie(),
            sublayer: self.sublayer(),
            data_sequencing: self.sequencing(),
            tx_speed: None,
            rx_speed: None,
            physical_channel: None,
        };
        match (self.version, self.session.machine.direction) {
            (Version::V2, Direction::Incoming) => v2::Message::Icrp(v2::Icrp {
                assigned_session: self.id,
                diffserv: None,
            })
            .encode(out),
            (Version::V2, Direction::Outgoing) => v2::Message::Ocrp(v2::Ocrp {
                assigned_session: self.id,
                physical_channel: None,
                vpi_vci: None,
                diffserv: None,
            })
            .encode(out),
            (Version::V3, Direction::Incoming) => v3::Message::Icrp(icrp).encode(out),
            (Version::V3, Direction::Outgoing) => v3::Message::Ocrp(v3::Ocrp {
                local_session: icrp.local_session,
                remote_session: icrp.remote_session,
                circuit_status: icrp.circuit_status,
                cookie: icrp.cookie,
                sublayer: icrp.sublayer,
                tx_speed: icrp.tx_speed,
                rx_speed: icrp.rx_speed,
                data_sequencing: icrp.data_sequencing,
                physical_channel: icrp.physical_channel,
            })
            .encode(out),
        }
    }

    /// ICCN or OCCN.
    pub(super) fn connected(self, connected: &Connected, out: &mut Vec<u8>) -> Composed {
        out.clear();
        let numbered = self.session.config.sequencing != DataSequencing::None;
        match (self.version, self.session.machine.direction) {
            (Version::V2, Direction::Incoming) => {
                let framing_type = framing(connected.framing_type, self.peer);
                iccn_v2(connected, framing_type, numbered, out)
            }
            (Version::V2, Direction::Outgoing) => v2::Message::Occn(v2::Occn {
                tx_speed: narrow(connected.tx_speed),
                framing_type: connected.framing_type,
                rx_speed: connected.rx_speed.map(narrow),
                sequencing_required: numbered,
                lcp_want_options: None,
                lcp_allow_options: None,
            })
            .encode(out),
            (Version::V3, direction) => self.connected_v3(direction, connected, out),
        }
    }

    fn connected_v3(
        self,
        direction: Direction,
        connected: &Connected,
        out: &mut Vec<u8>,
    ) -> Composed {
        let local_session = self.id;
        let remote_session = self.session.peer_id;
        let tx_speed = Some(connected.tx_speed).filter(|speed| *speed != 0);
        let rx_speed = connected.rx_speed;
        match direction {
            Direction::Incoming => v3::Message::Iccn(v3::Iccn {
                local_session,
                remote_session,
                sublayer: Some(self.last_word()),
                data_sequencing: self.sequencing(),
                tx_speed,
                rx_speed,
                circuit_status: self.news(),
            }),
            Direction::Outgoing => v3::Message::Occn(v3::Occn {
                local_session,
                remote_session,
                sublayer: Some(self.last_word()),
                data_sequencing: self.sequencing(),
                tx_speed,
                rx_speed,
                circuit_status: self.news(),
            }),
        }
        .encode(out)
    }

    /// SLI; `None` when this version has no such.
    pub(super) fn link_info(self, info: LinkInfo, out: &mut Vec<u8>) -> Option<Composed> {
        out.clear();
        match (self.version, info) {
            (Version::V2, LinkInfo::Accm(accm)) => Some(
                v2::Message::Sli(v2::Sli {
                    accm,
                    last_sent_confreq: None,
                    last_received_confreq: None,
                })
                .encode(out),
            ),
            (Version::V3, LinkInfo::Circuit(status)) => Some(
                v3::Message::Sli(v3::Sli {
                    local_session: self.id,
                    remote_session: self.session.peer_id,
                    circuit_status: Some(status),
                })
                .encode(out),
            ),
            (Version::V2, LinkInfo::Circuit(_)) | (Version::V3, LinkInfo::Accm(_)) => None,
        }
    }

    /// WEN.
    pub(super) fn wan_errors(self, errors: CallErrors, out: &mut Vec<u8>) -> Composed {
        out.clear();
        match self.version {
            Version::V2 => v2::Message::Wen(v2::Wen {
                call_errors: errors,
            })
            .encode(out),
            Version::V3 => v3::Message::Wen(v3::Wen {
                local_session: self.id,
                remote_session: self.session.peer_id,
                circuit_errors: errors,
            })
            .encode(out),
        }
    }

    /// The state of the circuit, if it is not what the peer was told.
    fn news(self) -> Option<CircuitStatus> {
        let circuit = self.session.config.circuit;
        Some(circuit).filter(|circuit| self.session.told != Some(*circuit))
    }

    fn cookie(self) -> Option<Cookie> {
        Some(self.session.cookie).filter(|cookie| !cookie.is_empty())
    }

    fn sublayer(self) -> Option<SublayerType> {
        match self.session.sublayer() {
            Sublayer::None => None,
            Sublayer::Default => Some(SublayerType::DEFAULT),
        }
    }

    /// The sublayer in the last message of the exchange, which may take back the one in the first.
    fn last_word(self) -> SublayerType {
        self.sublayer().unwrap_or(SublayerType::NONE)
    }

    fn sequencing(self) -> Option<DataSequencing> {
        let wanted = self.session.config.sequencing;
        Some(wanted).filter(|wanted| *wanted != DataSequencing::None)
    }
}

/// CDN: `own` is this end's id, `peer` the receiver's.
pub(super) fn disconnect(
    version: Version,
    own: SessionId,
    peer: SessionId,
    code: &ResultCode,
    out: &mut Vec<u8>,
) -> Composed {
    out.clear();
    let reason = code.as_reason();
    let causes = code.causes.as_deref();
    let disconnect_cause = causes.and_then(|causes| Some(causes.ppp.as_ref()?.as_cause()));
    match version {
        Version::V2 => v2::Message::Cdn(v2::Cdn {
            reason,
            assigned_session: own,
            q931_cause: causes.and_then(|causes| {
                let (code, message, advisory) = causes.q931.as_ref()?;
                Some(Q931Cause {
                    code: *code,
                    message: *message,
                    advisory,
                })
            }),
            disconnect_cause,
        })
        .encode(out),
        Version::V3 => v3::Message::Cdn(v3::Cdn {
            reason,
            local_session: own,
            remote_session: peer,
            disconnect_cause,
        })
        .encode(out),
    }
}

fn icrq_v2(id: SessionId, details: &CallDetails, out: &mut Vec<u8>) -> Composed {
    v2::Message::Icrq(v2::Icrq {
        assigned_session: id,
        serial_number: details.serial,
        bearer_type: details.bearer_type,
        physical_channel: details.physical_channel,
        calling_number: details.calling_number.as_deref(),
        called_number: details.called_number.as_deref(),
        sub_address: details.sub_address.as_deref(),
        service_category: None,
        service_name: None,
        calling_sub_address: None,
        vpi_vci: None,
        diffserv: None,
    })
    .encode(out)
}

/// A framing that the peer advertised, as far as it advertised any: `wanted`, where that is one
/// (RFC 2661 §4.4.3).
fn framing(wanted: Framings, peer: &Peer) -> Framings {
    match (wanted.0 & peer.framing.0, peer.framing.0 & Framings::BOTH.0) {
        (0, 0) => wanted,
        (0, theirs) => Framings(theirs),
        (common, _) => Framings(common),
    }
}

/// As [`framing`], of bearers.
fn bearer(wanted: Bearers, peer: &Peer) -> Bearers {
    match (wanted.0 & peer.bearer.0, peer.bearer.0) {
        (0, 0) => wanted,
        (0, theirs) => Bearers(theirs),
        (common, _) => Bearers(common),
    }
}

fn ocrq_v2(id: SessionId, details: &CallDetails, peer: &Peer, out: &mut Vec<u8>) -> Composed {
    let (minimum_bps, maximum_bps) = details.bps.unwrap_or((0, u32::MAX));
    v2::Message::Ocrq(v2::Ocrq {
        assigned_session: id,
        serial_number: details.serial,
        minimum_bps,
        maximum_bps,
        bearer_type: bearer(details.bearer_type.unwrap_or(Bearers::ANALOG), peer),
        framing_type: framing(details.framing_type.unwrap_or(Framings::BOTH), peer),
        called_number: details.called_number.as_deref().unwrap_or_default(),
        sub_address: details.sub_address.as_deref(),
        rx_minimum_bps: None,
        rx_maximum_bps: None,
        service_category: None,
        service_name: None,
        diffserv: None,
    })
    .encode(out)
}

fn iccn_v2(
    connected: &Connected,
    framing_type: Framings,
    numbered: bool,
    out: &mut Vec<u8>,
) -> Composed {
    let none = Proxy::default();
    let proxy = connected.proxy.as_deref().unwrap_or(&none);
    v2::Message::Iccn(v2::Iccn {
        tx_speed: narrow(connected.tx_speed),
        framing_type,
        initial_received_confreq: proxy.initial_received.as_deref(),
        last_sent_confreq: proxy.last_sent.as_deref(),
        last_received_confreq: proxy.last_received.as_deref(),
        proxy_authen_type: proxy.authen_type,
        proxy_authen_name: proxy.authen_name.as_deref(),
        proxy_authen_challenge: proxy.authen_challenge.as_deref(),
        proxy_authen_id: proxy.authen_id,
        proxy_authen_response: proxy.authen_response.as_deref(),
        private_group: connected.private_group.as_deref(),
        rx_speed: connected.rx_speed.map(narrow),
        sequencing_required: numbered,
        lcp_want_options: None,
        lcp_allow_options: None,
    })
    .encode(out)
}

/// A speed in the 32 bits that v2 has for it.
fn narrow(speed: u64) -> u32 {
    u32::try_from(speed).unwrap_or(u32::MAX)
}
