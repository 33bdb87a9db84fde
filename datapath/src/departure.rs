use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Tells when the devices of removed sessions are gone, and their names free. A future, which may be
/// awaited on any executor; the default one stands for no device.
#[derive(Debug, Clone, Default)]
pub struct Departure(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    gone: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Devices that are still there.
    left: usize,
    wakers: Vec<Waker>,
}

impl Departure {
    /// One device more will go.
    pub(crate) fn expect(&self) {
        self.waiting().left += 1;
    }

    /// One of them is gone.
    pub(crate) fn note(&self) {
        let mut waiting = self.waiting();
        waiting.left = waiting.left.saturating_sub(1);
        if waiting.left == 0 {
            waiting.wakers.drain(..).for_each(Waker::wake);
            self.0.gone.notify_all();
        }
    }

    /// Returns when the devices are gone.
    pub fn wait(&self) {
        let left = |waiting: &mut Waiting| waiting.left > 0;
        let waited = self.0.gone.wait_while(self.waiting(), left);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Departure {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.waiting();
        if waiting.left == 0 {
            return Poll::Ready(());
        }
        let waker = context.waker();
        if !waiting.wakers.iter().any(|other| other.will_wake(waker)) {
            waiting.wakers.push(waker.clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
