//! An observer that counts events.

use super::{Observer, Outcome, Transition};
use crate::error::Rejected;
use crate::sync::{AtomicU32, Ordering, const_fn};

/// Counts outcomes, rejections and transitions since it was created. 24 bytes.
///
/// Each event costs one relaxed atomic add, a stale outcome two. The counts wrap at
/// 2^32.
///
/// ```
/// use microbreaker::{Breaker, Config, Counters};
///
/// static COUNTERS: Counters = Counters::new();
///
/// let config = Config::new().consecutive_failures(1).open_for(500);
/// let breaker = Breaker::observed(config, (), || 0, &COUNTERS);
/// let _ = breaker.call(|| Ok::<_, ()>(21));
/// let _ = breaker.call(|| Err::<(), _>(())); // trips
/// let _ = breaker.call(|| Ok::<_, ()>(21)); // refused
///
/// let counts = COUNTERS.counts();
/// assert_eq!((counts.successes, counts.failures, counts.rejections), (1, 1, 1));
/// ```
#[derive(Debug)]
pub struct Counters {
    successes: AtomicU32,
    failures: AtomicU32,
    ignored: AtomicU32,
    stale: AtomicU32,
    rejections: AtomicU32,
    transitions: AtomicU32,
}

/// The values of [`Counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Counts {
    /// Calls that succeeded.
    pub successes: u32,
    /// Calls that failed.
    pub failures: u32,
    /// Calls that were ignored or cancelled.
    pub ignored: u32,
    /// Calls that ended after their tenure; they are counted above as well.
    pub stale: u32,
    /// Calls that were refused.
    pub rejections: u32,
    /// Transitions made.
    pub transitions: u32,
}

impl Counters {
    const_fn! {
        /// Creates counters at zero.
        #[must_use]
        pub const fn new() -> Self {
            Self {
                successes: AtomicU32::new(0),
                failures: AtomicU32::new(0),
                ignored: AtomicU32::new(0),
                stale: AtomicU32::new(0),
                rejections: AtomicU32::new(0),
                transitions: AtomicU32::new(0),
            }
        }
    }

    /// Returns the counts. Each is loaded separately, so together they need not be
    /// consistent.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
        Counts {
            successes: read(&self.successes),
            failures: read(&self.failures),
            ignored: read(&self.ignored),
            stale: read(&self.stale),
            rejections: read(&self.rejections),
            transitions: read(&self.transitions),
        }
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

fn count(counter: &AtomicU32) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Observer for Counters {
    fn transition(&self, _: &Transition) {
        count(&self.transitions);
    }

    fn outcome(&self, outcome: Outcome, stale: bool) {
        count(match outcome {
            Outcome::Success => &self.successes,
            Outcome::Failure | Outcome::FailureOpenFor(_) | Outcome::WeightedFailure(_) => {
                &self.failures
            }
            Outcome::Ignored => &self.ignored,
        });
        if stale {
            count(&self.stale);
        }
    }

    fn needs_ticks(&self) -> bool {
        false
    }

    fn rejection(&self, _: &Rejected) {
        count(&self.rejections);
    }
}
