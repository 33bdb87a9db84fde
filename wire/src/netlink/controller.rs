//! The controller of generic netlink, `nlctrl`: how a program finds the family `l2tp`, and what it
//! is told of it.

use super::walk::walk;
use super::{Attr, Command, FAMILY_ID, FAMILY_NAME, FAMILY_VERSION, Frame, Writer, flag};
use alloc::vec::Vec;

/// The controller's message type (GENL_ID_CTRL).
pub const KIND: u16 = 0x10;
/// The number of the family's multicast group; the kernel numbers its own from 1 on.
pub const GROUP_ID: i32 = 0x7e57;
/// The name of the family's multicast group.
pub const GROUP_NAME: &str = "l2tp";

/// The controller's version, which its messages carry.
const VERSION: u8 = 2;

/// Commands of `linux/genetlink.h`.
mod command {
    pub(super) const NEW_FAMILY: u8 = 1;
    pub(super) const GET_FAMILY: u8 = 3;
    pub(super) const GET_POLICY: u8 = 10;
}

/// Attributes of `linux/genetlink.h`.
mod attr {
    pub(super) const FAMILY_ID: u16 = 1;
    pub(super) const FAMILY_NAME: u16 = 2;
    pub(super) const VERSION: u16 = 3;
    pub(super) const HEADER_SIZE: u16 = 4;
    pub(super) const HIGHEST_ATTR: u16 = 5;
    pub(super) const OPERATIONS: u16 = 6;
    pub(super) const GROUPS: u16 = 7;
    pub(super) const POLICY: u16 = 8;
    pub(super) const OPERATION_POLICY: u16 = 9;
    pub(super) const OPERATION: u16 = 10;
    pub(super) const POLICY_DO: u16 = 1;
    pub(super) const OPERATION_ID: u16 = 1;
    pub(super) const OPERATION_FLAGS: u16 = 2;
    pub(super) const GROUP_NAME: u16 = 1;
    pub(super) const GROUP_ID: u16 = 2;
}

/// Flags of an operation in `linux/genetlink.h`.
mod can {
    pub(super) const DO: u32 = 2;
    pub(super) const DUMP: u32 = 4;
    pub(super) const HAS_POLICY: u32 = 8;
    pub(super) const NEEDS_ADMIN: u32 = 16;
}

/// A question to the controller that the family `l2tp` belongs into the answer of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// Of this family alone.
    Family,
    /// Of all families.
    All,
    /// Of what the family's attributes may be: of this command's, or of all.
    Policy(Option<u32>),
}

impl Lookup {
    /// What a message to the controller asks; `None` for what does not concern the family.
    pub fn read(frame: &Frame<'_>) -> Option<Lookup> {
        let (command, _, attributes) = frame.genl()?;
        if frame.kind != KIND {
            return None;
        }
        let is_dump = frame.flags & flag::DUMP == flag::DUMP;
        match command {
            command::GET_FAMILY if is_dump => Some(Lookup::All),
            command::GET_FAMILY => names_it(attributes).then_some(Lookup::Family),
            command::GET_POLICY if is_dump && names_it(attributes) => {
                let mut operations = walk(attributes).filter(|(kind, _)| *kind == attr::OPERATION);
                let operation = operations.next().and_then(|(_, value)| value.first_chunk());
                Some(Lookup::Policy(operation.copied().map(u32::from_ne_bytes)))
            }
            _ => None,
        }
    }
}

/// Whether attributes name the family, by a whole name or by its id.
fn names_it(attributes: &[u8]) -> bool {
    let (mut by_id, mut by_name) = (None, None);
    for (number, value) in walk(attributes) {
        match number {
            attr::FAMILY_ID => by_id = value.first_chunk().copied(),
            attr::FAMILY_NAME => by_name = Some(value),
            _ => {}
        }
    }
    // Where both are given, Linux goes by the name. One without an end is the kernel's to refuse.
    match by_name {
        Some(name) => name.strip_suffix(&[0]) == Some(FAMILY_NAME.as_bytes()),
        None => by_id.map(u16::from_ne_bytes) == Some(FAMILY_ID),
    }
}

/// NLA_F_NESTED of `linux/netlink.h`.
pub(super) const NESTED: u16 = 0x8000;

/// Types and limits of attributes in `linux/netlink.h`.
mod limit {
    pub(super) const TYPE: u16 = 1;
    pub(super) const LEAST: u16 = 4;
    pub(super) const MOST: u16 = 5;
    pub(super) const MOST_OCTETS: u16 = 7;
    pub(super) const U8: u32 = 2;
    pub(super) const U16: u32 = 3;
    pub(super) const U32: u32 = 4;
    pub(super) const U64: u32 = 5;
    pub(super) const BINARY: u32 = 10;
    pub(super) const STRING: u32 = 12;
    pub(super) const NEST: u32 = 13;
}

const U8: [Attr; 9] = [
    Attr::DataSeq,
    Attr::L2specType,
    Attr::L2specLen,
    Attr::ProtoVersion,
    Attr::UdpCsum,
    Attr::RecvSeq,
    Attr::SendSeq,
    Attr::LnsMode,
    Attr::UsingIpsec,
];
const U16: [Attr; 8] = [
    Attr::PwType,
    Attr::EncapType,
    Attr::Offset,
    Attr::VlanId,
    Attr::UdpSport,
    Attr::UdpDport,
    Attr::Mtu,
    Attr::Mru,
];
const U32: [Attr; 8] = [
    Attr::ConnId,
    Attr::PeerConnId,
    Attr::SessionId,
    Attr::PeerSessionId,
    Attr::Debug,
    Attr::Fd,
    Attr::IpSaddr,
    Attr::IpDaddr,
];

