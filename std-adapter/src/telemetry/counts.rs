//! Counts of calls that keep the healthy path cheap.

use std::iter::Sum;
use std::ops::Add;
use std::sync::Arc;

use microbreaker::Outcome;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::threads;

/// How many calls a breaker has seen since it was built.
///
/// ```
/// use microbreaker_std::Breaker;
///
/// let users = Breaker::builder("users")
///     .consecutive_failures(3)
///     .open_for(std::time::Duration::from_secs(30))
///     .build()?;
/// let _ = users.call(|| "42".parse::<u32>());
/// let _ = users.call(|| "x".parse::<u32>());
/// assert_eq!((users.counts().successes, users.counts().failures), (1, 1));
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Counts {
    /// Calls that succeeded.
    pub successes: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Calls that were ignored or abandoned.
    pub ignored: u64,
    /// Calls, included in the counts above, that ended after their phase and so changed
    /// nothing.
    pub stale: u64,
    /// Calls that were refused.
    pub rejections: u64,
}

impl Counts {
    /// How often the breaker was asked.
    #[cfg(all(feature = "metrics", feature = "registry"))]
    pub(crate) const fn asked(&self) -> u64 {
        self.successes + self.failures + self.ignored + self.rejections
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            successes: self.successes + other.successes,
            failures: self.failures + other.failures,
            ignored: self.ignored + other.ignored,
            stale: self.stale + other.stale,
            rejections: self.rejections + other.rejections,
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Add::add)
    }
}

/// Counters that threads need not share: a thread for each core and one more have their own,
/// as often there are workers and the thread that began them; the others share a second set.
/// Reading them sums them up.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    /// Each is written by one thread.
    own: Arc<[Line]>,
    /// Each is written by any thread.
    shared: Arc<[Line]>,
}

/// Counters on a cache line of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Line {
    successes: AtomicU64,
    failures: AtomicU64,
    ignored: AtomicU64,
    stale: AtomicU64,
    rejections: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        let lines = |count| (0..count).map(|_| Line::default()).collect();
        let cores = threads::cores();
        Self { own: lines(cores + 1), shared: lines(cores) }
    }
}

impl Counters {
    #[inline(always)]
    pub(crate) fn outcome(&self, outcome: Outcome, stale: bool) {
        if outcome == Outcome::Success && !stale {
            self.count(|line| &line.successes);
        } else {
            self.other_outcome(outcome, stale);
        }
    }

    #[cold]
    fn other_outcome(&self, outcome: Outcome, stale: bool) {
        self.count(|line| match outcome {
            Outcome::Success => &line.successes,
            Outcome::Failure | Outcome::FailureOpenFor(_) | Outcome::WeightedFailure(_) => {
                &line.failures
            }
            Outcome::Ignored => &line.ignored,
        });
        if stale {
            self.count(|line| &line.stale);
        }
    }

    pub(crate) fn rejection(&self) {
        self.count(|line| &line.rejections);
    }

    #[inline(always)]
    fn count(&self, which: impl Fn(&Line) -> &AtomicU64) {
        match self.own.get(threads::known()) {
            Some(own) => increment(which(own)),
            None => self.count_anew(which),
        }
    }

    /// For a thread that has no line of its own, or no number yet.
    #[cold]
    fn count_anew(&self, which: impl Fn(&Line) -> &AtomicU64) {
        let thread = threads::number();
        match self.own.get(thread) {
            Some(own) => increment(which(own)),
            None => {
                let shared = &self.shared[thread % self.shared.len()];
                which(shared).fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The sums, each count as of its own moment.
    pub(crate) fn sum(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let lines = self.own.iter().chain(&*self.shared);
        let counts = lines.map(|line| Counts {
            successes: read(&line.successes),
            failures: read(&line.failures),
            ignored: read(&line.ignored),
            stale: read(&line.stale),
            rejections: read(&line.rejections),
        });
        counts.sum()
    }
}

/// Loses no count as long as a single thread writes the counter.
#[inline]
fn increment(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

#[cfg(all(test, feature = "metrics", feature = "registry"))]
mod tests {
    use super::*;

    #[test]
    fn every_call_that_was_asked_for_counts_once() {
        let counts = Counts { successes: 1, failures: 2, ignored: 4, stale: 1, rejections: 8 };
        assert_eq!(counts.asked(), 15);
    }
}
