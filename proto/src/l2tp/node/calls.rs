//! The messages about a session, of either version, as one type.

use super::super::{CallDetails, Causes, Connected, Direction, LinkInfo, Proxy, ResultCode};
use super::session::Terms;
use adit_wire::l2tp::avp::{
    Attribute, CallErrors, CircuitStatus, DataSequencing, PwType, SublayerType, walk,
};
use adit_wire::l2tp::control::{v2, v3};
use adit_wire::l2tp::{Cookie, SessionId};

/// A message about a session, and which one.
#[derive(Debug)]
pub(super) struct Addressed {
    /// This end's id; 0 if the sender does not know it.
    pub(super) own: SessionId,
    /// The sender's id, if the message tells it.
    pub(super) peer: Option<SessionId>,
    pub(super) message: CallMessage,
}

#[derive(Debug)]
pub(super) enum CallMessage {
    /// ICRQ or OCRQ.
    Request(Box<Request>),
    /// ICRP or OCRP.
    Reply(Direction, Terms),
    /// ICCN or OCCN.
    Connected(Direction, Terms, Box<Connected>),
    /// CDN.
    Disconnect(ResultCode),
    /// WEN.
    WanErrors(CallErrors),
    /// SLI.
    LinkInfo(LinkInfo),
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) direction: Direction,
    pub(super) pseudowire: PwType,
    pub(super) details: CallDetails,
    pub(super) terms: Terms,
    pub(super) tie_breaker: Option<[u8; 8]>,
}

impl Addressed {
    /// `session` is that of the header. `None` for a message that is not about a session.
    pub(super) fn from_v2(session: SessionId, message: v2::Message<'_>) -> Option<Addressed> {
        let addressed = |peer, message| Addressed {
            own: session,
            peer,
            message,
        };
        Some(match message {
            v2::Message::Icrq(icrq) => addressed(
                Some(icrq.assigned_session),
                CallMessage::Request(icrq.into()),
            ),
            v2::Message::Ocrq(ocrq) => addressed(
                Some(ocrq.assigned_session),
                CallMessage::Request(ocrq.into()),
            ),
            v2::Message::Icrp(icrp) => addressed(
                Some(icrp.assigned_session),
                CallMessage::Reply(Direction::Incoming, Terms::NONE),
            ),
            v2::Message::Ocrp(ocrp) => addressed(
                Some(ocrp.assigned_session),
                CallMessage::Reply(Direction::Outgoing, Terms::NONE),
            ),
            v2::Message::Iccn(iccn) => {
                let terms = Terms {
                    required: iccn.sequencing_required,
                    ..Terms::NONE
                };
                let connected = Box::new(iccn.into());
                addressed(
                    None,
                    CallMessage::Connected(Direction::Incoming, terms, connected),
                )
            }
            v2::Message::Occn(occn) => {
                let terms = Terms {
                    required: occn.sequencing_required,
                    ..Terms::NONE
                };
                let connected = Box::new(occn.into());
                addressed(
                    None,
                    CallMessage::Connected(Direction::Outgoing, terms, connected),
                )
            }
            v2::Message::Cdn(cdn) => {
                let mut code = ResultCode::from(cdn.reason);
                code.causes = Causes::read(cdn.disconnect_cause, cdn.q931_cause);
                addressed(Some(cdn.assigned_session), CallMessage::Disconnect(code))
            }
            v2::Message::Wen(wen) => addressed(None, CallMessage::WanErrors(wen.call_errors)),
            v2::Message::Sli(sli) => {
                addressed(None, CallMessage::LinkInfo(LinkInfo::Accm(sli.accm)))
            }
            v2::Message::Zlb
            | v2::Message::Sccrq(_)
            | v2::Message::Sccrp(_)
            | v2::Message::Scccn(_)
            | v2::Message::StopCcn(_)
            | v2::Message::Hello(_) => return None,
        })
    }

