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
}

impl Lookup {
    /// What a message to the controller asks; `None` for what does not concern the family.
    pub fn read(frame: &Frame<'_>) -> Option<Lookup> {
        let (command, _, attributes) = frame.genl()?;
        if frame.kind != KIND || command != command::GET_FAMILY {
            return None;
        }
        if frame.flags & flag::DUMP == flag::DUMP {
            return Some(Lookup::All);
        }
        let (mut by_id, mut by_name) = (None, None);
        for (number, value) in walk(attributes) {
            match number {
                attr::FAMILY_ID => by_id = value.first_chunk().copied(),
                attr::FAMILY_NAME => by_name = value.split(|octet| *octet == 0).next(),
                _ => {}
            }
        }
        // Where both are given, Linux goes by the name.
        let found = match by_name {
            Some(name) => name == FAMILY_NAME.as_bytes(),
            None => by_id.map(u16::from_ne_bytes) == Some(FAMILY_ID),
        };
        found.then_some(Lookup::Family)
    }
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
        | Command::Drain => common | can::NEEDS_ADMIN,
    }
}
