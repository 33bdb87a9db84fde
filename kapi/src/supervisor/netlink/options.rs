//! Options of generic-netlink sockets.

use super::NetlinkSocket;
use crate::supervisor::Reply;
use crate::supervisor::caller::{Caller, errno};
use crate::sys::seccomp::Outcome;
use crate::sys::socket::{get_option, set_option};
use adit_wire::netlink::Errno;
use adit_wire::netlink::controller::GROUP_ID;
use std::rc::Rc;

/// Options of SOL_NETLINK in `linux/netlink.h`.
const ADD_MEMBERSHIP: i32 = 1;
const DROP_MEMBERSHIP: i32 = 2;
const CAP_ACK: i32 = 10;
const EXT_ACK: i32 = 11;

/// The most octets of an option's value that are looked at; none of SOL_NETLINK has more than an
/// int, apart from the list of memberships.
const VALUE_OCTETS: usize = 1024;

impl NetlinkSocket {
    /// Answers setsockopt.
    pub(super) async fn set_option(
        self: &Rc<Self>,
        caller: &Caller<'_>,
        level: i32,
        name: i32,
        value: u64,
        len: i32,
    ) -> Result<Reply, Errno> {
        if level != libc::SOL_NETLINK {
            return Ok(Reply::So(Outcome::Continue));
        }
        let octets = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
        let octets = caller.copy(value, octets.min(VALUE_OCTETS))?;
        let number = octets
            .first_chunk()
            .map(|octets| i32::from_ne_bytes(*octets));
        if let (ADD_MEMBERSHIP | DROP_MEMBERSHIP, Some(GROUP_ID)) = (name, number) {
            self.be_member(name == ADD_MEMBERSHIP).await;
            return Ok(Reply::So(Outcome::Value(0)));
        }
        set_option(&self.real, level, name, &octets).map_err(|err| errno(&err))?;
        let on = number.is_some_and(|number| number != 0);
        match name {
            CAP_ACK => self.capped.set(on),
            EXT_ACK => self.extended.set(on),
            _ => {}
        }
        Ok(Reply::So(Outcome::Value(0)))
    }

    /// Joins or leaves the family's group. Without a daemon there is nothing to hear.
    async fn be_member(self: &Rc<Self>, member: bool) {
        self.member.set(member);
        let Some(link) = self.namespace.link().await.filter(|_| member) else {
            return;
        };
        let link = Rc::downgrade(&link);
        if self.joined.replace(link.clone()).ptr_eq(&link) {
            return;
        }
        if let Some(link) = link.upgrade()
            && let Err(refused) = link.join(self).await
        {
            tracing::debug!("no notifications: {refused:?}");
        }
    }

    /// Is told of a notification to the family's group.
    pub(in crate::supervisor) fn hear(&self, message: &Rc<[u8]>) {
        if self.member.get() {
            self.deliver(Rc::clone(message));
        }
    }

    /// Answers getsockopt.
    pub(super) fn get_option(
        &self,
        caller: &Caller<'_>,
        level: i32,
        name: i32,
        value: u64,
        len: u64,
    ) -> Result<Reply, Errno> {
        let done = |()| Reply::So(Outcome::Value(0));
        let number = match (level, name) {
            (libc::SOL_SOCKET, libc::SO_TYPE) => self.kind,
            (libc::SOL_SOCKET, libc::SO_PROTOCOL) => libc::NETLINK_GENERIC,
            (libc::SOL_SOCKET, libc::SO_DOMAIN) => libc::AF_NETLINK,
            (libc::SOL_NETLINK, name) => {
                let room = i32::from_ne_bytes(caller.array(len)?);
                let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
                let mut octets = vec![0; room.min(VALUE_OCTETS)];
                let said = get_option(&self.real, libc::SOL_NETLINK, name, &mut octets);
                let said = said.map_err(|err| errno(&err))?;
                octets.truncate(said);
                caller.write(value, &octets)?;
                return caller.write(len, &(said as u32).to_ne_bytes()).map(done);
            }
            _ => return Ok(Reply::So(Outcome::Continue)),
        };
        caller.write_option(value, len, number).map(done)
    }
}