/// What Linux's policy says of an attribute; nothing of some, and of Adit's own.
pub(super) fn policy(attr: Attr) -> Option<Writer> {
    let number = |kind: u32, most: u64| {
        Writer::nest()
            .raw(limit::LEAST, &0u64.to_ne_bytes())
            .raw(limit::MOST, &most.to_ne_bytes())
            .raw(limit::TYPE, &kind.to_ne_bytes())
    };
    let octets = |kind: u32, most: u32| {
        Writer::nest()
            .raw(limit::MOST_OCTETS, &most.to_ne_bytes())
            .raw(limit::TYPE, &kind.to_ne_bytes())
    };
    let is = |kind: &[Attr]| kind.contains(&attr);
    if is(&U8) {
        Some(number(limit::U8, u8::MAX.into()))
    } else if is(&U16) {
        Some(number(limit::U16, u16::MAX.into()))
    } else if is(&U32) {
        Some(number(limit::U32, u32::MAX.into()))
    } else if is(&[Attr::RecvTimeout]) {
        Some(number(limit::U64, u64::MAX))
    } else if is(&[Attr::Ifname]) {
        Some(octets(limit::STRING, 15))
    } else if is(&[Attr::Cookie, Attr::PeerCookie]) {
        Some(octets(limit::BINARY, 8))
    } else if is(&[Attr::Ip6Saddr, Attr::Ip6Daddr]) {
        Some(octets(limit::BINARY, 16))
    } else if is(&[Attr::Stats]) {
        Some(Writer::nest().raw(limit::TYPE, &limit::NEST.to_ne_bytes()))
    } else {
        None
    }
}

/// The answer to [`Lookup::Policy`]: a message for the command, or each command, another for each
/// attribute, and the end.
pub fn policies(command: Option<u32>, seq: u32, portid: u32) -> Vec<Vec<u8>> {
    let message = || {
        Writer::plain(KIND, flag::MULTI, seq, portid)
            .generic(command::GET_POLICY, VERSION)
            .raw(attr::FAMILY_ID, &FAMILY_ID.to_ne_bytes())
    };
    let asked = |it: &&Command| command.is_none_or(|command| command == it.number().into());
    let commands = Command::ALL.iter().filter(|it| it.is_linux()).filter(asked);
    let commands = commands.map(|command| {
        let policy = Writer::nest().raw(attr::POLICY_DO, &0u32.to_ne_bytes());
        let number = u16::from(command.number()) | NESTED;
        let nest = Writer::nest().raw(number, &policy.into_octets());
        message()
            .raw(attr::OPERATION_POLICY | NESTED, &nest.into_octets())
            .finish()
    });
    let limits = Attr::ALL.iter().filter_map(|attr| {
        let one = Writer::nest().raw(attr.number() | NESTED, &policy(*attr)?.into_octets());
        let nest = Writer::nest().raw(NESTED, &one.into_octets());
        let writer = message().raw(attr::POLICY | NESTED, &nest.into_octets());
        Some(writer.finish())
    });
    let end = Writer::done(seq, portid).finish();
    commands.chain(limits).chain([end]).collect()
}

/// The family, as the controller tells of it: alone, or as `multi` among others.
pub fn family(multi: bool, seq: u32, portid: u32) -> Vec<u8> {
    let flags = if multi { flag::MULTI } else { 0 };
    let group = Writer::nest()
        .raw(attr::GROUP_ID, &GROUP_ID.to_ne_bytes())
        .raw_string(attr::GROUP_NAME, GROUP_NAME);
    Writer::plain(KIND, flags, seq, portid)
        .generic(command::NEW_FAMILY, VERSION)
        .raw_string(attr::FAMILY_NAME, FAMILY_NAME)
        .raw(attr::FAMILY_ID, &FAMILY_ID.to_ne_bytes())
        .raw(attr::VERSION, &u32::from(FAMILY_VERSION).to_ne_bytes())
        .raw(attr::HEADER_SIZE, &0u32.to_ne_bytes())
        .raw(
            attr::HIGHEST_ATTR,
            &u32::from(Attr::Pad.number()).to_ne_bytes(),
        )
        .raw(attr::OPERATIONS, &operations().into_octets())
        .raw(
            attr::GROUPS,
            &Writer::nest().raw(1, &group.into_octets()).into_octets(),
        )
        .finish()
}

/// The commands of Linux's family, numbered from 1 on.
fn operations() -> Writer {
    let commands = Command::ALL.iter().filter(|command| command.is_linux());
    (1..)
        .zip(commands)
        .fold(Writer::nest(), |nest, (index, command)| {
            let operation = Writer::nest()
                .raw(
                    attr::OPERATION_ID,
                    &u32::from(command.number()).to_ne_bytes(),
                )
                .raw(attr::OPERATION_FLAGS, &capabilities(*command).to_ne_bytes());
            nest.raw(index, &operation.into_octets())
        })
}

fn capabilities(command: Command) -> u32 {
    let common = can::DO | can::HAS_POLICY;
    match command {
        Command::Noop => common,
        Command::TunnelGet | Command::SessionGet => common | can::DUMP | can::NEEDS_ADMIN,
        Command::TunnelCreate
        | Command::TunnelDelete
        | Command::TunnelModify
        | Command::SessionCreate
        | Command::SessionDelete
        | Command::SessionModify
        | Command::Reload
        | Command::Start
        | Command::Stop
        | Command::Drain
        | Command::ConnectionGet
        | Command::ControlGet => common | can::NEEDS_ADMIN,
    }
}
