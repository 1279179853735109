//! What a time-based window may hold while its clock moves.
//!
//! A call is recorded at a tick that its thread read at some moment between the call's
//! beginning and its end, so no order of calls fixes the bucket of each. Its bounds are
//! exact: the bucket that the thread's clock showed at the beginning, and the bucket of the
//! clock that is furthest ahead at the end. The same goes for whoever looks at the window.
//! From these follow how many calls it must hold, and how many it may hold.

use std::ops::RangeInclusive;

use microbreaker::Tally;

/// The buckets of a window, numbered from tick 0 without wrapping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buckets {
    pub(crate) count: u64,
    pub(crate) ticks: u64,
    /// Whether the window sees the clock wrap.
    pub(crate) wrap: bool,
}

impl Buckets {
    /// The number of the bucket that contains `tick`. If the clock wraps, the last bucket of a
    /// turn is cut short.
    fn number(self, tick: u64) -> u64 {
        const TURN: u64 = 1 << 32;
        if !self.wrap {
            return tick / self.ticks;
        }
        tick / TURN * TURN.div_ceil(self.ticks) + tick % TURN / self.ticks
    }

    /// Whether a window whose newest bucket contains `now` reaches back to `tick`.
    fn reach(self, now: u64, tick: u64) -> bool {
        self.number(now) < self.number(tick) + self.count
    }
}

/// When something happened.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// Its first and last step, by a counter that all threads share.
    pub(crate) steps: RangeInclusive<u64>,
    /// The ticks that may have been read meanwhile.
    pub(crate) ticks: RangeInclusive<u64>,
}

impl Span {
    fn is_before(&self, other: &Self) -> bool {
        self.steps.end() < other.steps.start()
    }
}

/// A call through the breaker.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) generation: u8,
    pub(crate) failed: bool,
    pub(crate) slow: bool,
    pub(crate) stale: bool,
    pub(crate) span: Span,
}

/// The window of a closed breaker as a thread saw it.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) generation: u8,
    pub(crate) tally: Tally,
    pub(crate) span: Span,
}

/// Everything that happened to a breaker that trips at `threshold` failures in its window.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) buckets: Buckets,
    pub(crate) threshold: usize,
    pub(crate) calls: Vec<Call>,
    pub(crate) sights: Vec<Sight>,
    /// The generations that the policy ended.
    pub(crate) trips: Vec<u8>,
}

impl Log {
    pub(crate) fn new(buckets: Buckets, threshold: usize) -> Self {
        Self { buckets, threshold, calls: Vec::new(), sights: Vec::new(), trips: Vec::new() }
    }

    /// Fails if a call was lost, counted after it had left the window or in another tenure,
    /// or if the breaker did not trip, or tripped, for no reason.
    pub(crate) fn check(&self) {
        for sight in &self.sights {
            let Tally { calls, failed, slow, .. } = sight.tally;
            let seen = [calls, failed, slow].map(|count| count as usize);
            let ((least, most), what) = (self.bounds(sight), "calls, failures and slow calls");
            let within = (0..seen.len()).all(|i| (least[i]..=most[i]).contains(&seen[i]));
            assert!(within, "{what} from {least:?} to {most:?}, but {sight:?}\n{self:#?}");
            let met = self.must_have_tripped(sight);
            assert!(!met, "no trip before {sight:?}\n{self:#?}");
        }
        for generation in &self.trips {
            let met = self.may_have_tripped(*generation);
            assert!(met, "a trip of {generation} for no reason\n{self:#?}");
        }
    }

    fn calls(&self, generation: u8) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(move |call| call.generation == generation)
    }

    fn failures(&self, generation: u8) -> impl Iterator<Item = &Call> {
        self.calls(generation).filter(|call| call.failed)
    }

    /// How many calls, failures and slow calls the window held at least and at most.
    fn bounds(&self, sight: &Sight) -> ([usize; 3], [usize; 3]) {
        let (first, last) = sight.span.ticks.clone().into_inner();
        let surely = |call: &&Call| {
            let before = call.span.is_before(&sight.span) && !call.stale;
            before && self.buckets.reach(last, *call.span.ticks.start())
        };
        let perhaps = |call: &&Call| {
            let after = sight.span.is_before(&call.span);
            !after && self.buckets.reach(first, *call.span.ticks.end())
        };
        let count = |calls: Vec<&Call>| {
            let failed = calls.iter().filter(|call| call.failed).count();
            let slow = calls.iter().filter(|call| call.slow).count();
            [calls.len(), failed, slow]
        };
        let all = || self.calls(sight.generation);
        (count(all().filter(surely).collect()), count(all().filter(perhaps).collect()))
    }

    /// Whether enough failures came before that were all in the window when the last of
    /// them entered it.
    fn must_have_tripped(&self, sight: &Sight) -> bool {
        let entered = |call: &&Call| !call.stale && call.span.is_before(&sight.span);
        let failures = || self.failures(sight.generation).filter(entered);
        failures().any(|last| {
            let end = *last.span.ticks.end();
            let together = |call: &&Call| {
                *call.span.ticks.end() <= end && self.buckets.reach(end, *call.span.ticks.start())
            };
            failures().filter(together).count() >= self.threshold
        })
    }

    /// Whether enough failures may have been in the window at once.
    fn may_have_tripped(&self, generation: u8) -> bool {
        self.failures(generation).any(|oldest| {
            let end = *oldest.span.ticks.end();
            let together = |call: &&Call| {
                *call.span.ticks.end() >= end && self.buckets.reach(*call.span.ticks.start(), end)
            };
            self.failures(generation).filter(together).count() >= self.threshold
        })
    }
}
