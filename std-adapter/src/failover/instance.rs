//! One instance, and leave to call it.

use std::fmt;
use std::ptr;
use std::sync::Arc;

use crate::breaker::Breaker;
use crate::breaker::call::Admission;
use crate::breaker::permit::Permit;
use crate::classify::Outcome;
use crate::error::Rejected;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// One instance of a service in a [`Failover`](crate::Failover): its breaker, and what
/// belongs to it. A handle, cheap to clone.
pub struct Instance<T = ()>(Arc<Shared<T>>);

struct Shared<T> {
    breaker: Breaker,
    callee: T,
    in_flight: AtomicUsize,
}

impl<T> Instance<T> {
    fn new(breaker: Breaker, callee: T) -> Self {
        Self(Arc::new(Shared { breaker, callee, in_flight: AtomicUsize::new(0) }))
    }

    /// The name of its breaker.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        self.0.breaker.name()
    }

    /// Its breaker.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.0.breaker
    }

    /// What belongs to it: an address, a client, a tower service.
    #[must_use]
    pub fn callee(&self) -> &T {
        &self.0.callee
    }

    /// How many calls are in progress.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        // Relaxed: it is out of date at once, whatever the ordering.
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// Whether they have the same breaker. One that was removed and added again is the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        ptr::eq(self.breaker().inner(), other.breaker().inner())
    }

    /// Asks the breaker for leave to make a call. A refusal is counted nowhere, because
    /// another instance may make the call.
    pub(super) fn admit(&self) -> Option<Admitted<T>> {
        let permit = Permit::acquire_quietly(self.0.breaker.clone())?;
        Some(Admitted::new(Some(permit), self.clone()))
    }

    /// The same for a call that nobody makes if this instance refuses it.
    pub(super) fn admit_or_refuse(&self) -> Result<Admitted<T>, Rejected> {
        let permit = self.0.breaker.try_acquire_owned()?;
        Ok(Admitted::new(Some(permit), self.clone()))
    }

    /// Leave to make a call, whatever the breaker says.
    pub(super) fn admit_anyway(&self) -> Admitted<T> {
        Admitted::new(None, self.clone())
    }
}

impl From<Breaker> for Instance {
    fn from(breaker: Breaker) -> Self {
        Self::new(breaker, ())
    }
}

impl<T> From<(Breaker, T)> for Instance<T> {
    fn from((breaker, callee): (Breaker, T)) -> Self {
        Self::new(breaker, callee)
    }
}

impl<T> Clone for Instance<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Instance<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.breaker().fmt(f)
    }
}

/// Leave to call an instance, which counts as a call in progress.
pub(super) struct Admitted<T> {
    /// `None` if its breaker refused, and it is called anyway.
    permit: Option<Permit>,
    instance: Instance<T>,
}

impl<T> Admitted<T> {
    fn new(permit: Option<Permit>, instance: Instance<T>) -> Self {
        instance.0.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { permit, instance }
    }

    pub(super) fn instance(&self) -> &Instance<T> {
        &self.instance
    }
}

impl<T> Admission for Admitted<T> {
    fn end(&mut self, outcome: Outcome) {
        if let Some(permit) = &mut self.permit {
            permit.end(outcome);
        }
    }
}

impl<T> Drop for Admitted<T> {
    fn drop(&mut self) {
        self.instance.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