    /// `None` for a message that is not about a session, and for an SLI that says nothing.
    pub(super) fn from_v3(message: v3::Message<'_>) -> Option<Addressed> {
        let addressed = |own, peer: SessionId, message| Addressed {
            own,
            peer: Some(peer).filter(|peer| peer.0 != 0),
            message,
        };
        Some(match message {
            v3::Message::Icrq(icrq) => addressed(
                icrq.remote_session,
                icrq.local_session,
                CallMessage::Request(icrq.into()),
            ),
            v3::Message::Ocrq(ocrq) => addressed(
                ocrq.remote_session,
                ocrq.local_session,
                CallMessage::Request(ocrq.into()),
            ),
            v3::Message::Icrp(icrp) => {
                let terms = terms(
                    icrp.cookie,
                    icrp.sublayer,
                    icrp.data_sequencing,
                    Some(icrp.circuit_status),
                );
                let message = CallMessage::Reply(Direction::Incoming, terms);
                addressed(icrp.remote_session, icrp.local_session, message)
            }
            v3::Message::Ocrp(ocrp) => {
                let terms = terms(
                    ocrp.cookie,
                    ocrp.sublayer,
                    ocrp.data_sequencing,
                    Some(ocrp.circuit_status),
                );
                let message = CallMessage::Reply(Direction::Outgoing, terms);
                addressed(ocrp.remote_session, ocrp.local_session, message)
            }
            v3::Message::Iccn(iccn) => {
                let terms = terms(
                    None,
                    iccn.sublayer,
                    iccn.data_sequencing,
                    iccn.circuit_status,
                );
                let connected = speeds(iccn.tx_speed, iccn.rx_speed);
                let message = CallMessage::Connected(Direction::Incoming, terms, connected);
                addressed(iccn.remote_session, iccn.local_session, message)
            }
            v3::Message::Occn(occn) => {
                let terms = terms(
                    None,
                    occn.sublayer,
                    occn.data_sequencing,
                    occn.circuit_status,
                );
                let connected = speeds(occn.tx_speed, occn.rx_speed);
                let message = CallMessage::Connected(Direction::Outgoing, terms, connected);
                addressed(occn.remote_session, occn.local_session, message)
            }
            v3::Message::Cdn(cdn) => {
                let mut code = ResultCode::from(cdn.reason);
                code.causes = Causes::read(cdn.disconnect_cause, None);
                let message = CallMessage::Disconnect(code);
                addressed(cdn.remote_session, cdn.local_session, message)
            }
            v3::Message::Wen(wen) => addressed(
                wen.remote_session,
                wen.local_session,
                CallMessage::WanErrors(wen.circuit_errors),
            ),
            v3::Message::Sli(sli) => addressed(
                sli.remote_session,
                sli.local_session,
                CallMessage::LinkInfo(LinkInfo::Circuit(sli.circuit_status?)),
            ),
            v3::Message::Zlb
            | v3::Message::Sccrq(_)
            | v3::Message::Sccrp(_)
            | v3::Message::Scccn(_)
            | v3::Message::StopCcn(_)
            | v3::Message::Hello(_)
            | v3::Message::Ack(_) => return None,
        })
    }
}

/// This end's id and the sender's in the AVPs of a v3 message that cannot be read as a whole.
pub(super) fn ids_v3(avps: &[u8]) -> (SessionId, Option<SessionId>) {
    let id = |attribute: Attribute| {
        let mut all = walk(avps).map_while(Result::ok);
        let found = all.find(|avp| avp.name() == attribute.into() && !avp.hidden)?;
        let octets = found.value.try_into().ok()?;
        Some(SessionId(u32::from_be_bytes(octets))).filter(|id| id.0 != 0)
    };
    (
        id(Attribute::RemoteSessionId).unwrap_or_default(),
        id(Attribute::LocalSessionId),
    )
}

/// The sender's id in the AVPs of a v2 message that cannot be read as a whole.
pub(super) fn peer_id_v2(avps: &[u8]) -> Option<SessionId> {
    let name = Attribute::AssignedSessionId.into();
    let mut all = walk(avps).map_while(Result::ok);
    let found = all.find(|avp| avp.name() == name && !avp.hidden)?;
    let id = u16::from_be_bytes(found.value.try_into().ok()?);
    Some(SessionId(id.into())).filter(|id| id.0 != 0)
}

fn terms(
    cookie: Option<Cookie>,
    sublayer: Option<SublayerType>,
    sequencing: Option<DataSequencing>,
    circuit: Option<CircuitStatus>,
) -> Terms {
    Terms {
        cookie: cookie.unwrap_or(Cookie::EMPTY),
        sublayer,
        sequencing,
        required: false,
        circuit,
    }
}

