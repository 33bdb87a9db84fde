//! What is asked of a PPPoL2TP socket that the daemon knows.

use super::PppoxAddress;
use super::PppoxSocket;
use crate::protocol::{Ask, Say, SocketAsk};
use crate::supervisor::caller::Caller;
use crate::supervisor::requests;
use adit_wire::netlink::Errno;

/// SOL_PPPOL2TP of `linux/socket.h`.
const SOL_PPPOL2TP: i32 = 273;
const ENOTTY: Errno = Errno(libc::ENOTTY);
const EFAULT: Errno = Errno(libc::EFAULT);

/// Whether an address is one that a program may have memory at.
fn is_user_space(address: u64) -> bool {
    address >> 63 == 0
}

impl PppoxSocket {
    async fn ask(&self, ask: SocketAsk) -> Result<Say, Errno> {
        let (link, number) = self.connected()?;
        link.settle(Ask::Socket(number, ask), &[]).await
    }

    async fn number(&self, ask: SocketAsk) -> Result<i32, Errno> {
        let Say::Number(number) = self.ask(ask).await? else {
            return Err(Errno::EPROTO);
        };
        Ok(number as i32)
    }

    /// getsockname and getpeername, which tell the same.
    pub(super) async fn name(
        &self,
        caller: &Caller<'_>,
        address: u64,
        len: u64,
    ) -> Result<(), Errno> {
        let Say::Name(name) = self.ask(SocketAsk::Name).await? else {
            return Err(Errno::EPROTO);
        };
        let told = PppoxAddress {
            version: name.version,
            pid: self.owner.get(),
            fd: name.fd,
            ids: name.ids,
            peer: name.peer,
        };
        caller.write_sized(address, len, &told.write())
    }

    pub(super) async fn set_option(
        &self,
        caller: &Caller<'_>,
        level: i32,
        name: i32,
        value: u64,
        len: i32,
    ) -> Result<(), Errno> {
        if level != SOL_PPPOL2TP || len < 4 {
            return Err(Errno::EINVAL);
        }
        let value = i32::from_ne_bytes(caller.array(value)?);
        self.ask(SocketAsk::SetOption(name, value)).await.map(drop)
    }

    pub(super) async fn get_option(
        &self,
        caller: &Caller<'_>,
        level: i32,
        name: i32,
        value: u64,
        len: u64,
    ) -> Result<(), Errno> {
        let number = match (level, name) {
            // All of them read as streams, whatever type they were made with.
            (libc::SOL_SOCKET, libc::SO_TYPE) => libc::SOCK_STREAM,
            (libc::SOL_SOCKET, libc::SO_PROTOCOL) => super::PX_PROTO_OL2TP,
            (libc::SOL_SOCKET, libc::SO_DOMAIN) => libc::AF_PPPOX,
            (SOL_PPPOL2TP, name) => {
                if i32::from_ne_bytes(caller.array(len)?) < 0 {
                    return Err(Errno::EINVAL);
                }
                self.number(SocketAsk::Option(name)).await?
            }
            _ => return Err(Errno::EINVAL),
        };
        caller.write_option(value, len, number)
    }

    /// ioctl.
    pub(super) async fn control(
        &self,
        caller: &Caller<'_>,
        request: u32,
        argument: u64,
    ) -> Result<(), Errno> {
        match request {
            requests::GCHAN => {
                self.connected()?;
                // Only who can be told the index binds the socket by it.
                caller.array::<4>(argument).map_err(|_| Errno::EINVAL)?;
                let channel = self.number(SocketAsk::Channel).await?;
                let told = caller.write(argument, &channel.to_ne_bytes());
                told.map_err(|_| Errno::EINVAL)
            }
            requests::GMRU | requests::GFLAGS => {
                self.ask(SocketAsk::Accepts).await?;
                caller.write(argument, &[0; 4])
            }
            requests::SMRU | requests::SFLAGS => {
                self.ask(SocketAsk::Accepts).await?;
                // Nobody reads the word.
                is_user_space(argument).then_some(()).ok_or(EFAULT)
            }
            requests::GL2TPSTATS => self.counters(caller, argument).await,
            _ => Err(ENOTTY),
        }
    }

    /// PPPIOCGL2TPSTATS.
    async fn counters(&self, caller: &Caller<'_>, argument: u64) -> Result<(), Errno> {
        let Say::Name(name) = self.ask(SocketAsk::Name).await? else {
            return Err(Errno::EPROTO);
        };
        let session = match name.ids.is_management() {
            true => {
                let given: [u8; 4] = caller.array(argument)?;
                u16::from_ne_bytes([given[2], given[3]])
            }
            false => name.ids.session as u16,
        };
        let Say::Counters(counters) = self.ask(SocketAsk::Counters(session)).await? else {
            return Err(Errno::EPROTO);
        };
        let mut out = (name.ids.tunnel as u16).to_ne_bytes().to_vec();
        out.extend(session.to_ne_bytes());
        out.extend([0; 4]);
        counters
            .iter()
            .for_each(|one| out.extend(one.to_ne_bytes()));
        caller.write(argument, &out)
    }
}
