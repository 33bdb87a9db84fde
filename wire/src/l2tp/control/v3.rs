//! The messages of L2TPv3 (RFC 3931 §6), with the AVPs that later RFCs add to them.

use super::super::avp::*;
use super::reading::Reading;
use super::table::{Body, Presence};
use super::{Decoded, Ignored, MessageError, MessageKind, Oddity, Quirks};
use crate::l2tp::{Cookie, SessionId, TunnelId, Version};
use alloc::vec::Vec;

messages! {
    V3,
    {
        Sccrq(Sccrq<'a>),
        Sccrp(Sccrp<'a>),
        Scccn(Scccn),
        StopCcn(StopCcn<'a>),
        Hello(Hello),
        Ocrq(Ocrq<'a>),
        Ocrp(Ocrp),
        Occn(Occn),
        Icrq(Icrq<'a>),
        Icrp(Icrp),
        Iccn(Iccn),
        Cdn(Cdn<'a>),
        Wen(Wen),
        Sli(Sli),
        Ack(Ack),
    },
    foreign {}
}

message! {
    /// Start-Control-Connection-Request (§6.1): opens a control connection.
    Sccrq<'a> {
        need host_name: HostName(&'a [u8]),
        need router_id: RouterId(u32),
        need assigned_connection: AssignedControlConnectionId(TunnelId),
        need pw_capabilities: PwCapabilities(PwTypes<'a>),
        may nonce: Nonce(&'a [u8]),
        may tie_breaker: TieBreaker([u8; 8]),
        may vendor_name: VendorName(&'a [u8]),
        may receive_window: ReceiveWindowSize(u16),
        may preferred_language: PreferredLanguage(&'a [u8]),
        flag ecn: EcnCapability(()),
    }
}

message! {
    /// Start-Control-Connection-Reply (§6.2): accepts a control connection.
    Sccrp<'a> {
        need host_name: HostName(&'a [u8]),
        need router_id: RouterId(u32),
        need assigned_connection: AssignedControlConnectionId(TunnelId),
        need pw_capabilities: PwCapabilities(PwTypes<'a>),
        may nonce: Nonce(&'a [u8]),
        may vendor_name: VendorName(&'a [u8]),
        may receive_window: ReceiveWindowSize(u16),
        may preferred_language: PreferredLanguage(&'a [u8]),
        flag ecn: EcnCapability(()),
    }
}

message! {
    /// Start-Control-Connection-Connected (§6.3): completes a control connection.
    Scccn {}
}

message! {
    /// Stop-Control-Connection-Notification (§6.4): ends a control connection and its sessions.
    StopCcn<'a> {
        need reason: ResultCode(Reason<'a>),
        may assigned_connection: AssignedControlConnectionId(TunnelId),
    }
}

message! {
    /// Hello (§6.5): asks for an acknowledgement.
    Hello {}
}

message! {
    /// Incoming-Call-Request (§6.6): offers a session.
    Icrq<'a> {
        need local_session: LocalSessionId(SessionId),
        need remote_session: RemoteSessionId(SessionId),
        need serial_number: CallSerialNumber(u32),
        need pw_type: PwType(PwType),
        need remote_end: RemoteEndId(&'a [u8]),
        need circuit_status: CircuitStatus(CircuitStatus),
        may cookie: AssignedCookie(Cookie),
        may tie_breaker: TieBreaker([u8; 8]),
        may sublayer: L2SpecificSublayer(SublayerType),
        may data_sequencing: DataSequencing(DataSequencing),
        may tx_speed: TxConnectSpeed64(u64),
        may rx_speed: RxConnectSpeed64(u64),
        may physical_channel: PhysicalChannelId(u32),
    }
}

message! {
    /// Incoming-Call-Reply (§6.7): accepts a session.
    Icrp {
        need local_session: LocalSessionId(SessionId),
        need remote_session: RemoteSessionId(SessionId),
        need circuit_status: CircuitStatus(CircuitStatus),
        may cookie: AssignedCookie(Cookie),
        may sublayer: L2SpecificSublayer(SublayerType),
        may data_sequencing: DataSequencing(DataSequencing),
        may tx_speed: TxConnectSpeed64(u64),
        may rx_speed: RxConnectSpeed64(u64),
        may physical_channel: PhysicalChannelId(u32),
    }
}

message! {
    /// Incoming-Call-Connected (§6.8): completes a session.
    Iccn {
        need local_session: LocalSessionId(SessionId),
        need remote_session: RemoteSessionId(SessionId),
        may sublayer: L2SpecificSublayer(SublayerType),
        may data_sequencing: DataSequencing(DataSequencing),
        may tx_speed: TxConnectSpeed64(u64),
        may rx_speed: RxConnectSpeed64(u64),
        may circuit_status: CircuitStatus(CircuitStatus),
    }
}

message! {
    /// Outgoing-Call-Request (§6.9): asks for a session to be established from the other side.
    Ocrq<'a> {
        need local_session: LocalSessionId(SessionId),
        need remote_session: RemoteSessionId(SessionId),
        need serial_number: CallSerialNumber(u32),
        need pw_type: PwType(PwType),
        need remote_end: RemoteEndId(&'a [u8]),
        need circuit_status: CircuitStatus(CircuitStatus),
        may cookie: AssignedCookie(Cookie),
        may tx_speed: TxConnectSpeed64(u64),
        may rx_speed: RxConnectSpeed64(u64),
        may tie_breaker: TieBreaker([u8; 8]),
        may sublayer: L2SpecificSublayer(SublayerType),
        may data_sequencing: DataSequencing(DataSequencing),
    }
}

message! {
    /// Outgoing-Call-Reply (§6.10): tries to establish what was asked for.
    Ocrp {
        need local_session: LocalSessionId(SessionId),
        need remote_session: RemoteSessionId(SessionId),
        need circuit_status: CircuitStatus(CircuitStatus),
        may cookie: AssignedCookie(Cookie),
        may sublayer: L2SpecificSublayer(SublayerType),
        may tx_speed: TxConnectSpeed64(u64),
        may rx_speed: RxConnectSpeed64(u64),
        may data_sequencing: DataSequencing(DataSequencing),
        may physical_channel: PhysicalChannelId(u32),
    }
}

message! {
    /// Outgoing-Call-Connected (§6.11): what was asked for is established.
    Occn {
        need local_session: LocalSessionId(SessionId),
        need remote_session: RemoteSessionId(SessionId),
        may sublayer: L2SpecificSublayer(SublayerType),
        may tx_speed: TxConnectSpeed64(u64),
        may rx_speed: RxConnectSpeed64(u64),
        may data_sequencing: DataSequencing(DataSequencing),
        may circuit_status: CircuitStatus(CircuitStatus),
    }
}

message! {
    /// Call-Disconnect-Notify (§6.12): ends a session.
    Cdn<'a> {
        need reason: ResultCode(Reason<'a>),
        need local_session: LocalSessionId(SessionId),
        need remote_session: RemoteSessionId(SessionId),
        may disconnect_cause: PppDisconnectCause(DisconnectCause<'a>),
    }
}

message! {
    /// WAN-Error-Notify (§6.13): errors of the circuit.
    Wen {
        need local_session: LocalSessionId(SessionId),
        need remote_session: RemoteSessionId(SessionId),
        need circuit_errors: CallErrors(CallErrors),
    }
}

message! {
    /// Set-Link-Info (§6.14): the state of the circuit.
    Sli {
        need local_session: LocalSessionId(SessionId),
        need remote_session: RemoteSessionId(SessionId),
        may circuit_status: CircuitStatus(CircuitStatus),
    }
}

message! {
    /// Explicit-Acknowledgement (§6.15): like a zero-length body, but one that can be authentic.
    Ack {}
}

impl<'a> Sccrq<'a> {
    /// The offer to speak version 3 in the `avps` of an SCCRQ of version 2; `None` when it makes
    /// none (RFC 3931 §4.7.3). What is of version 2 alone is ignored.
    pub fn offered(
        avps: &'a [u8],
        quirks: Quirks,
    ) -> Result<Option<Decoded<Sccrq<'a>>>, MessageError> {
        let offer = AvpName::from(Attribute::AssignedControlConnectionId);
        let mut all = walk(avps).map_while(Result::ok);
        if !all.any(|avp| avp.name() == offer) {
            return Ok(None);
        }
        match Message::decode(avps, quirks)? {
            Decoded {
                message: Message::Sccrq(message),
                ignored,
            } => Ok(Some(Decoded { message, ignored })),
            _ => Ok(None),
        }
    }

    /// Appends to `out`, which holds an SCCRQ of version 2, the offer to speak version 3: what
    /// version 2 does not have, with the M bits clear (RFC 3931 §4.7.3).
    pub fn encode_offer(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut octets = Vec::new();
        self.put(&mut AvpWriter::new(&mut octets, Version::V2))?;
        for avp in walk(&octets).map_while(Result::ok) {
            let attribute = Attribute::from_name(avp.name());
            let shared = super::v2::Message::avps(MessageKind::Sccrq);
            if shared.iter().any(|(one, _)| Some(*one) == attribute) {
                continue;
            }
            // It was written with the same length a moment ago.
            let _ = write_raw(out, avp.mandatory, false, avp.name(), avp.value);
        }
        Ok(())
    }
}
