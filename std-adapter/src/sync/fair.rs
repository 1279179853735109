//! Twins of tokio's `Mutex` and `Notify`, made of shuttle's own semaphore.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use shuttle::future::batch_semaphore::{BatchSemaphore, Fairness};

pub(crate) struct FairMutex<T> {
    turn: BatchSemaphore,
    /// Not a model's: it orders nothing, and whoever has the turn finds it free.
    value: Mutex<T>,
}

pub(crate) struct FairMutexGuard<'a, T> {
    value: MutexGuard<'a, T>,
    _turn: Turn<'a>,
}

struct Turn<'a>(&'a BatchSemaphore);

impl<T> FairMutex<T> {
    pub(crate) fn new(value: T) -> Self {
        let turn = BatchSemaphore::new(1, Fairness::StrictlyFair);
        Self { turn, value: Mutex::new(value) }
    }

    pub(crate) async fn lock(&self) -> FairMutexGuard<'_, T> {
        self.turn.acquire(1).await.expect("nobody closes it");
        let turn = Turn(&self.turn);
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        FairMutexGuard { value, _turn: turn }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.release(1);
    }
}

impl<T> Deref for FairMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for FairMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
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
