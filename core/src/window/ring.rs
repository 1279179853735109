//! A ring of tagged words with a cursor: outcomes appended bit by bit.
//!
//! ```text
//!   cursor  generation (8) | quiet (1) | full words (6) | lap (11) | index (6)
//!   word    lap (11) | 0...01 (sentinel) then outcomes, newest lowest (21)
//! ```
//!
//! The *head* is the word at the cursor. Outcomes are appended to it until it
//! is full; after that it does not change again in this lap. Before the cursor
//! moves on, the next word is emptied for its new lap, so every word the cursor
//! points at carries the current lap: each word is rewritten in every lap, and
//! none can keep its tag for a whole period of laps. The word after the head is
//! therefore never part of the window.
//!
//! A new tenure is one step of the cursor to an empty word, with no full word
//! behind it. The first thread that records in the tenure or begins it takes
//! that step.

use super::Tenure;
use crate::sync::{AtomicU32, Ordering, swap};

const LAP_SHIFT: u32 = 21;
const PAYLOAD: u32 = (1 << LAP_SHIFT) - 1;
const INDEX_BITS: u32 = 6;
const FULL_SHIFT: u32 = 17;
const LAPS: u32 = 1 << (FULL_SHIFT - INDEX_BITS);
/// The most outcomes a word can hold beside its lap and its sentinel.
pub(super) const MAX_BITS: u32 = LAP_SHIFT - 1;
/// The most words a ring can have.
pub(super) const MAX_WORDS: usize = 1 << INDEX_BITS;

const _: () = assert!(LAPS == 1 << (u32::BITS - LAP_SHIFT), "words and cursor count laps alike");

/// One value of the cursor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor(u32);

impl Cursor {
    const QUIET: u32 = 1 << 23;

    #[inline]
    pub(super) const fn generation(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// The window is full and holds no failure: a success changes nothing.
    #[inline]
    pub(super) const fn is_quiet(self) -> bool {
        self.0 & Self::QUIET != 0
    }

    /// Quiet, and in `tenure`.
    #[inline]
    pub(super) const fn is_quiet_in(self, tenure: Tenure<'_>) -> bool {
        let expected = (tenure.generation() as u32) << 24 | Self::QUIET;
        self.0 & (0xff << 24 | Self::QUIET) == expected
    }

    /// Full words behind the head that belong to the tenure.
    #[inline]
    pub(super) const fn full(self) -> u32 {
        (self.0 >> FULL_SHIFT) & (MAX_WORDS as u32 - 1)
    }

    #[inline]
    const fn lap(self) -> u32 {
        (self.0 >> INDEX_BITS) % LAPS
    }

    #[inline]
    const fn index(self) -> usize {
        self.0 as usize % MAX_WORDS
    }

    const fn place(lap: u32, index: usize) -> Self {
        Self(lap << INDEX_BITS | index as u32)
    }

    /// The next place in a ring of `words`; `of` reduces its lap modulo `LAPS`.
    const fn onward(self, words: usize) -> Self {
        if self.index() + 1 == words {
            Self::place(self.lap() + 1, 0)
        } else {
            Self::place(self.lap(), self.index() + 1)
        }
    }

    /// This place for `generation`.
    const fn of(self, generation: u8, full: u32, quiet: bool) -> Self {
        let quiet = if quiet { Self::QUIET } else { 0 };
        let place = self.0 % (1 << FULL_SHIFT);
        Self((generation as u32) << 24 | quiet | full << FULL_SHIFT | place)
    }
}

/// The outcomes in one word: a sentinel, then one bit per outcome, 1 for a failure.
#[derive(Clone, Copy)]
pub(super) struct Outcomes(u32);

impl Outcomes {
    const EMPTY: Self = Self(1);

    #[inline]
    const fn push(self, failed: bool) -> Self {
        Self(self.0 << 1 | failed as u32)
    }

    #[inline]
    pub(super) const fn len(self) -> u32 {
        // The sentinel's position. `| 1` only tells the compiler that there is one.
        31 - (self.0 | 1).leading_zeros()
    }

    /// Failures among the newest `last`, which must be at most `len`.
    #[inline]
    pub(super) const fn failed_of_last(self, last: u32) -> u32 {
        (self.0 & ((1 << last) - 1)).count_ones()
    }
}

/// The head as one thread saw it.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) cursor: Cursor,
    pub(super) outcomes: Outcomes,
    word: u32,
}

impl Head {
    /// The head at a cursor that has just moved there.
    const fn empty(cursor: Cursor) -> Self {
        let word = cursor.lap() << LAP_SHIFT | Outcomes::EMPTY.0;
        Self { cursor, outcomes: Outcomes::EMPTY, word }
    }

    /// Whether the word already holds `bits` outcomes: the sentinel has moved all
    /// the way up.
    #[inline]
    const fn is_full(self, bits: u32) -> bool {
        self.word & 1 << bits != 0
    }

    /// The same head after one more outcome.
    #[inline]
    pub(super) const fn push(self, failed: bool) -> Self {
        Self { outcomes: self.outcomes.push(failed), ..self }
    }
}

/// The ring: `BITS` outcomes a word, at most [`MAX_BITS`]. With fewer it wraps
/// sooner, as models and tests need.
pub(super) struct Ring<const WORDS: usize, const BITS: u32> {
    pub(super) cursor: AtomicU32,
    pub(super) words: [AtomicU32; WORDS],
}

