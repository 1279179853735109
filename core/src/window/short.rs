//! The last few calls, exactly, in one word.

use core::num::NonZeroU32;

use super::{Kind, Reach, Tenure, Window};
use crate::footprint::shared_in_flash;
use crate::sync::{AtomicU32, Ordering, const_fn, swap};
use crate::tally::{Record, Tally};

const TAG_SHIFT: u32 = 24;

/// The last N calls, exactly, N up to 23, in one word.
///
/// N is [`Config::last_calls`](crate::Config::last_calls). For more calls use a
/// [`CountWindow`](crate::CountWindow); this one is smaller in memory and in
/// code, and faster.
///
/// ```
/// use microbreaker::{Breaker, Config, ShortWindow};
/// static SENSOR: Breaker<ShortWindow, fn() -> u32> = Breaker::new(
///     Config::new().failures_in_window(5).last_calls(16).open_for(500),
///     ShortWindow::new(),
///     || 0,
/// );
/// assert_eq!(size_of::<ShortWindow>(), 4);
/// ```
///
/// # Cost
///
/// 4 bytes. A success in a window that is full and holds no failure is one
/// load and writes nothing while the breaker is closed; any other call is one
/// compare-and-swap. Lock-free.
pub struct ShortWindow {
    /// `tag (8) | 0...01 (sentinel) then outcomes, newest lowest (24)`
    ///
    /// The tag is the complement of the tenure's generation. So a new window's
    /// word, 0, carries the tag of generation 255, and is overwritten long before
    /// that.
    word: AtomicU32,
}

impl ShortWindow {
    const_fn! {
        /// An empty window.
        #[must_use]
        pub const fn new() -> Self {
            Self { word: AtomicU32::new(0) }
        }
    }

    /// The most calls this window can remember.
    pub const CAPACITY: u32 = TAG_SHIFT - 1;

    shared_in_flash! {
        elsewhere inline;

        /// Appends an outcome, if there is one, to the outcomes of `tenure`, which
        /// it starts if need be; returns the new word. `None` if the tenure is over.
        fn append(&self, tenure: Tenure<'_>, last: u32, failed: Option<bool>) -> Option<NonZeroU32> {
            loop {
                let (found, word) = self.look(tenure)?;
                let next = failed.map_or(word, |failed| push(word, last, failed));
                if swap(&self.word, found, next) {
                    return NonZeroU32::new(next);
                }
            }
        }
    }

    /// The word as found, and as it is for `tenure`: empty unless that has started.
    /// `None` if the tenure is over.
    fn look(&self, tenure: Tenure<'_>) -> Option<(u32, u32)> {
        // Acquire: pairs with the release of the swap in `append`. A thread that
        // sees the word of a later tenure also sees that the state has moved on.
        let found = self.word.load(Ordering::Acquire);
        let empty = tag(tenure) | 1;
        if (found ^ empty) >> TAG_SHIFT == 0 {
            Some((found, found))
        } else {
            tenure.is_current().then_some((found, empty))
        }
    }
}

const fn tag(tenure: Tenure<'_>) -> u32 {
    (!tenure.generation() as u32) << TAG_SHIFT
}

/// `word` after one more outcome, keeping only the newest `last`.
fn push(word: u32, last: u32, failed: bool) -> u32 {
    let tag = word & !0 << TAG_SHIFT;
    let outcomes = (word ^ tag) << 1 | failed as u32;
    let sentinel = 1 << (last % TAG_SHIFT);
    // The lesser word holds no more outcomes than were recorded, nor than are kept.
    tag | outcomes.min(outcomes & (sentinel - 1) | sentinel)
}

const fn tally(word: u32) -> Tally {
    let outcomes = word & !(!0 << TAG_SHIFT);
    // `| 1` only tells the compiler that there is a sentinel.
    let calls = (outcomes | 1).ilog2();
    // One round per failure, of which there are few, and none for the sentinel:
    // half the code of `count_ones` on cores without an instruction for it.
    let (mut rest, mut failed) = (outcomes & outcomes.wrapping_sub(1), 0);
    while rest != 0 {
        rest &= rest - 1;
        failed += 1;
    }
    Tally { calls, failed, slow: 0, level: 0 }
}

impl Window for ShortWindow {
    const KIND: Kind = Kind::Count { capacity: Self::CAPACITY };
    const NAME: &'static str = "ShortWindow";

    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        let word = self.append(tenure, reach.last_calls, Some(call.failed))?;
        Some(if call.failed { tally(word.get()) } else { Tally::default() })
    }

    #[inline]
    fn is_quiet(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        let full = 1 << (reach.last_calls % TAG_SHIFT);
        // Relaxed: the answer depends on this one value alone.
        self.word.load(Ordering::Relaxed) == tag(tenure) | full
    }

    fn tally(&self, tenure: Tenure<'_>, _: &Reach<impl Fn() -> u32>) -> Tally {
        self.look(tenure).map_or(Tally::default(), |(_, word)| tally(word))
    }

    fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        self.append(tenure, reach.last_calls, None);
    }
}

impl Default for ShortWindow {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for ShortWindow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ShortWindow").field("capacity", &Self::CAPACITY).finish_non_exhaustive()
    }
}
