//! What a breaker reports to its observer.

mod counters;
#[cfg(feature = "history")]
mod history;
mod lent;

pub use counters::{Counters, Counts};
#[cfg(feature = "history")]
pub use history::History;
pub(crate) use lent::Lent;

use crate::error::Rejected;
use crate::phase::Phase;

/// How a call ended.
///
/// Classify results yourself if not every error is a failure:
///
/// ```
/// use microbreaker::{Breaker, Config, Outcome};
///
/// enum Refusal { NoSuchPage, Busy(u32), Broken }
///
/// fn meaning(result: &Result<u32, Refusal>) -> Outcome {
///     match result {
///         Ok(_) => Outcome::Success,
///         Err(Refusal::NoSuchPage) => Outcome::Ignored,
///         Err(Refusal::Busy(ticks)) => Outcome::FailureOpenFor(*ticks),
///         Err(Refusal::Broken) => Outcome::Failure,
///     }
/// }
///
/// let breaker = Breaker::new(Config::new().consecutive_failures(3).open_for(500), (), || 0);
/// let _ = breaker.call_classified(|| Err(Refusal::NoSuchPage), meaning);
/// let _ = breaker.call_classified(|| Err(Refusal::Busy(20)), meaning);
/// assert_eq!(breaker.snapshot().retry_after, Some(20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// The call succeeded.
    Success,
    /// The call failed.
    Failure,
    /// The call failed and said for how many ticks (below 2^31) a retry is pointless:
    /// a `Retry-After`, or a sensor's busy time. Opens the breaker for exactly that
    /// long, whatever the policies say. 0 is an ordinary failure.
    FailureOpenFor(u32),
    /// The call failed, and counts in a [`LeakyBucket`](crate::LeakyBucket) as this many
    /// failures: a time-out may weigh more than an error. Everywhere else it is one.
    WeightedFailure(u8),
    /// The call says nothing about the callee's health, like a bad argument or a
    /// cancelled call: the permit is handed back and nothing is counted.
    Ignored,
}

/// Why a transition happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Cause {
    /// [`Config::consecutive_failures`](crate::Config::consecutive_failures) was met.
    ConsecutiveFailures,
    /// [`Config::failures_in_window`](crate::Config::failures_in_window) was met.
    FailuresInWindow,
    /// [`Config::failure_rate`](crate::Config::failure_rate) was met.
    FailureRate,
    /// [`Config::slow_rate`](crate::Config::slow_rate) was met.
    SlowRate,
    /// [`Config::leaky_bucket`](crate::Config::leaky_bucket) was full.
    LeakyBucket,
    /// An outcome demanded it: [`Outcome::FailureOpenFor`].
    Demanded,
    /// The opening was over.
    OpeningOver,
    /// Enough probes succeeded.
    ProbesSucceeded,
    /// Too many probes failed.
    ProbesFailed,
    /// [`Config::probe_timeout`](crate::Config::probe_timeout) or
    /// [`Config::longest_half_open`](crate::Config::longest_half_open) passed without a
    /// verdict.
    ProbeTimeout,
    /// It was requested manually, for example with [`Breaker::trip`](crate::Breaker::trip).
    Manual,
    /// Breakers of the same callee decided it together:
    /// [`Breaker::follow`](crate::Breaker::follow).
    Fleet,
}

impl Cause {
    /// The causes that a dry run can report.
    pub const POLICIES: &[Self] = &[
        Self::Demanded,
        Self::FailuresInWindow,
        Self::LeakyBucket,
        Self::FailureRate,
        Self::SlowRate,
        Self::ConsecutiveFailures,
    ];

    /// The cause's name in `snake_case`, for logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::FailuresInWindow => "failures_in_window",
            Self::FailureRate => "failure_rate",
            Self::SlowRate => "slow_rate",
            Self::LeakyBucket => "leaky_bucket",
            Self::Demanded => "demanded",
            Self::OpeningOver => "opening_over",
            Self::ProbesSucceeded => "probes_succeeded",
            Self::ProbesFailed => "probes_failed",
            Self::ProbeTimeout => "probe_timeout",
            Self::Manual => "manual",
            Self::Fleet => "fleet",
        }
    }
}

/// A set of causes: policies that are met.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Causes(u32);

impl Causes {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn has(self, cause: Cause) -> bool {
        self.0 & 1 << cause as u32 != 0
    }

    pub(crate) const fn with(self, cause: Cause) -> Self {
        Self(self.0 | 1 << cause as u32)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The policies and demands in the set, in the order in which they are reported.
    pub(crate) fn of_policies(self) -> impl Iterator<Item = Cause> {
        Cause::POLICIES.iter().copied().filter(move |cause| self.has(*cause))
    }
}

/// One transition, as reported to an [`Observer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Transition {
    /// The phase that ended.
    pub from: Phase,
    /// The phase that began.
    pub to: Phase,
    /// Why it happened.
    pub cause: Cause,
    /// The number of the tenure that began, modulo 2^8.
    ///
    /// Two transitions made on different threads may be reported in either order;
    /// their generations tell which came first, if fewer than 128 tenures lie between them.
    /// Tenures also begin within a phase, which
    /// [`admission_changed`](Observer::admission_changed) reports: when an opening begins
    /// afresh, and half-open with each probe that is given out while none is.
    pub generation: u8,
    /// The tick that the winner of the transition read just after making it.
    pub tick: u32,
}

