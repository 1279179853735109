//! A window for many cores and constant failures.

use std::fmt;

#[cfg(loom)]
use loom::sync::atomic::fence;
#[cfg(not(loom))]
use std::sync::atomic::fence;

use microbreaker::{
    Tally,
    window::{Kind, Reach, Record, Tenure, Window},
};

use crate::threads;

/// Many windows in one: each thread records in its own, and a failure tallies
/// them together. For a breaker that is shared by many cores and sees failures
/// all the time, where one window's cache line would go to and fro.
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
/// Of windows by time, what one window would: the calls within T, whichever
/// threads made them. A bucket that one window would begin to halve holds
/// 1,023 calls of each stripe here.
///
/// Of windows by count, the last N calls *of each stripe*: at least the last N
/// of all, and at most N times the number of stripes. That is exact while all
/// calls are made through one stripe; for a rate it is a larger sample; and
/// `failures_in_window` counts failures among more than N calls, so a window by
/// time suits that better.
///
/// While others record, a tally may or may not have in it what enters while it
/// is taken; of racing failures that together meet a policy, the last one to
/// enter sees that it is met. Failures in a row are counted by the breaker
/// itself, in one word: with that policy, threads meet there after all.
///
/// # Cost
///
/// 128 bytes a stripe, or the window rounded up to that. A success costs what it
/// costs in the thread's own window, and the look-up of which that is; a failure
/// also tallies all the others, so it takes longer the more there are.
/// Lock-free if the windows are.
pub struct Striped<W, S = fn() -> usize> {
    stripes: Box<[Stripe<W>]>,
    here: S,
}

/// A window on cache lines of its own: two, as processors fetch them in pairs.
#[repr(align(128))]
struct Stripe<W>(W);

impl<W: Window> Striped<W> {
    /// A stripe for each core, each with a window that `make` makes. Threads
    /// keep theirs; as many as there are cores have one each, more share them.
    pub fn new(make: impl Fn() -> W) -> Self {
        Self::with(threads::cores(), make, threads::number)
    }
}

impl<W: Window, S: Fn() -> usize> Striped<W, S> {
    /// So many stripes, at least one, of which a call is recorded in the one
    /// that `here` says when it ends: the number of this core, say. One that is
    /// too large starts over from 0.
    pub fn with(stripes: usize, make: impl Fn() -> W, here: S) -> Self {
        Self { stripes: (0..stripes.max(1)).map(|_| Stripe(make())).collect(), here }
    }

    #[inline]
    fn index(&self) -> usize {
        let here = (self.here)();
        // Mostly there are more stripes than that; then nothing is divided.
        if here < self.stripes.len() { here } else { here % self.stripes.len() }
    }

    #[inline]
    fn own(&self) -> &W {
        &self.stripes[self.index()].0
    }

    /// `own`, the tally of the stripe at `index`, and those of all others.
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
            }
        })
    }
}

impl<W: Window, S: Fn() -> usize> Window for Striped<W, S> {
    const KIND: Kind = W::KIND;
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
        // Of threads that come by here, the last one sees what all of them have
        // recorded: this orders their recording before its tallying. Without it
        // each may tally the others' stripes as they were before.
        fence(std::sync::atomic::Ordering::SeqCst);
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
