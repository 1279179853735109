//! Counting calls without spoiling the healthy path.

use std::iter::Sum;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};

use microbreaker::Outcome;
use thread_local::ThreadLocal;

/// How many calls a breaker has seen since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Calls that succeeded.
    pub successes: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Calls that were ignored or abandoned.
    pub ignored: u64,
    /// Calls, counted above as well, that ended after their phase and so changed
    /// nothing.
    pub stale: u64,
    /// Calls that were refused.
    pub rejections: u64,
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

/// Counts apart for each thread, summed when somebody asks: counting is a load
/// and a store of a line that no other thread writes.
#[derive(Debug, Default)]
pub(crate) struct Counters(ThreadLocal<OfThread>);

#[derive(Debug, Default)]
struct OfThread {
    successes: AtomicU64,
    failures: AtomicU64,
    ignored: AtomicU64,
    stale: AtomicU64,
    rejections: AtomicU64,
}

impl Counters {
    #[inline]
    pub(crate) fn outcome(&self, outcome: Outcome, stale: bool) {
        let own = self.0.get_or_default();
        count(match outcome {
            Outcome::Success => &own.successes,
            Outcome::Failure | Outcome::FailureOpenFor(_) => &own.failures,
            Outcome::Ignored => &own.ignored,
        });
        if stale {
            count(&own.stale);
        }
    }

    pub(crate) fn rejection(&self) {
        count(&self.0.get_or_default().rejections);
    }

    /// The sums, each count as of its own moment.
    pub(crate) fn sum(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = self.0.iter().map(|own| Counts {
            successes: read(&own.successes),
            failures: read(&own.failures),
            ignored: read(&own.ignored),
            stale: read(&own.stale),
            rejections: read(&own.rejections),
        });
        counts.sum()
    }
}

/// Only the thread that owns a counter writes it, so this loses nothing.
#[inline]
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}
