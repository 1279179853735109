//! Failover among the instances of a service.

mod choice;
mod instance;
#[cfg(feature = "tower")]
mod service;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwap;
use microbreaker::Phase;

use self::choice::Choice;
use self::instance::Admitted;
pub use self::instance::Instance;
#[cfg(feature = "tower")]
pub use self::service::{FailoverFuture, FailoverService};
use crate::breaker::call::InCall;
use crate::classify::{Classify, ErrorsFail, Outcome};
use crate::error::{BuildError, CallError, Rejected};
use crate::name::Name;
use crate::settings::SettingError;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Spreads calls over the instances of a service, each with a breaker of its own, and
/// leaves out those whose breakers refuse. A handle, cheap to clone.
///
/// ```
/// use microbreaker_std::{Breaker, Failover};
/// use std::time::Duration;
/// let breaker = |name| Breaker::builder(name)
///     .consecutive_failures(1).open_for(Duration::from_secs(9)).build();
/// let users = Failover::new("users", [
///     (breaker("users/a")?, "10.0.0.1"),
///     (breaker("users/b")?, "10.0.0.2"),
/// ])?;
///
/// users.instances()[0].breaker().trip();
/// let asked = users.call(|instance| Ok::<_, ()>(*instance.callee()));
/// assert_eq!(asked, Ok("10.0.0.2"));
///
/// // A call that may be made twice goes on to another instance when it fails.
/// users.instances()[0].breaker().reset();
/// let ask = |address| if address == "10.0.0.1" { Err("down") } else { Ok(address) };
/// for _ in 0..100 {
///     assert_eq!(users.attempts(2).call(|instance| ask(*instance.callee())), Ok("10.0.0.2"));
/// }
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
///
/// `T` is what belongs to an instance: an address, a client, a tower service. A bare
/// [`Breaker`](crate::Breaker) is an instance with nothing.
///
/// # Which instance gets a call
///
/// 1. One that is due for a probe, as long as its breaker admits probes. Otherwise an
///    instance would never come back while others are closed. So a call now and then meets
///    an instance that is still down; with [`attempts`](Self::attempts) it goes on.
/// 2. Those whose breakers admit calls, in rotation, or the one with the
///    [`least_in_flight`](Self::least_in_flight).
///
/// If none admits the call, it is refused. The [`Rejected`] is that of the instance which
/// may be asked the soonest. There is no breaker for the service as a whole: one that counts
/// the failures of all instances would open because of one of them.
/// [`most_open`](Self::most_open) says how many instances may be left out at most.
///
/// # Progress and cost
///
/// Choosing takes no lock, and does not allocate unless `most_open` is exceeded or a call
/// fails. It reads the phase of every instance, and writes words that all callers share: the
/// rotation, the calls in progress of the instance, and counts of references.
/// Adding and removing instances is lock-free too, and copies the list of them.
pub struct Failover<T = ()> {
    set: Arc<Set<T>>,
    attempts: usize,
    most_open: usize,
    least_in_flight: bool,
}

/// What all handles share.
struct Set<T> {
    name: Arc<str>,
    instances: ArcSwap<Vec<Instance<T>>>,
    /// The next place in the rotation.
    turn: AtomicUsize,
}

impl<T> Failover<T> {
    /// A service of these instances: [`Breaker`](crate::Breaker)s, or pairs of a breaker and
    /// what belongs to its instance. A call is made once, every instance may be open, and
    /// calls are rotated.
    ///
    /// # Errors
    ///
    /// If there is no instance, or two breakers have the same name.
    pub fn new(
        name: impl Into<Arc<str>>,
        instances: impl IntoIterator<Item = impl Into<Instance<T>>>,
    ) -> Result<Self, BuildError> {
        let name = name.into();
        let instances: Vec<_> = instances.into_iter().map(Into::into).collect();
        if instances.is_empty() {
            let problem = SettingError {
                setting: "instances",
                value: "empty".to_owned(),
                allowed: "at least one".to_owned(),
            };
            return Err(BuildError { name, problem });
        }
        for (i, instance) in instances.iter().enumerate() {
            if has(&instances[..i], instance.name()) {
                return Err(taken(name, instance.name()));
            }
        }
        let set =
            Set { name, instances: ArcSwap::from_pointee(instances), turn: AtomicUsize::new(0) };
        Ok(Self { set: Arc::new(set), attempts: 1, most_open: 100, least_in_flight: false })
    }