fn speeds(tx: Option<u64>, rx: Option<u64>) -> Box<Connected> {
    Box::new(Connected {
        tx_speed: tx.unwrap_or_default(),
        rx_speed: rx,
        ..Connected::default()
    })
}

fn owned(octets: Option<&[u8]>) -> Option<Vec<u8>> {
    octets.map(<[u8]>::to_vec)
}

impl From<v2::Icrq<'_>> for Box<Request> {
    fn from(icrq: v2::Icrq<'_>) -> Box<Request> {
        Box::new(Request {
            direction: Direction::Incoming,
            pseudowire: PwType::PPP,
            details: CallDetails {
                serial: icrq.serial_number,
                called_number: owned(icrq.called_number),
                calling_number: owned(icrq.calling_number),
                sub_address: owned(icrq.sub_address),
                bearer_type: icrq.bearer_type,
                physical_channel: icrq.physical_channel,
                ..CallDetails::default()
            },
            terms: Terms::NONE,
            tie_breaker: None,
        })
    }
}

impl From<v2::Ocrq<'_>> for Box<Request> {
    fn from(ocrq: v2::Ocrq<'_>) -> Box<Request> {
        Box::new(Request {
            direction: Direction::Outgoing,
            pseudowire: PwType::PPP,
            details: CallDetails {
                serial: ocrq.serial_number,
                called_number: Some(ocrq.called_number.to_vec()),
                sub_address: owned(ocrq.sub_address),
                bearer_type: Some(ocrq.bearer_type),
                framing_type: Some(ocrq.framing_type),
                bps: Some((ocrq.minimum_bps, ocrq.maximum_bps)),
                ..CallDetails::default()
            },
            terms: Terms::NONE,
            tie_breaker: None,
        })
    }
}

impl From<v3::Icrq<'_>> for Box<Request> {
    fn from(icrq: v3::Icrq<'_>) -> Box<Request> {
        Box::new(Request {
            direction: Direction::Incoming,
            pseudowire: icrq.pw_type,
            details: CallDetails {
                serial: icrq.serial_number,
                remote_end_id: Some(icrq.remote_end.to_vec()),
                physical_channel: icrq.physical_channel,
                ..CallDetails::default()
            },
            terms: terms(
                icrq.cookie,
                icrq.sublayer,
                icrq.data_sequencing,
                Some(icrq.circuit_status),
            ),
            tie_breaker: icrq.tie_breaker,
        })
    }
}

impl From<v3::Ocrq<'_>> for Box<Request> {
    fn from(ocrq: v3::Ocrq<'_>) -> Box<Request> {
        Box::new(Request {
            direction: Direction::Outgoing,
            pseudowire: ocrq.pw_type,
            details: CallDetails {
                serial: ocrq.serial_number,
                remote_end_id: Some(ocrq.remote_end.to_vec()),
                ..CallDetails::default()
            },
            terms: terms(
                ocrq.cookie,
                ocrq.sublayer,
                ocrq.data_sequencing,
                Some(ocrq.circuit_status),
            ),
            tie_breaker: ocrq.tie_breaker,
        })
    }
}

impl From<v2::Iccn<'_>> for Connected {
    fn from(iccn: v2::Iccn<'_>) -> Connected {
        let proxy = Proxy {
            initial_received: owned(iccn.initial_received_confreq),
            last_sent: owned(iccn.last_sent_confreq),
            last_received: owned(iccn.last_received_confreq),
            authen_type: iccn.proxy_authen_type,
            authen_name: owned(iccn.proxy_authen_name),
            authen_challenge: owned(iccn.proxy_authen_challenge),
            authen_id: iccn.proxy_authen_id,
            authen_response: owned(iccn.proxy_authen_response),
        };
        Connected {
            tx_speed: iccn.tx_speed.into(),
            rx_speed: iccn.rx_speed.map(u64::from),
            framing_type: iccn.framing_type,
            private_group: owned(iccn.private_group),
            proxy: (proxy != Proxy::default()).then(|| Box::new(proxy)),
        }
    }
}

impl From<v2::Occn<'_>> for Connected {
    fn from(occn: v2::Occn<'_>) -> Connected {
        Connected {
            tx_speed: occn.tx_speed.into(),
            rx_speed: occn.rx_speed.map(u64::from),
            framing_type: occn.framing_type,
            private_group: None,
            proxy: None,
        }
    }
}
