use crate::command::NsCommand;
use crate::sys;
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::resume_unwind;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// What the keeper is asked to start, and where its answer goes.
pub(crate) type Start = (Command, mpsc::Sender<io::Result<Child>>);

/// A network namespace that no name leads to.
///
/// A thread, its keeper, lives in it and gives birth to the namespace's processes. Dropping the
/// value ends the keeper and thereby kills those processes; the kernel removes the namespace and
/// every device in it when they are gone.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    file: File,
    /// `None` only while dropping, which is what ends the keeper.
    orders: Option<mpsc::Sender<Start>>,
    keeper: Option<JoinHandle<()>>,
}

impl Namespace {
    /// Makes an empty namespace with its loopback device up. `name` labels the keeper thread
    /// and messages, and need not be unique.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN: see [`crate::become_root`].
    pub fn new(name: &str) -> io::Result<Namespace> {
        let (orders, inbox) = mpsc::channel();
        let (made, outcome) = mpsc::channel();
        let keeper = thread::Builder::new()
            .name(format!("netns {name}"))
            .spawn(move || keep(&made, &inbox))?;
        let file = outcome.recv().map_err(|_| io::ErrorKind::BrokenPipe)??;
        let namespace = Namespace {
            name: name.to_owned(),
            file,
            orders: Some(orders),
            keeper: Some(keeper),
        };
        namespace.set_up("lo")?;
        Ok(namespace)
    }

    /// The label given to [`Namespace::new`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Refers to the namespace, for instance to move a link into it.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Runs `work` on a thread inside the namespace and waits for it. Sockets that `work` makes
    /// belong to the namespace for life, wherever they are used afterwards. Processes are
    /// started with [`Namespace::command`] instead.
    ///
    /// # Panics
    /// When `work` panics, or when the namespace cannot be entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            move_into_link_name_space(self.fd(), Some(LinkNameSpaceType::Network))
                .expect("this process made the namespace and so may enter it");
            work()
        };
        match thread::scope(|scope| scope.spawn(inside).join()) {
            Ok(value) => value,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// A process to start in the namespace.
    pub fn command(&self, program: impl AsRef<OsStr>) -> NsCommand {
        let orders = self.orders.clone();
        NsCommand::new(program.as_ref(), orders.expect("present until dropped"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(keeper) = self.keeper.take() {
            // A keeper that panicked has ended, which is all that is wanted here.
            let _ = keeper.join();
        }
    }
}

/// The keeper's life: makes the namespace, then starts processes until nobody can order more.
fn keep(made: &mpsc::Sender<io::Result<File>>, inbox: &mpsc::Receiver<Start>) {
    let file =
        sys::unshare(UnshareFlags::NEWNET).and_then(|()| File::open("/proc/thread-self/ns/net"));
    let alive = file.is_ok();
    if made.send(file).is_err() || !alive {
        return;
    }
    while let Ok((mut command, answer)) = inbox.recv() {
        // Who ordered and then left has lost interest in the answer.
        let _ = answer.send(command.spawn());
    }
}