    /// A handle to the same instances whose calls may be made up to `attempts` times, each
    /// time to another instance, until one does not fail as the classifier says. Use it for
    /// calls that may be repeated, and another handle for those that must not.
    ///
    /// A further attempt prefers instances that are not due for a probe. It does not wait: what
    /// bounds the load that attempts add are the breakers, and the number of instances.
    ///
    /// # Panics
    ///
    /// If `attempts` is 0.
    #[must_use]
    pub fn attempts(&self, attempts: usize) -> Self {
        assert!(attempts > 0, "a call must have at least one attempt");
        Self { attempts, ..self.clone() }
    }

    /// A handle to the same instances which leaves out at most this share of them, 0 to 100
    /// percent, rounded down to whole instances. When more are refusing, the best of these,
    /// the soonest to be asked again, get calls nevertheless, in rotation with those that
    /// are closed.
    ///
    /// For instances that are mostly healthy when all of them seem to fail at once, because
    /// of something that they share: a few bad requests, a slow network. An instance that is
    /// forced open counts as left out, and is never asked.
    ///
    /// A call that an open breaker did not admit has no permit, so its outcome is not counted:
    /// the breaker recovers by probes, when it is time.
    ///
    /// # Panics
    ///
    /// If `percent` is more than 100.
    #[must_use]
    pub fn most_open(&self, percent: u32) -> Self {
        assert!(percent <= 100, "most_open is {percent}, but must be 0 to 100");
        Self { most_open: percent as usize, ..self.clone() }
    }

    /// A handle to the same instances which gives a call to the one with the fewest calls in
    /// progress, among the equals in rotation. For instances of different speed. Counts the
    /// calls of all handles.
    #[must_use]
    pub fn least_in_flight(&self) -> Self {
        Self { least_in_flight: true, ..self.clone() }
    }

    /// The name of the service.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.set.name
    }

    /// The instances at this moment, in the order in which they were added.
    #[must_use]
    pub fn instances(&self) -> Vec<Instance<T>> {
        self.set.instances.load().to_vec()
    }

    /// Adds an instance. The others stay as they are.
    ///
    /// # Errors
    ///
    /// If there is an instance whose breaker has the same name. Nothing is changed then.
    pub fn add(&self, instance: impl Into<Instance<T>>) -> Result<(), BuildError> {
        let instance = instance.into();
        let mut is_taken = false;
        self.set.instances.rcu(|instances| {
            is_taken = has(instances, instance.name());
            let mut instances = instances.to_vec();
            instances.extend((!is_taken).then(|| instance.clone()));
            instances
        });
        if is_taken { Err(taken(self.name().clone(), instance.name())) } else { Ok(()) }
    }

    /// Removes the instance whose breaker has this name, and returns it. Calls in progress
    /// go on, and count for its breaker. Without any instance, every call is refused, in the
    /// name of the service and as if it were forced open.
    pub fn remove(&self, name: &str) -> Option<Instance<T>> {
        let before = self.set.instances.rcu(|instances| {
            let others = instances.iter().filter(|instance| &**instance.name() != name);
            others.cloned().collect::<Vec<_>>()
        });
        before.iter().find(|instance| &**instance.name() == name).cloned()
    }

    /// Makes a guarded call: `f` gets the instance to call. An `Err` is a failure, and so is
    /// a panic, which ends all attempts.
    ///
    /// # Errors
    ///
    /// The call's own error, at the last attempt, or that every instance refused it.
    pub fn call<V, E>(
        &self,
        f: impl FnMut(&Instance<T>) -> Result<V, E>,
    ) -> Result<V, CallError<E>> {
        self.call_classified(f, ErrorsFail)
    }

    /// [`call`](Self::call) with a classifier that says what the result means. After a
    /// failure there is another attempt, after anything else there is none.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_classified<V, E>(
        &self,
        mut f: impl FnMut(&Instance<T>) -> Result<V, E>,
        classify: impl Classify<V, E>,
    ) -> Result<V, CallError<E>> {
        let mut journey = Journey::new(self.clone());
        let mut admitted = journey.begin()?;
        loop {
            let instance = admitted.instance().clone();
            let mut call = InCall::new(admitted);
            let result = call.run(|| f(&instance));
            let outcome = call.finish(&classify, &result);
            match journey.go_on(instance, outcome) {
                Some(next) => admitted = next,
                None => return result.map_err(CallError::Failed),
            }
        }
    }

    /// [`call`](Self::call) of a future, on any executor. A future that is dropped half-way
    /// counts as abandoned.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_async<V, E, F: Future<Output = Result<V, E>>>(
        &self,
        f: impl FnMut(Instance<T>) -> F,
    ) -> Result<V, CallError<E>> {
        self.call_async_classified(f, ErrorsFail).await
    }

    /// [`call_async`](Self::call_async) with a classifier that says what the result means.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub async fn call_async_classified<V, E, F: Future<Output = Result<V, E>>>(
        &self,
        mut f: impl FnMut(Instance<T>) -> F,
        classify: impl Classify<V, E>,
    ) -> Result<V, CallError<E>> {
        let mut journey = Journey::new(self.clone());
        let mut admitted = journey.begin()?;
        loop {
            let instance = admitted.instance().clone();
            let mut call = InCall::new(admitted);
            let future = call.run(|| f(instance.clone()));
            let result = call.run_async(future).await;
            let outcome = call.finish(&classify, &result);
            match journey.go_on(instance, outcome) {
                Some(next) => admitted = next,
                None => return result.map_err(CallError::Failed),
            }
        }
    }
}

