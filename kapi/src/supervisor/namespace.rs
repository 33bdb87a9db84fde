//! Network namespaces: L2TP's objects are per namespace, and a caller means its own.

use super::daemon::{Daemon, Link};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::rc::{Rc, Weak};
use tokio::sync::oneshot;

/// The namespaces in which programs have objects.
pub(super) struct Namespaces {
    daemon: Daemon,
    own: (u64, u64),
    known: RefCell<BTreeMap<(u64, u64), Weak<Namespace>>>,
}

impl Namespaces {
    pub(super) fn new(daemon: Daemon) -> io::Result<Namespaces> {
        Ok(Namespaces {
            daemon,
            own: identity(&File::open("/proc/self/ns/net")?)?,
            known: RefCell::default(),
        })
    }

    /// Whether programs are answered without what looks like accidents of Linux's.
    pub(super) fn are_strict(&self) -> bool {
        self.daemon.strict
    }

    /// The namespace that `file` names.
    pub(super) fn get(&self, file: File) -> io::Result<Rc<Namespace>> {
        let identity = identity(&file)?;
        let mut known = self.known.borrow_mut();
        if let Some(namespace) = known.get(&identity).and_then(Weak::upgrade) {
            return Ok(namespace);
        }
        known.retain(|_, namespace| namespace.strong_count() > 0);
        let namespace = Rc::new(Namespace {
            file,
            is_own: identity == self.own,
            daemon: self.daemon.clone(),
            link: RefCell::default(),
        });
        known.insert(identity, Rc::downgrade(&namespace));
        Ok(namespace)
    }
}

fn identity(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// A network namespace and the connection to its daemon.
pub(super) struct Namespace {
    file: File,
    is_own: bool,
    daemon: Daemon,
    link: RefCell<Option<Rc<Link>>>,
}

impl Namespace {
    /// Does `work` in the namespace, on a thread of its own: `work` may block, and that thread is
    /// the only one that leaves this process's namespace.
    pub(super) async fn within<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let target = match self.is_own {
            true => None,
            false => Some(self.file.try_clone()?),
        };
        let (done, outcome) = oneshot::channel();
        let body = move || {
            let entered = target.map_or(Ok(()), |target| enter(target.as_fd()));
            // Nobody waits any more when the program has ended.
            let _ = done.send(entered.and_then(|()| work()));
        };
        std::thread::Builder::new().spawn(body)?;
        outcome.await.map_err(|_| io::ErrorKind::BrokenPipe)?
    }

    /// The connection to the daemon; `None` when none answers.
    pub(super) async fn link(&self) -> Option<Rc<Link>> {
        if let Some(link) = self.living() {
            return Some(link);
        }
        let daemon = self.daemon.clone();
        match self.within(move || daemon.connect()).await {
            Ok(socket) => {
                // Another task may have connected meanwhile.
                if let Some(link) = self.living() {
                    return Some(link);
                }
                let link = Link::start(socket).ok()?;
                *self.link.borrow_mut() = Some(Rc::clone(&link));
                Some(link)
            }
            Err(err) => {
                tracing::debug!("no daemon: {err}");
                None
            }
        }
    }

    fn living(&self) -> Option<Rc<Link>> {
        let link = self.link.borrow();
        link.as_ref().filter(|link| !link.is_closed()).cloned()
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn enter(target: BorrowedFd<'_>) -> io::Result<()> {
    Ok(move_into_link_name_space(
        target,
        Some(LinkNameSpaceType::Network),
    )?)
}
