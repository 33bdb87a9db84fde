use super::Reply;
use super::asked::Asked;
use super::caller::Caller;
use super::ip::IpSocket;
use super::netlink::NetlinkSocket;
use super::ppp::PppFile;
use super::pppox::PppoxSocket;
use adit_wire::netlink::Errno;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a program's socket stands for.
#[derive(Clone)]
pub(super) enum Object {
    /// A generic-netlink socket.
    Netlink(Rc<NetlinkSocket>),
    /// A PPPoL2TP socket.
    Pppox(Rc<PppoxSocket>),
    /// An open `/dev/ppp`.
    Ppp(Rc<PppFile>),
    /// A socket of protocol 115.
    Ip(Rc<IpSocket>),
}

impl Object {
    /// Answers a call on the object.
    pub(super) async fn answer(&self, caller: &Caller<'_>, asked: Asked) -> Result<Reply, Errno> {
        match self {
            Object::Netlink(socket) => socket.answer(caller, asked).await,
            Object::Pppox(socket) => socket.answer(caller, asked).await,
            Object::Ppp(file) => file.answer(caller, asked).await,
            Object::Ip(socket) => socket.answer(caller, asked).await,
        }
    }
}

/// The objects that programs have, by the inode of the end they hold.
#[derive(Default, Clone)]
pub(super) struct Objects {
    known: Rc<RefCell<BTreeMap<u64, Object>>>,
}

/// Keeps an object known; dropped, it is forgotten.
pub(super) struct Known {
    inode: u64,
    known: Rc<RefCell<BTreeMap<u64, Object>>>,
}

impl Objects {
    pub(super) fn is_empty(&self) -> bool {
        self.known.borrow().is_empty()
    }

    pub(super) fn get(&self, inode: u64) -> Option<Object> {
        self.known.borrow().get(&inode).cloned()
    }

    /// Makes `object` known by `inode`.
    pub(super) fn add(&self, inode: u64, object: Object) -> Known {
        self.known.borrow_mut().insert(inode, object);
        Known {
            inode,
            known: Rc::clone(&self.known),
        }
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        // Out of the table first: dropping an object may drop others that are known.
        let object = self.known.borrow_mut().remove(&self.inode);
        drop(object);
    }
}