impl<T> Failover<T> {
    fn choice<'a>(&self, instances: &'a [Instance<T>], tried: &'a [Instance<T>]) -> Choice<'a, T> {
        let most_open = instances.len() * self.most_open / 100;
        Choice { instances, tried, most_open, least_in_flight: self.least_in_flight }
    }
}

impl<T> Set<T> {
    fn next_turn(&self) -> usize {
        // Relaxed: a number that no other call gets is all that a rotation needs.
        self.turn.fetch_add(1, Ordering::Relaxed)
    }
}

fn has<T>(instances: &[Instance<T>], name: &str) -> bool {
    instances.iter().any(|instance| &**instance.name() == name)
}

fn taken(service: Arc<str>, name: &str) -> BuildError {
    let problem = SettingError {
        setting: "name",
        value: format!("{name:?}"),
        allowed: "one that no other instance has".to_owned(),
    };
    BuildError { name: service, problem }
}

/// The way of one call, from instance to instance.
struct Journey<T> {
    failover: Failover<T>,
    /// The instances at which it failed.
    tried: Vec<Instance<T>>,
    /// Its place in the rotation. Probes take none, and further attempts no other one: so
    /// whatever fails, each instance is the first for as many calls as the others.
    turn: Option<usize>,
}

impl<T> Journey<T> {
    const fn new(failover: Failover<T>) -> Self {
        Self { failover, tried: Vec::new(), turn: None }
    }

    /// The instance for the first attempt.
    fn begin(&mut self) -> Result<Admitted<T>, Rejected> {
        let Failover { set, .. } = &self.failover;
        let instances = set.instances.load();
        let choice = self.failover.choice(&instances, &[]);
        if let Some(probe) = choice.due() {
            return Ok(probe);
        }
        let turn = *self.turn.get_or_insert_with(|| set.next_turn());
        choice.first(turn).map_or_else(|| choice.any(), Ok).map_err(|soonest| {
            // Only an operator can add an instance: for a call, that is like forced open.
            soonest.unwrap_or_else(|| {
                Rejected::new(&Name::Counted(set.name.clone()), Phase::ForcedOpen, None)
            })
        })
    }

    /// Whether there are attempts left after the next, or the current, one.
    fn may_go_on(&self) -> bool {
        self.tried.len() + 1 < self.failover.attempts
    }

    /// The instance for the next attempt, if there is to be one after this outcome of the
    /// attempt at `instance`.
    fn go_on(&mut self, instance: Instance<T>, outcome: Outcome) -> Option<Admitted<T>> {
        if !outcome.is_failure() || !self.may_go_on() {
            return None;
        }
        self.tried.push(instance);
        let Failover { set, .. } = &self.failover;
        let turn = *self.turn.get_or_insert_with(|| set.next_turn());
        self.failover.choice(&set.instances.load(), &self.tried).next(turn)
    }
}

impl<T> Clone for Failover<T> {
    fn clone(&self) -> Self {
        Self { set: self.set.clone(), ..*self }
    }
}

impl<T> fmt::Debug for Failover<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failover")
            .field("name", self.name())
            .field("instances", &**self.set.instances.load())
            .finish_non_exhaustive()
    }
}
