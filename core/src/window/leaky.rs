//! A level that failures raise and successes lower.

use core::num::NonZeroU32;

use super::{Kind, Reach, Tenure, Window};
use crate::footprint::shared_in_flash;
use crate::leak::Leak;
use crate::sync::{AtomicU32, Ordering, const_fn, swap};
use crate::tally::{Record, Tally};

const TAG_SHIFT: u32 = 24;
/// The highest limit: with a weight of 8 bits, sums have 31 at most.
pub(crate) const MAX_LIMIT: u32 = (1 << (TAG_SHIFT - 1)) - 1;

/// A leaky bucket, for [`Config::leaky_bucket`](crate::Config::leaky_bucket), beside
/// another window `W` for other policies (`()` for none).
///
/// Each failure raises its level and each success lowers it, so it forgets by calls and
/// not by time, and needs no window to tell a callee that fails rarely from one that fails
/// often. [`Leak`](crate::Leak) says how much, and designs it from failure rates.
///
/// ```
/// use microbreaker::{Breaker, Config, Leak, LeakyBucket, Phase};
///
/// const LEAK: Leak = Leak::designed(0.01, 0.5, 1e9);
/// static RADIO: Breaker<LeakyBucket, fn() -> u32> =
///     Breaker::new(Config::new().leaky_bucket(LEAK).open_for(500), LeakyBucket::new(()), || 0);
///
/// for _ in 0..LEAK.limit().div_ceil(LEAK.up()) {
///     assert_eq!(RADIO.phase(), Phase::Closed);
///     let _ = RADIO.call(|| Err::<(), _>("no answer"));
/// }
/// assert_eq!(RADIO.phase(), Phase::Open);
/// assert_eq!(size_of::<LeakyBucket>(), 4);
/// ```
///
/// A call enters `W` and then the bucket, so while calls end at the same time the two may
/// hold different calls; each is exact.
///
/// # Cost
///
/// 4 bytes, and `W`. A success in an empty bucket is one load and writes nothing; any other
/// call is one compare-and-swap. Lock-free.
pub struct LeakyBucket<W = ()> {
    /// `tag (8) | level (24)`
    ///
    /// The tag is the tenure's generation, so a new bucket's word, 0, is the empty bucket of
    /// generation 0.
    word: AtomicU32,
    beside: W,
}

impl<W> LeakyBucket<W> {
    const_fn! {
        /// An empty bucket beside the window `beside`.
        #[must_use]
        pub const fn new(beside: W) -> Self {
            Self { word: AtomicU32::new(0), beside }
        }
    }

    shared_in_flash! {
        elsewhere inline;

        /// Moves the level of `tenure`, which it starts if need be, between 0 and `limit`;
        /// returns the new level plus 1. `None` if the tenure is over.
        fn change(&self, tenure: Tenure<'_>, by: i32, limit: u32) -> Option<NonZeroU32> {
            loop {
                let (found, level) = self.look(tenure)?;
                let next = (level as i32 + by).max(0).min(limit as i32) as u32;
                let word = tag(tenure) | next;
                if found == word || swap(&self.word, found, word) {
                    return NonZeroU32::new(next + 1);
                }
            }
        }
    }

    /// The word as found, and the level of `tenure`: 0 unless that has started. `None` if
    /// the tenure is over.
    fn look(&self, tenure: Tenure<'_>) -> Option<(u32, u32)> {
        // Acquire: pairs with the release of the swap in `change`. A thread that sees the
        // word of a later tenure also sees that the state has moved on.
        let found = self.word.load(Ordering::Acquire);
        let level = found ^ tag(tenure);
        if level >> TAG_SHIFT == 0 {
            Some((found, level))
        } else {
            tenure.is_current().then_some((found, 0))
        }
    }
}

const fn tag(tenure: Tenure<'_>) -> u32 {
    (tenure.generation() as u32) << TAG_SHIFT
}

impl<W: Window> Window for LeakyBucket<W> {
    const KIND: Kind = W::KIND;
    const NAME: &'static str = W::NAME;
    const SLOW: bool = W::SLOW;
    const LEAKY: bool = true;

    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        let tally = self.beside.record(tenure, reach, call)?;
        let Leak { up, down, limit } = reach.leak;
        // Nothing overflows: see `MAX_LIMIT`.
        let by = if call.failed { (up * u32::from(call.weight)) as i32 } else { -(down as i32) };
        let level = self.change(tenure, by, limit)?.get() - 1;
        Some(Tally { level, ..tally })
    }

    #[inline]
    fn is_quiet(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        // Relaxed: the answer depends on this one value alone.
        self.word.load(Ordering::Relaxed) == tag(tenure) && self.beside.is_quiet(tenure, reach)
    }

    #[inline]
    fn try_success(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        // Relaxed, as in `is_quiet`.
        self.word.load(Ordering::Relaxed) == tag(tenure) && self.beside.try_success(tenure, reach)
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
        let level = self.look(tenure).map_or(0, |(_, level)| level);
        Tally { level, ..self.beside.tally(tenure, reach) }
    }

    fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        self.beside.begin(tenure, reach);
        self.change(tenure, 0, reach.leak.limit);
    }
}

impl<W: Default> Default for LeakyBucket<W> {
    fn default() -> Self {
        Self::new(W::default())
    }
}

impl<W: core::fmt::Debug> core::fmt::Debug for LeakyBucket<W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LeakyBucket").field("beside", &self.beside).finish_non_exhaustive()
    }
}
