use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Lets control go first. The kernel has one lock for all changes of devices, and to attach a program
/// or to detach it is to hold that lock for some 12 ms: threads that do so thousands of times stop in
/// between for as long as control is at something that takes the lock as often.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// How often it is closed.
    closed: Mutex<usize>,
    opened: Condvar,
}

/// A closed gate, which opens when this is dropped.
#[derive(Debug)]
pub(crate) struct Closed<'a>(&'a Gate);

impl Gate {
    /// Lets nobody pass for a while; who holds this must not wait for those who would.
    pub(crate) fn close(&self) -> Closed<'_> {
        *self.closed() += 1;
        Closed(self)
    }

    /// Waits while the gate is closed.
    pub(crate) fn pass(&self) {
        let passed = self
            .0
            .opened
            .wait_while(self.closed(), |closed| *closed > 0);
        drop(passed.unwrap_or_else(PoisonError::into_inner));
    }

    fn closed(&self) -> MutexGuard<'_, usize> {
        self.0.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        *self.0.closed() -= 1;
        self.0.0.opened.notify_all();
    }
}
