use super::Dialect;
use adit_datapath::Error;
use adit_wire::netlink::{Attributes, Command, Errno, FAMILY_ID, Frames, Remark, flag};

/// Octets in front of the attributes: the headers of netlink and of generic netlink.
const HEADERS: usize = 20;

/// A packet that holds one request of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is wanted.
    pub command: Command,
    /// Whether the whole table is wanted instead of one object.
    pub dump: bool,
    /// Whether success is to be acknowledged.
    pub ack: bool,
    /// Sequence number, which every answer repeats.
    pub seq: u32,
    /// Port id, which every answer repeats.
    pub portid: u32,
    /// By whose habits it is judged.
    pub dialect: Dialect,
    attributes: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads the packet's only message; its attributes stay unread until the sender's privilege
    /// is known.
    pub fn read(packet: &'a [u8]) -> Result<Request<'a>, Error> {
        Request::read_as(packet, Dialect::Adit)
    }

    /// As [`Request::read`], to be judged by the habits of `dialect`.
    pub fn read_as(packet: &'a [u8], dialect: Dialect) -> Result<Request<'a>, Error> {
        let refuse = |errno, text: &str| Error::new(errno, "message", text);
        let mut frames = Frames::new(packet);
        let frame = match (frames.next(), frames.next()) {
            (Some(Ok(frame)), None) => frame,
            (Some(Err(malformed)), _) => {
                return Err(refuse(Errno::EINVAL, &malformed.to_string()));
            }
            (None, _) => return Err(refuse(Errno::EINVAL, "is empty")),
            (Some(Ok(_)), Some(_)) => {
                return Err(refuse(
                    Errno::EINVAL,
                    "is followed by another; send one a packet",
                ));
            }
        };
        if frame.kind != FAMILY_ID {
            let text = format!("has type {}, not {FAMILY_ID}, the family's", frame.kind);
            return Err(refuse(Errno::ENOENT, &text));
        }
        let short = refuse(Errno::EINVAL, "ends inside its generic-netlink header");
        let (number, _, attributes) = frame.genl().ok_or(short)?;
        let known = |command: &Command| dialect == Dialect::Adit || command.is_linux();
        let command = Command::from_number(number).filter(known);
        let command = command.ok_or_else(|| unsupported(number))?;
        let dump = frame.flags & flag::DUMP == flag::DUMP;
        Ok(Request {
            command,
            dump,
            ack: frame.flags & flag::ACK != 0,
            seq: frame.seq,
            portid: frame.portid,
            dialect,
            attributes,
        })
    }

    /// Whether only CAP_NET_ADMIN may ask for this. Linux lets only NOOP pass without.
    pub fn needs_privilege(&self) -> bool {
        match self.command {
            Command::Noop | Command::ConnectionGet | Command::ControlGet => false,
            Command::TunnelGet | Command::SessionGet => self.dialect.is_linux(),
            Command::TunnelCreate
            | Command::TunnelDelete
            | Command::TunnelModify
            | Command::SessionCreate
            | Command::SessionDelete
            | Command::SessionModify
            | Command::Reload
            | Command::Start
            | Command::Stop
            | Command::Drain => true,
        }
    }

    /// Refuses a dump of what has none; Linux does so once it knows who asks.
    pub(super) fn servable(&self) -> Result<(), Error> {
        let all = match self.dialect {
            Dialect::Adit => {
                matches!(self.command, Command::ConnectionGet | Command::ControlGet)
            }
            Dialect::Linux | Dialect::Strict => false,
        };
        let all = all || matches!(self.command, Command::TunnelGet | Command::SessionGet);
        match self.dump && !all {
            true => Err(unsupported(self.command.number())),
            false => Ok(()),
        }
    }

    /// What Linux has to say about the attributes themselves.
    pub fn remark(&self) -> Option<Remark> {
        match Attributes::read_linux(self.attributes) {
            Err(refused) => Some(Remark::Policy {
                attr: refused.attr,
                offset: (HEADERS + refused.at) as u32,
            }),
            Ok(_) => Attributes::has_leftover(self.attributes).then_some(Remark::Leftover),
        }
    }

    /// The attributes, or the refusal of the first that its type does not admit.
    pub fn attributes(&self) -> Result<Attributes, Error> {
        let read = match self.dialect {
            Dialect::Adit => Attributes::read(self.attributes),
            Dialect::Linux | Dialect::Strict => Attributes::read_linux(self.attributes),
        };
        read.map_err(super::policy)
    }
}

fn unsupported(number: u8) -> Error {
    let text = format!("{number} is none that can be served that way");
    Error::new(Errno::EOPNOTSUPP, "command", text)
}
