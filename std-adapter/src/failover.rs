//! A service's breaker over those of its instances, and the order to ask them in.

use std::future::Future;
use std::time::Duration;

use microbreaker::Phase;

use crate::breaker::Breaker;
use crate::breaker::call::{Leave, call, call_async};
use crate::breaker::permit::Permit;
use crate::classify::{Classify, ErrorsFail, Outcome};
use crate::error::{CallError, Rejected};

/// `breakers` in the order in which to ask them: those that admit every call,
/// then those that are half-open, then those that are open, the soonest to retry
/// first, and last those that are forced open. Equals stay in their order.
///
/// ```
/// use microbreaker_std::{Breaker, healthiest_first};
/// use std::time::Duration;
/// let backend = |name| Breaker::builder(name)
///     .consecutive_failures(1).open_for(Duration::from_secs(9)).build();
/// let backends = [backend("a")?, backend("b")?];
/// backends[0].trip();
/// assert_eq!(&**healthiest_first(&backends)[0].name(), "b");
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
#[must_use]
pub fn healthiest_first<'a>(breakers: impl IntoIterator<Item = &'a Breaker>) -> Vec<&'a Breaker> {
    let mut order: Vec<_> = breakers.into_iter().collect();
    order.sort_by_cached_key(|breaker| {
        let snapshot = breaker.snapshot();
        let rank = match snapshot.phase {
            Phase::Closed | Phase::Disabled | Phase::MetricsOnly => 0,
            Phase::HalfOpen | Phase::Open => 1,
            _ => 2,
        };
        (rank, snapshot.retry_after.unwrap_or(Duration::ZERO))
    });
    order
}

/// A service of several instances, each behind a breaker of its own, and all
/// behind the service's.
///
/// A call asks the service's breaker, and then the instances' in the order of
/// [`healthiest_first`]; the first that admits it gets it. The outcome counts for both: an
/// instance that fails is left out soon, and when too many calls fail whichever
/// instance they go to, the service is. Only a demand to open for some time is
/// the instance's alone, and a failure to the service.
///
/// ```
/// use microbreaker_std::{Breaker, Failover};
/// use std::time::Duration;
/// let breaker = |name| Breaker::builder(name)
///     .consecutive_failures(1).open_for(Duration::from_secs(9)).build();
/// let users = Failover::new(breaker("users")?, [breaker("users/a")?, breaker("users/b")?]);
/// users.instances()[0].trip();
/// let asked = users.call(|instance| Ok::<_, ()>(instance.name().to_string()));
/// assert_eq!(asked.unwrap(), "users/b");
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Failover {
    breaker: Breaker,
    instances: Vec<Breaker>,
}

impl Failover {
    /// A service of these instances; of equal ones the first is asked first.
    ///
    /// # Panics
    ///
    /// If there is no instance.
    #[must_use]
    pub fn new(breaker: Breaker, instances: impl Into<Vec<Breaker>>) -> Self {
        let instances = instances.into();
        assert!(!instances.is_empty(), "the service {:?} has no instance", breaker.name());
        Self { breaker, instances }
    }

    /// The service's own breaker.
    #[must_use]
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The instances' breakers.
    #[must_use]
    pub fn instances(&self) -> &[Breaker] {
        &self.instances
    }

    /// Makes a guarded call of the instance whose breaker `f` is given: an `Err`
    /// is a failure, and so is a panic.
    ///
    /// # Errors
    ///
    /// The call's own, or that it was refused and not made: by the service's
    /// breaker, or by those of all instances.
    pub fn call<T, E>(&self, f: impl FnOnce(&Breaker) -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_classified(f, ErrorsFail)
    }

    /// [`call`](Self::call), of whose result `classify` says what it means.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_classified<T, E>(
        &self,
        f: impl FnOnce(&Breaker) -> Result<T, E>,
        classify: impl Classify<T, E>,
    ) -> Result<T, CallError<E>> {
        let (instance, permits) = self.acquire()?;
        call(permits, || f(instance), classify).map_err(CallError::Failed)
    }

    /// [`call_classified`](Self::call_classified) of a future, on any executor.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_async<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        f: impl FnOnce(&Breaker) -> F,
        classify: impl Classify<T, E>,
    ) -> Result<T, CallError<E>> {
        let (instance, permits) = self.acquire()?;
        call_async(permits, f(instance), classify).await.map_err(CallError::Failed)
    }

    /// The instance that admits a call, and leave from both.
    fn acquire(&self) -> Result<(&Breaker, Both<'_>), Rejected> {
        let of_service = self.breaker.try_acquire()?;
        let mut refused = None;
        for instance in healthiest_first(&self.instances) {
            match instance.try_acquire() {
                Ok(of_instance) => return Ok((instance, Both { of_service, of_instance })),
                // The first is the soonest to ask again.
                Err(rejected) => refused = refused.or(Some(rejected)),
            }
        }
        of_service.ignore();
        Err(refused.expect("there is at least one instance"))
    }
}

/// Leave from the service and from an instance.
struct Both<'a> {
    of_service: Permit<&'a Breaker>,
    of_instance: Permit<&'a Breaker>,
}

impl Leave for Both<'_> {
    fn end(&mut self, outcome: Outcome) {
        self.of_instance.end(outcome);
        self.of_service.end(match outcome {
            Outcome::FailureOpenFor(_) => Outcome::Failure,
            outcome => outcome,
        });
    }
}
