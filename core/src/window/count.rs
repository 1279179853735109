//! The last N calls, exactly.

use core::hint;

use super::ring::{Head, MAX_BITS, MAX_WORDS, Ring};
use super::{Kind, Reach, Tenure, Window};
use crate::sync::{AtomicU32, atomics, const_fn};
use crate::tally::{Record, Tally};

/// The last N calls, exactly, in a ring of `WORDS` words. For up to 23 calls use
/// a [`ShortWindow`](crate::ShortWindow).
///
/// N is [`Config::last_calls`](crate::Config::last_calls). A word holds 20
/// outcomes, and the ring needs two words beside the full ones, so N may be up to
/// `(WORDS - 2) * 20`; [`words_for`](Self::words_for) computes `WORDS` from N.
///
/// | N up to | 20 | 40 | 60 | 80 | 100 | 1,000 | 1,240 |
/// |---|---|---|---|---|---|---|---|
/// | `WORDS` | 3 | 4 | 5 | 6 | 7 | 52 | 64 |
///
/// ```
/// use microbreaker::{Breaker, Config, CountWindow, Phase};
///
/// static UPSTREAM: Breaker<CountWindow<7>, fn() -> u32> = Breaker::new(
///     Config::new().failure_rate(50).min_calls(10).last_calls(100).open_for(500),
///     CountWindow::new(),
///     || 0,
/// );
/// for call in 0..10 {
///     assert_eq!(UPSTREAM.phase(), Phase::Closed);
///     let _ = UPSTREAM.call(|| if call % 2 == 0 { Ok(call) } else { Err("no answer") });
/// }
/// assert_eq!(UPSTREAM.phase(), Phase::Open); // half of 10 failed
/// ```
///
/// # Cost
///
/// `4 + 4 * WORDS` bytes. A success in a window that is full and holds no
/// failure is one load and writes nothing; any other call is one
/// compare-and-swap, and every 20th also steps to the next word. A failure
/// tallies the window too: one load for every 20 calls. All lock-free.
///
/// `BITS`, the outcomes per word, is for models and tests that need a ring that
/// wraps early.
pub struct CountWindow<const WORDS: usize, const BITS: u32 = MAX_BITS>(Ring<WORDS, BITS>);

impl<const WORDS: usize, const BITS: u32> CountWindow<WORDS, BITS> {
    const CHECKED: () = {
        assert!(WORDS >= 3, "a CountWindow needs at least 3 words");
        assert!(WORDS <= MAX_WORDS, "a CountWindow has at most 64 words");
        assert!(BITS >= 1 && BITS <= MAX_BITS, "a word holds 1 to 20 outcomes");
    };

    const_fn! {
        /// An empty window.
        #[must_use]
        pub const fn new() -> Self {
            let () = Self::CHECKED;
            Self(Ring {
                cursor: AtomicU32::new(0),
                words: atomics![Ring::<WORDS, BITS>::EMPTY_WORD; WORDS],
            })
        }
    }

    /// The most calls this window can remember.
    pub const CAPACITY: u32 = (WORDS as u32 - 2) * BITS;

    /// Returns how many words a window of the last `calls` calls needs.
    ///
    /// ```
    /// use microbreaker::CountWindow;
    /// let window: CountWindow<{ CountWindow::<3>::words_for(100) }> = CountWindow::new();
    /// assert_eq!(size_of_val(&window), 32);
    /// ```
    #[must_use]
    pub const fn words_for(calls: u32) -> usize {
        calls.div_ceil(BITS) as usize + 2
    }

    /// Tallies the newest `last` outcomes: those in the head, in whole words
    /// behind it, and in the newest part of the oldest word.
    fn scan(&self, head: Head, last: u32) -> Tally {
        let newest = head.outcomes.len().min(last);
        let failed = head.outcomes.failed_of_last(newest);
        let mut tally = Tally { calls: newest, failed, slow: 0, level: 0 };
        // First the words that count in full.
        let mut behind = self.0.behind(head.cursor);
        while tally.calls + BITS <= last
            && let Some(whole) = behind.next()
        {
            tally.failed += whole.failed_of_last(BITS);
            tally.calls += BITS;
        }
        if let Some(oldest) = behind.next() {
            tally.failed += oldest.failed_of_last(last - tally.calls);
            tally.calls = last;
        }
        tally
    }

    /// Appends a success. False if the tenure is over.
    #[inline(never)]
    fn append_success(&self, tenure: Tenure<'_>, last: u32) -> bool {
        while let Some(head) = self.head(tenure, last) {
            if head.cursor.is_quiet() || self.0.append(head, false) {
                return true;
            }
            hint::spin_loop();
        }
        false
    }

    /// Appends a failure and tallies the window. `None` if the tenure is over.
    fn append_failure(&self, tenure: Tenure<'_>, last: u32) -> Option<Tally> {
        loop {
            let head = self.head(tenure, last)?;
            if head.cursor.is_quiet() {
                self.0.wake(head.cursor);
                continue;
            }
            // Tallied before the swap: if the swap succeeds, nothing entered in
            // between, and the tally is exact.
            let tally = self.scan(head.push(true), last);
            if self.0.append(head, true) {
                return Some(tally);
            }
            hint::spin_loop();
        }
    }

    #[inline]
    fn head(&self, tenure: Tenure<'_>, last: u32) -> Option<Head> {
        self.0.head(tenure, |full| self.is_quiet_up_to(full, last))
    }

    /// Whether the window that ends with a `full` head is full and holds no failure.
    #[cold]
    fn is_quiet_up_to(&self, full: Head, last: u32) -> bool {
        full.outcomes.failed_of_last(BITS) == 0
            && self.scan(full, last) == Tally { calls: last, failed: 0, slow: 0, level: 0 }
    }
}

impl<const WORDS: usize, const BITS: u32> Window for CountWindow<WORDS, BITS> {
    const KIND: Kind = Kind::Count { capacity: Self::CAPACITY };
    const NAME: &'static str = "CountWindow";

    #[inline]
    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        if call.failed {
            self.append_failure(tenure, reach.last_calls)
        } else {
            self.append_success(tenure, reach.last_calls).then(Tally::default)
        }
    }

    #[inline]
    fn is_quiet(&self, tenure: Tenure<'_>, _: &Reach<impl Fn() -> u32>) -> bool {
        self.0.cursor().is_quiet_in(tenure)
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
        loop {
            let cursor = self.0.cursor();
            if cursor.generation() != tenure.generation() {
                return Tally::default();
            }
            if let Some(head) = self.0.look(cursor) {
                let tally = self.scan(head, reach.last_calls);
                if self.0.cursor() == cursor {
                    return tally;
                }
            }
        }
    }

    fn begin(&self, tenure: Tenure<'_>, _: &Reach<impl Fn() -> u32>) {
        self.0.begin(tenure);
    }
}

impl<const WORDS: usize, const BITS: u32> Default for CountWindow<WORDS, BITS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const WORDS: usize, const BITS: u32> core::fmt::Debug for CountWindow<WORDS, BITS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CountWindow").field("capacity", &Self::CAPACITY).finish_non_exhaustive()
    }
}
