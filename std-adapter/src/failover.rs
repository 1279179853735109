//! Failover among the instances of a service, the healthiest first.

use std::future::Future;
use std::time::Duration;

use microbreaker::Phase;

use crate::breaker::Breaker;
use crate::breaker::call::{Admission, call, call_async};
use crate::breaker::permit::Permit;
use crate::classify::{Classify, ErrorsFail, Outcome};
use crate::error::{CallError, Rejected};

/// Orders `breakers` by health, to ask the first of them first: those that admit
/// every call, then the half-open ones, then the open ones by when they will be
/// half-open, and last the ones that are forced open. Equals keep their order.
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

/// Calls to a service of several instances, each with a breaker of its own, below a
/// breaker for the whole service.
///
/// A call asks the breaker of the service, and then those of the instances in the
/// order of [`healthiest_first`]. The first instance that admits it gets it. The
/// outcome counts for both breakers: a failing instance is soon left out, and when
/// too many calls fail at whichever instance, so is the service. A demand to open for
/// some time opens the instance's breaker only; for the service it is a failure.
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
    /// `breaker` is the breaker of the service, `instances` are those of its
    /// instances. Among equally healthy ones, the first is asked first.
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

    /// The breaker of the service.
    #[must_use]
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The breakers of the instances.
    #[must_use]
    pub fn instances(&self) -> &[Breaker] {
        &self.instances
    }

    /// Makes a guarded call: `f` gets the breaker of the instance to call. An `Err` is
    /// a failure, and so is a panic.
    ///
    /// # Errors
    ///
    /// The call's own error, or that it was refused and not made: by the breaker of
    /// the service, or by those of all its instances.
    pub fn call<T, E>(&self, f: impl FnOnce(&Breaker) -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_classified(f, ErrorsFail)
    }

    /// [`call`](Self::call) with a classifier that says what the result means.
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

    /// The instance that admits a call, and the permits of both breakers.
    fn acquire(&self) -> Result<(&Breaker, Both<'_>), Rejected> {
        let of_service = self.breaker.try_acquire()?;
        let mut refused = None;
        for instance in healthiest_first(&self.instances) {
            match instance.try_acquire() {
                Ok(of_instance) => return Ok((instance, Both { of_service, of_instance })),
                // The first to refuse is the first to be worth asking again.
                Err(rejected) => refused = refused.or(Some(rejected)),
            }
        }
        of_service.ignore();
        Err(refused.expect("there is at least one instance"))
    }
}

/// The permits of the service and of an instance.
struct Both<'a> {
    of_service: Permit<&'a Breaker>,
    of_instance: Permit<&'a Breaker>,
}

impl Admission for Both<'_> {
    fn end(&mut self, outcome: Outcome) {
        self.of_instance.end(outcome);
        self.of_service.end(match outcome {
            Outcome::FailureOpenFor(_) => Outcome::Failure,
            outcome => outcome,
        });
    }
}
