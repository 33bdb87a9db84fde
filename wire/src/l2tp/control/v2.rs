//! The messages of L2TPv2 (RFC 2661 §6), with the AVPs that later RFCs add to them.

use super::super::avp::*;
use super::reading::Reading;
use super::table::{Body, Presence};
use super::{Decoded, Ignored, MessageError, MessageKind, Oddity, Quirks};
use crate::l2tp::{SessionId, TunnelId, Version};
use alloc::vec::Vec;

messages! {
    V2,
    {
        Sccrq(Sccrq<'a>),
        Sccrp(Sccrp<'a>),
        Scccn(Scccn),
        StopCcn(StopCcn<'a>),
        Hello(Hello),
        Ocrq(Ocrq<'a>),
        Ocrp(Ocrp),
        Occn(Occn<'a>),
        Icrq(Icrq<'a>),
        Icrp(Icrp),
        Iccn(Iccn<'a>),
        Cdn(Cdn<'a>),
        Wen(Wen),
        Sli(Sli<'a>),
    },
    foreign { Ack }
}

message! {
    /// Start-Control-Connection-Request (§6.1): opens a tunnel.
    Sccrq<'a> {
        need protocol_version: ProtocolVersion(ProtocolVersion),
        need host_name: HostName(&'a [u8]),
        need framing_capabilities: FramingCapabilities(Framings),
        need assigned_tunnel: AssignedTunnelId(TunnelId),
        may bearer_capabilities: BearerCapabilities(Bearers),
        may receive_window: ReceiveWindowSize(u16),
        may challenge: Challenge(&'a [u8]),
        may tie_breaker: TieBreaker([u8; 8]),
        may firmware_revision: FirmwareRevision(u16),
        may vendor_name: VendorName(&'a [u8]),
        may diffserv: ControlConnectionDs(u16),
        flag ecn: EcnCapability(()),
    }
}

message! {
    /// Start-Control-Connection-Reply (§6.2): accepts a tunnel.
    Sccrp<'a> {
        need protocol_version: ProtocolVersion(ProtocolVersion),
        need framing_capabilities: FramingCapabilities(Framings),
        need host_name: HostName(&'a [u8]),
        need assigned_tunnel: AssignedTunnelId(TunnelId),
        may bearer_capabilities: BearerCapabilities(Bearers),
        may firmware_revision: FirmwareRevision(u16),
        may vendor_name: VendorName(&'a [u8]),
        may receive_window: ReceiveWindowSize(u16),
        may challenge: Challenge(&'a [u8]),
        may challenge_response: ChallengeResponse([u8; 16]),
        may diffserv: ControlConnectionDs(u16),
        flag ecn: EcnCapability(()),
    }
}

message! {
    /// Start-Control-Connection-Connected (§6.3): completes a tunnel.
    Scccn {
        may challenge_response: ChallengeResponse([u8; 16]),
    }
}

message! {
    /// Stop-Control-Connection-Notification (§6.4): ends a tunnel and its sessions.
    StopCcn<'a> {
        need assigned_tunnel: AssignedTunnelId(TunnelId),
        need reason: ResultCode(Reason<'a>),
    }
}

message! {
    /// Hello (§6.5): asks for an acknowledgement.
    Hello {}
}

message! {
    /// Incoming-Call-Request (§6.6): the LAC offers a session.
    Icrq<'a> {
        need assigned_session: AssignedSessionId(SessionId),
        need serial_number: CallSerialNumber(u32),
        may bearer_type: BearerType(Bearers),
        may physical_channel: PhysicalChannelId(u32),
        may calling_number: CallingNumber(&'a [u8]),
        may called_number: CalledNumber(&'a [u8]),
        may sub_address: SubAddress(&'a [u8]),
        may service_category: ServiceCategory(u16),
        may service_name: ServiceName(&'a [u8]),
        may calling_sub_address: CallingSubAddress([u8; 20]),
        may vpi_vci: VpiVci(u32),
        may diffserv: SessionDs(u16),
    }
}

message! {
    /// Incoming-Call-Reply (§6.7): the LNS accepts a session.
    Icrp {
        need assigned_session: AssignedSessionId(SessionId),
        may diffserv: SessionDs(u16),
    }
}

message! {
    /// Incoming-Call-Connected (§6.8): completes a session.
    Iccn<'a> {
        need tx_speed: TxConnectSpeed(u32),
        need framing_type: FramingType(Framings),
        may initial_received_confreq: InitialReceivedLcpConfreq(&'a [u8]),
        may last_sent_confreq: LastSentLcpConfreq(&'a [u8]),
        may last_received_confreq: LastReceivedLcpConfreq(&'a [u8]),
        may proxy_authen_type: ProxyAuthenType(AuthenType),
        may proxy_authen_name: ProxyAuthenName(&'a [u8]),
        may proxy_authen_challenge: ProxyAuthenChallenge(&'a [u8]),
        may proxy_authen_id: ProxyAuthenId(u8),
        may proxy_authen_response: ProxyAuthenResponse(&'a [u8]),
        may private_group: PrivateGroupId(&'a [u8]),
        may rx_speed: RxConnectSpeed(u32),
        flag sequencing_required: SequencingRequired(()),
        may lcp_want_options: LcpWantOptions(&'a [u8]),
        may lcp_allow_options: LcpAllowOptions(&'a [u8]),
    }
}

message! {
    /// Outgoing-Call-Request (§6.9): the LNS asks for a call to be placed.
    Ocrq<'a> {
        need assigned_session: AssignedSessionId(SessionId),
        need serial_number: CallSerialNumber(u32),
        need minimum_bps: MinimumBps(u32),
        need maximum_bps: MaximumBps(u32),
        need bearer_type: BearerType(Bearers),
        need framing_type: FramingType(Framings),
        need called_number: CalledNumber(&'a [u8]),
        may sub_address: SubAddress(&'a [u8]),
        may rx_minimum_bps: RxMinimumBps(u32),
        may rx_maximum_bps: RxMaximumBps(u32),
        may service_category: ServiceCategory(u16),
        may service_name: ServiceName(&'a [u8]),
        may diffserv: SessionDs(u16),
    }
}

message! {
    /// Outgoing-Call-Reply (§6.10): the LAC tries to place the call.
    Ocrp {
        need assigned_session: AssignedSessionId(SessionId),
        may physical_channel: PhysicalChannelId(u32),
        may vpi_vci: VpiVci(u32),
        may diffserv: SessionDs(u16),
    }
}

message! {
    /// Outgoing-Call-Connected (§6.11): the call was placed.
    Occn<'a> {
        need tx_speed: TxConnectSpeed(u32),
        need framing_type: FramingType(Framings),
        may rx_speed: RxConnectSpeed(u32),
        flag sequencing_required: SequencingRequired(()),
        may lcp_want_options: LcpWantOptions(&'a [u8]),
        may lcp_allow_options: LcpAllowOptions(&'a [u8]),
    }
}

message! {
    /// Call-Disconnect-Notify (§6.12): ends a session.
    Cdn<'a> {
        need reason: ResultCode(Reason<'a>),
        need assigned_session: AssignedSessionId(SessionId),
        may q931_cause: Q931Cause(Q931Cause<'a>),
        may disconnect_cause: PppDisconnectCause(DisconnectCause<'a>),
    }
}

message! {
    /// WAN-Error-Notify (§6.13): errors of the call's circuit.
    Wen {
        need call_errors: CallErrors(CallErrors),
    }
}

message! {
    /// Set-Link-Info (§6.14): what PPP agreed on.
    Sli<'a> {
        need accm: Accm(Accm),
        may last_sent_confreq: LnsLastSentLcpConfreq(&'a [u8]),
        may last_received_confreq: LnsLastReceivedLcpConfreq(&'a [u8]),
    }
}
