use super::*;
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Wake;
use std::thread;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn it_is_ready_once_the_last_device_is_gone() {
    let departure = Departure::default();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let context = &mut Context::from_waker(&waker);
    assert!(pin!(departure.clone()).poll(context).is_ready());
    departure.expect();
    departure.expect();
    for woken in [0, 1] {
        assert!(pin!(departure.clone()).poll(context).is_pending());
        assert_eq!(count.0.load(Relaxed), 0);
        departure.note();
        assert_eq!(count.0.load(Relaxed), woken);
    }
    assert!(pin!(departure).poll(context).is_ready());
}

#[test]
fn a_thread_may_wait_for_it() {
    let departure = Departure::default();
    departure.wait();
    departure.expect();
    thread::scope(|scope| {
        scope.spawn(|| departure.wait());
        departure.note();
    });
}