impl<const WORDS: usize, const BITS: u32> Ring<WORDS, BITS> {
    /// The initial value of every word: lap 0, empty.
    pub(super) const EMPTY_WORD: u32 = Outcomes::EMPTY.0;

    /// The current cursor.
    ///
    /// Acquire: pairs with the release of the swap in `step`. A thread that sees a step
    /// also sees the words behind it full and, if the step started a tenure, that the
    /// state had moved on.
    #[inline]
    pub(super) fn cursor(&self) -> Cursor {
        Cursor(self.cursor.load(Ordering::Acquire))
    }

    /// Starts `tenure` with an empty head, unless it has already started. `None`
    /// if it is over.
    #[cold]
    pub(super) fn begin(&self, tenure: Tenure<'_>) -> Option<Cursor> {
        loop {
            let cursor = self.cursor();
            if cursor.generation() == tenure.generation() {
                return Some(cursor);
            }
            // Checked after the load of the cursor: if the cursor belongs to a
            // later tenure, the state has moved on, and this check sees it.
            if !tenure.is_current() {
                return None;
            }
            self.step(cursor, cursor.onward(WORDS).of(tenure.generation(), 0, false));
        }
    }

    /// The head in `tenure`, with room for one more outcome; starts the tenure
    /// and steps on if needed. `quiet` says whether the window that ends with a
    /// full head is full and holds no failure.
    ///
    /// `None` if the tenure is over.
    #[inline]
    pub(super) fn head(&self, tenure: Tenure<'_>, quiet: impl Fn(Head) -> bool) -> Option<Head> {
        loop {
            let cursor = self.cursor();
            if cursor.generation() != tenure.generation() {
                self.begin(tenure)?;
                continue;
            }
            let Some(head) = self.look(cursor) else { continue };
            if !head.is_full(BITS) {
                return Some(head);
            }
            let full = (cursor.full() + 1).min(WORDS as u32 - 2);
            let next = cursor.onward(WORDS).of(cursor.generation(), full, quiet(head));
            if self.step(cursor, next) {
                return Some(Head::empty(next));
            }
        }
    }

    /// The head at `cursor`, unless the ring has come round and reused the word.
    #[inline]
    pub(super) fn look(&self, cursor: Cursor) -> Option<Head> {
        // Acquire: pairs with the release of `append`. A thread that sees a failure also sees
        // that the thread that recorded it had cleared the quiet marker.
        let word = self.word(cursor.index()).load(Ordering::Acquire);
        (word >> LAP_SHIFT == cursor.lap()).then_some(Head {
            cursor,
            outcomes: Outcomes(word & PAYLOAD),
            word,
        })
    }

    /// The word at `index`, which comes from a cursor and so is in range: the
    /// bound only spares a panic.
    #[inline]
    fn word(&self, index: usize) -> &AtomicU32 {
        &self.words[index.min(WORDS - 1)]
    }

    /// Appends an outcome to `head`, unless another thread came first.
    ///
    /// If it succeeds, the words behind the head have not changed either since
    /// `head` was read: they are full, and the cursor does not move on, let alone
    /// come round, before the head is full too. (In a later tenure it may, but
    /// then this tenure's outcomes no longer matter.)
    #[inline]
    pub(super) fn append(&self, head: Head, failed: bool) -> bool {
        // The outcomes move up by one and the lap stays. The lap is taken from
        // the cursor, which is known earlier: the next outcome waits for this
        // word, so as little as possible is computed from it.
        let lap = head.cursor.lap() << LAP_SHIFT;
        let word = head.word.wrapping_mul(2).wrapping_add((failed as u32).wrapping_sub(lap));
        swap(self.word(head.cursor.index()), head.word, word)
    }

    /// Clears the quiet marker, unless another thread came first.
    pub(super) fn wake(&self, cursor: Cursor) {
        swap(&self.cursor, cursor.0, cursor.0 & !Cursor::QUIET);
    }

    /// The full words behind the head that belong to the tenure, newest first.
    pub(super) fn behind(&self, cursor: Cursor) -> impl Iterator<Item = Outcomes> {
        let mut index = cursor.index();
        (0..cursor.full()).map(move |_| {
            index = if index == 0 { WORDS - 1 } else { index - 1 };
            // Acquire: pairs with the swap in `step`. A thread that sees the word
            // emptied for its next lap also sees that the cursor had moved on by
            // then.
            Outcomes(self.word(index).load(Ordering::Acquire) & PAYLOAD)
        })
    }

    /// Empties the word at `next`, the place after `cursor`, and moves the
    /// cursor there. False if another thread came first.
    fn step(&self, cursor: Cursor, next: Cursor) -> bool {
        let slot = self.word(next.index());
        let word = slot.load(Ordering::Relaxed);
        let lap = word >> LAP_SHIFT;
        // A word of any other lap is ahead of this view of the cursor. The swap's
        // release is for a thread that tallies the word behind a stale cursor
        // (`behind`).
        let emptied = lap == next.lap()
            || (lap + 1) % LAPS == next.lap() && swap(slot, word, Head::empty(next).word);
        emptied && swap(&self.cursor, cursor.0, next.0)
    }
}