/// Receives a breaker's events. `()` ignores them and costs nothing.
///
/// The thread or interrupt handler whose operation caused an event calls the method,
/// and holds no lock meanwhile, so the method may use the breaker. Keep it brief. A
/// panic in it unwinds through the operation, which has already taken effect; but a probe
/// that nobody got a permit for gives its place back, and nobody is told.
///
/// A pair of observers is an observer, and so is a reference to one.
///
/// ```
/// use core::sync::atomic::{AtomicBool, Ordering};
/// use microbreaker::{Breaker, Config, Observer, Phase, Transition};
///
/// /// Lights a lamp while calls are refused.
/// struct Lamp(AtomicBool);
///
/// impl Observer for Lamp {
///     fn transition(&self, transition: &Transition) {
///         self.0.store(transition.to == Phase::Open, Ordering::Relaxed);
///     }
/// }
///
/// let config = Config::new().consecutive_failures(1).open_for(500);
/// let breaker = Breaker::observed(config, (), || 0, Lamp(AtomicBool::new(false)));
/// let _ = breaker.call(|| Err::<(), _>("no answer"));
/// assert!(breaker.observer().0.load(Ordering::Relaxed));
/// ```
pub trait Observer {
    /// A transition was made. Each is reported once, by the thread that made it.
    fn transition(&self, transition: &Transition) {
        let _ = transition;
    }

    /// What the breaker admits has changed within a phase, by other means than time: a
    /// probe was given out or has ended, an opening began afresh, a call was offered to a
    /// ramp. Calls through a breaker that admits all of them report nothing here.
    /// `generation` is the number of the tenure, modulo 2^8: a new one for an opening that
    /// began afresh, and for a probe that was given out while none was.
    ///
    /// For those who wait for a breaker, who look at its [`outlook`] again.
    ///
    /// [`outlook`]: crate::Breaker::outlook
    fn admission_changed(&self, generation: u8) {
        let _ = generation;
    }

    /// A call ended with `outcome`. It is `stale` if its permit's tenure was over, so
    /// that the outcome changed nothing. (A call that ends just as the breaker trips
    /// may be reported as either, and may or may not be in the window that is shown
    /// while open.)
    fn outcome(&self, outcome: Outcome, stale: bool) {
        let _ = (outcome, stale);
    }

    /// A call was refused.
    fn rejection(&self, rejected: &Rejected) {
        let _ = rejected;
    }

    /// In [`MetricsOnly`](Phase::MetricsOnly): a policy would have tripped the breaker.
    /// Each policy is reported once, and again only after it was no longer met.
    fn would_trip(&self, cause: Cause) {
        let _ = cause;
    }

    /// Asked before each probe: whether it may go out. A breaker of a fleet needs the
    /// fleet's leave. A call that gets none is refused.
    ///
    /// For each `true` there is exactly one [`probe_ended`](Self::probe_ended), unless the
    /// probe never reports; also if the clock or another method of the observer panics.
    fn lend_probe(&self) -> bool {
        true
    }

    /// A probe has ended with `outcome`: [`Outcome::Ignored`] if it gave no answer, or did
    /// not go out after all. It is `stale` if its permit's tenure was over.
    fn probe_ended(&self, outcome: Outcome, stale: bool) {
        let _ = (outcome, stale);
    }

    /// Whether [`Transition::tick`] is used. If not, it is 0, and the breaker does not read
    /// the clock for it.
    fn needs_ticks(&self) -> bool {
        true
    }
}

impl Observer for () {
    fn needs_ticks(&self) -> bool {
        false
    }
}

impl<O: Observer + ?Sized> Observer for &O {
    fn transition(&self, transition: &Transition) {
        (**self).transition(transition);
    }

    fn admission_changed(&self, generation: u8) {
        (**self).admission_changed(generation);
    }

    fn outcome(&self, outcome: Outcome, stale: bool) {
        (**self).outcome(outcome, stale);
    }

    fn rejection(&self, rejected: &Rejected) {
        (**self).rejection(rejected);
    }

    fn would_trip(&self, cause: Cause) {
        (**self).would_trip(cause);
    }

    fn lend_probe(&self) -> bool {
        (**self).lend_probe()
    }

    fn probe_ended(&self, outcome: Outcome, stale: bool) {
        (**self).probe_ended(outcome, stale);
    }

    fn needs_ticks(&self) -> bool {
        (**self).needs_ticks()
    }
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn transition(&self, transition: &Transition) {
        self.0.transition(transition);
        self.1.transition(transition);
    }

    fn admission_changed(&self, generation: u8) {
        self.0.admission_changed(generation);
        self.1.admission_changed(generation);
    }

    fn outcome(&self, outcome: Outcome, stale: bool) {
        self.0.outcome(outcome, stale);
        self.1.outcome(outcome, stale);
    }

    fn rejection(&self, rejected: &Rejected) {
        self.0.rejection(rejected);
        self.1.rejection(rejected);
    }

    fn would_trip(&self, cause: Cause) {
        self.0.would_trip(cause);
        self.1.would_trip(cause);
    }

    fn lend_probe(&self) -> bool {
        let Some(lent) = Lent::by(&self.0) else { return false };
        let agreed = self.1.lend_probe();
        if agreed {
            lent.keep();
        }
        agreed
    }

    fn probe_ended(&self, outcome: Outcome, stale: bool) {
        self.0.probe_ended(outcome, stale);
        self.1.probe_ended(outcome, stale);
    }

    fn needs_ticks(&self) -> bool {
        self.0.needs_ticks() || self.1.needs_ticks()
    }
}
