//! Twins of tokio's `Mutex` and `Notify`, made of shuttle's own semaphore.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use shuttle::future::batch_semaphore::{BatchSemaphore, Fairness};

pub(crate) struct FairMutex<T> {
    turn: BatchSemaphore,
    /// `None` while it is locked. Not a model's mutex: it orders nothing, and nobody waits
    /// for it.
    value: Mutex<Option<T>>,
}

pub(crate) struct FairMutexGuard<'a, T> {
    value: Option<T>,
    of: &'a FairMutex<T>,
}

const LOCKED: &str = "who has the turn has the value";

impl<T> FairMutex<T> {
    pub(crate) fn new(value: T) -> Self {
        let turn = BatchSemaphore::new(1, Fairness::StrictlyFair);
        Self { turn, value: Mutex::new(Some(value)) }
    }

    pub(crate) async fn lock(&self) -> FairMutexGuard<'_, T> {
        self.turn.acquire(1).await.expect("nobody closes it");
        FairMutexGuard { value: self.replace(None), of: self }
    }

    fn replace(&self, value: Option<T>) -> Option<T> {
        std::mem::replace(&mut *self.value.lock().unwrap_or_else(PoisonError::into_inner), value)
    }
}

impl<T> Drop for FairMutexGuard<'_, T> {
    fn drop(&mut self) {
        self.of.replace(self.value.take());
        self.of.turn.release(1);
    }
}

impl<T> Deref for FairMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect(LOCKED)
    }
}

impl<T> DerefMut for FairMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect(LOCKED)
    }
}

impl<T> fmt::Debug for FairMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FairMutex")
    }
}

/// For one task at a time that waits.
pub(crate) struct Notify(BatchSemaphore);

impl Notify {
    pub(crate) fn new() -> Self {
        Self(BatchSemaphore::new(0, Fairness::StrictlyFair))
    }

    pub(crate) fn notify_one(&self) {
        // A notification that was not received yet serves for this one too.
        if self.0.available_permits() == 0 {
            self.0.release(1);
        }
    }

    pub(crate) async fn notified(&self) {
        self.0.acquire(1).await.expect("nobody closes it");
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notify")
    }
}
