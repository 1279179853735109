//! The queue of those who wait for a breaker.
//!
//! Only the first in the queue looks at the breaker, sleeps until the time that it gives,
//! and is told when it changes. The lock that makes it the first goes to the next in the
//! queue when it leaves, admitted or cancelled. So there is one timer, and who looks first
//! is served first.

pub(crate) mod asking;
pub(crate) mod front;

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{FairMutex, FairMutexGuard, Notify};

use self::front::Front;

/// Those who wait for a breaker.
#[derive(Debug)]
pub(crate) struct Waiters {
    front: FairMutex<Front>,
    /// Wakes the first.
    changed: Notify,
    /// How many there are, the first included.
    count: AtomicUsize,
    /// How many have come since the first last counted them.
    arrived: AtomicUsize,
}

/// One that waits. Dropped when it no longer does.
pub(crate) struct Waiting<'a>(&'a Waiters);

impl Waiters {
    pub(crate) fn new() -> Self {
        Self {
            front: FairMutex::new(Front::default()),
            changed: Notify::new(),
            count: AtomicUsize::new(0),
            arrived: AtomicUsize::new(0),
        }
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Joins the queue.
    pub(crate) fn join(&self) -> Waiting<'_> {
        self.arrived.fetch_add(1, Ordering::Relaxed);
        if self.count.fetch_add(1, Ordering::Relaxed) > 0 {
            // One more call is offered to a ramp.
            self.wake();
        }
        Waiting(self)
    }

    /// Lets the first look at the breaker again. If there is none, or it does not sleep
    /// yet, it looks again before it sleeps.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }
}

impl Waiting<'_> {
    /// Becomes the first in the queue, when all that came before have left.
    pub(crate) async fn first(&self) -> FairMutexGuard<'_, Front> {
        self.0.front.lock().await
    }

    /// For the first: waits until [`Waiters::wake`] was called, since this last returned.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// For the first: how many have come to wait since this was last called.
    pub(crate) fn arrived(&self) -> usize {
        self.0.arrived.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}
