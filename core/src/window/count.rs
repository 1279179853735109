//! The last N calls, exactly.

use super::ring::{Head, MAX_BITS, MAX_WORDS, Ring};
use super::{Tally, Tenure, Window};
use crate::sync::AtomicU32;

/// The last N calls, exactly, in a ring of `WORDS` words.
///
/// N is [`Config::last_calls`](crate::Config::last_calls). A word holds 23
/// outcomes and two words are needed beside the full ones, so N may be up to
/// `(WORDS - 2) * 23 + 1`; [`words_for`](Self::words_for) turns that round.
///
/// | N up to | 1 | 24 | 47 | 70 | 93 | 116 | 1013 |
/// |---|---|---|---|---|---|---|---|
/// | `WORDS` | 2 | 3 | 4 | 5 | 6 | 7 | 46 |
///
/// # Cost
///
/// `4 + 4 * WORDS` bytes. A success in a window that is full and holds no
/// failure is one load and writes nothing; otherwise it is one
/// compare-and-swap, and every 23rd steps to the next word. A failure tallies
/// the window too: one load for every 23 calls. All lock-free.
///
/// `BITS`, the outcomes per word, is for models and tests that want a ring that
/// wraps soon.
pub struct CountWindow<const WORDS: usize, const BITS: u32 = MAX_BITS>(Ring<WORDS, BITS>);

impl<const WORDS: usize, const BITS: u32> CountWindow<WORDS, BITS> {
    const CHECKED: () = {
        assert!(WORDS >= 2, "a CountWindow needs at least 2 words");
        assert!(WORDS <= MAX_WORDS, "a CountWindow has at most 128 words");
        assert!(BITS >= 1 && BITS <= MAX_BITS, "a word holds 1 to 23 outcomes");
    };

    /// An empty window.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::CHECKED;
        Self(Ring {
            cursor: AtomicU32::new(0),
            words: [const { AtomicU32::new(Ring::<WORDS, BITS>::EMPTY_WORD) }; WORDS],
        })
    }

    /// An empty window.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        let () = Self::CHECKED;
        Self(Ring {
            cursor: AtomicU32::new(0),
            words: core::array::from_fn(|_| AtomicU32::new(Ring::<WORDS, BITS>::EMPTY_WORD)),
        })
    }

    /// The number of words for the last `calls` calls.
    ///
    /// ```
    /// use microbreaker::CountWindow;
    /// let window: CountWindow<{ CountWindow::<2>::words_for(100) }> = CountWindow::new();
    /// assert_eq!(size_of_val(&window), 32);
    /// ```
    #[must_use]
    pub const fn words_for(calls: u32) -> usize {
        calls.saturating_sub(1).div_ceil(BITS) as usize + 2
    }

    /// Tallies the newest `last` outcomes: those of the head, of whole words,
    /// and of the youngest part of the oldest.
    fn scan(&self, head: Head, last: u32) -> Tally {
        let newest = head.outcomes.len().min(last);
        let mut tally = Tally { calls: newest, failed: head.outcomes.failed_of_last(newest) };
        for back in 1..=head.cursor.full() {
            let part = BITS.min(last - tally.calls);
            if part == 0 {
                break;
            }
            tally.failed += self.0.behind(head.cursor, back).failed_of_last(part);
            tally.calls += part;
        }
        tally
    }

    fn head(&self, tenure: Tenure<'_>, last: u32) -> Option<Head> {
        self.0.head(tenure, |full| {
            full.outcomes.failed_of_last(BITS) == 0
                && self.scan(full, last) == Tally { calls: last, failed: 0 }
        })
    }
}

impl<const WORDS: usize, const BITS: u32> Window for CountWindow<WORDS, BITS> {
    const CAPACITY: u32 = (WORDS as u32 - 2) * BITS + 1;

    #[inline]
    fn success(&self, tenure: Tenure<'_>, last: u32) {
        let cursor = self.0.cursor();
        if cursor.is_quiet() && cursor.generation() == tenure.generation() {
            return;
        }
        while let Some(head) = self.head(tenure, last) {
            if head.cursor.is_quiet() || self.0.append(head, false) {
                return;
            }
        }
    }

    fn failure(&self, tenure: Tenure<'_>, last: u32) -> Option<Tally> {
        loop {
            let head = self.head(tenure, last)?;
            if head.cursor.is_quiet() {
                self.0.wake(head.cursor);
                continue;
            }
            // Tallied before it is swapped in: if the swap succeeds, nothing
            // entered in between, and the tally is exact.
            let tally = self.scan(head.push(true), last);
            if self.0.append(head, true) {
                return Some(tally);
            }
        }
    }

    fn tally(&self, tenure: Tenure<'_>, last: u32) -> Tally {
        loop {
            let cursor = self.0.cursor();
            if cursor.generation() != tenure.generation() {
                return Tally::default();
            }
            if cursor.is_quiet() {
                // Its head may be empty still, and N one more than the words
                // behind it hold.
                return Tally { calls: last, failed: 0 };
            }
            if let Some(head) = self.0.look(cursor) {
                let tally = self.scan(head, last);
                if self.0.cursor() == cursor {
                    return tally;
                }
            }
        }
    }

    fn begin(&self, tenure: Tenure<'_>) {
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
