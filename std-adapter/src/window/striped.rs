//! A window for many cores and constant failures.

use std::fmt;

use microbreaker::{
    Tally,
    window::{Kind, Reach, Record, Tenure, Window},
};

use crate::sync::atomic::{Ordering, fence};
use crate::threads;

/// Many windows in one: each thread records in its own, and a failure adds them up. For
/// a breaker that many cores share and that sees failures all the time: with a single
/// window, its cache line would bounce between the cores.
///
/// ```
/// use microbreaker::{Breaker, Config, TimeWindow};
/// use microbreaker_std::Striped;
/// use microbreaker_std::clock::MonotonicClock;
///
/// let config = Config::new().failure_rate(50).min_calls(20).bucket(1_000).open_for(5_000);
/// let window = Striped::new(TimeWindow::<10>::new);
/// let upstream = Breaker::new(config, window, MonotonicClock::new());
/// assert!(upstream.call(|| "42".parse::<u32>()).is_ok());
/// ```
///
/// # What it remembers
///
/// With time-based windows, what one window would: the calls within T, whichever threads
/// made them. A bucket starts to halve its counts only at 1,023 calls of *one* stripe.
///
/// With count-based windows, the last N calls *of each stripe*: at least the last N of all,
/// and at most N times the number of stripes. That is exact while all calls go through
/// one stripe. For a rate it is a larger sample. For `failures_in_window` it counts the
/// failures among more than N calls, so a time-based window suits that policy better.
///
/// A tally may or may not include the calls that other threads record while it is taken.
/// Of racing failures that together meet a policy, the last one to be recorded sees that
/// it is met. The breaker itself counts failures in a row, in one word, so with that
/// policy the threads share a cache line after all.
///
/// # Cost
///
/// 128 bytes a stripe, or the size of the window rounded up to a multiple of that. A
/// success costs what it does in the thread's own window, and the look-up of that
/// window. A failure also reads all the other windows, so it takes longer the more there
/// are. Lock-free if the windows are.
pub struct Striped<W, S = fn() -> usize> {
    stripes: Box<[Stripe<W>]>,
    here: S,
}

/// A window on cache lines of its own: two, because processors fetch them in pairs.
#[repr(align(128))]
struct Stripe<W>(W);

impl<W: Window> Striped<W> {
    /// A stripe for each core, each with a window from `make`. A thread keeps its stripe.
    /// As many threads as there are cores have one each; more threads share them.
    pub fn new(make: impl Fn() -> W) -> Self {
        Self::with(threads::cores(), make, threads::number)
    }
}

impl<W: Window, S: Fn() -> usize> Striped<W, S> {
    /// A window of `stripes` stripes, at least one. When a call ends, it is recorded in
    /// the stripe whose number `here` returns: the number of this core, for example.
    /// Numbers that are too large wrap around.
    pub fn with(stripes: usize, make: impl Fn() -> W, here: S) -> Self {
        Self { stripes: (0..stripes.max(1)).map(|_| Stripe(make())).collect(), here }
    }

    #[inline]
    fn index(&self) -> usize {
        let here = (self.here)();
        // Usually there are more stripes than that, which saves the division.
        if here < self.stripes.len() { here } else { here % self.stripes.len() }
    }

    #[inline]
    fn own(&self) -> &W {
        &self.stripes[self.index()].0
    }

    /// The sum of `own`, which is the tally of the stripe at `index`, and the tallies of
    /// all the other stripes.
    fn with_others(
        &self,
        index: usize,
        own: Tally,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
    ) -> Tally {
        let others = self.stripes.iter().enumerate().filter(|(other, _)| *other != index);
        others.fold(own, |sum, (_, stripe)| {
            let tally = stripe.0.tally(tenure, reach);
            Tally {
                calls: sum.calls + tally.calls,
                failed: sum.failed + tally.failed,
                slow: sum.slow + tally.slow,
                ..sum
            }
        })
    }
}

impl<W: Window, S: Fn() -> usize> Window for Striped<W, S> {
    const KIND: Kind = W::KIND;
    const NAME: &'static str = W::NAME;
    const SLOW: bool = W::SLOW;

    #[inline]
    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        let index = self.index();
        let own = self.stripes[index].0.record(tenure, reach, call)?;
        if !(call.failed || call.slow) {
            return Some(own);
        }
        // Of the threads that pass this fence, the last one sees what all of them have
        // recorded, because it orders their records before its tally. Without it, each of
        // them may read the others' stripes as they were before.
        fence(Ordering::SeqCst);
        Some(self.with_others(index, own, tenure, reach))
    }

    #[inline]
    fn is_quiet(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        self.own().is_quiet(tenure, reach)
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
        self.with_others(self.stripes.len(), Tally::default(), tenure, reach)
    }

    fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        for stripe in &self.stripes {
            stripe.0.begin(tenure, reach);
        }
    }
}

impl<W, S> fmt::Debug for Striped<W, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Striped").field("stripes", &self.stripes.len()).finish_non_exhaustive()
    }
}
