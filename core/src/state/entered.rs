//! The tick from which the current phase counts, and what else time needs.
//!
//! Neither fits into the state word, so a transition publishes the phase *not
//! settled*, and the first thread to find it settles it: normally the winner of the
//! transition, but no thread waits for a winner that was preempted.
//!
//! ```text
//!   tick    the tick at which the phase began; in HalfOpen, at which a probe was last
//!           given out or ended (32)
//!   excess  a generation (8) | ticks by which its explicit length was rounded up (24)
//!           in HalfOpen with a longest stay:
//!           a generation (8) | 1 | the tick at which the stay began (23)
//! ```
//!
//! A thread may sleep between any two steps and wake generations later. Its
//! compare-and-swap must fail then, or do no harm:
//! - `tick` is swapped from the value seen *before* checking that the generation is
//!   still unsettled. If a later phase began, it has changed, unless that phase began
//!   at the very same tick; then the sleeper's is the same too, as a thread that sees
//!   a tick also sees the clock it was read from. A sleeper of the same generation
//!   may move it on, to a tick that it read before the generation was settled, so
//!   never beyond that moment.
//! - `excess` is tagged. Settling sets it to 0 in every generation, so that a tag of
//!   256 generations ago is never met; then the winner, which alone knows it,
//!   publishes it. Until then the length is the rounded one.

use super::{GENERATIONS, State, Word};
use crate::clock::STEP_BACK;
use crate::footprint::shared_in_flash;
use crate::phase::Phase;
use crate::sync::{AtomicU32, Ordering, const_fn, swap};

const TAG_SHIFT: u32 = 24;
const STAY: u32 = 1 << 23;
/// The longest stay in half-open that can be measured, in ticks.
pub(crate) const MAX_STAY: u32 = STAY - STEP_BACK - 1;

/// What is kept in the word of the excess.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    /// The excess of explicit lengths.
    pub(crate) excess: bool,
    /// When a stay in half-open began.
    pub(crate) stay: bool,
}

impl Kept {
    const fn any(self) -> bool {
        self.excess || self.stay
    }

    /// What the word becomes in `state`, which is settled at `now`.
    const fn next(self, state: State, word: u32, now: u32) -> u32 {
        let generation = state.generation();
        if !self.stay || !state.is(Phase::HalfOpen) {
            return tagged(generation, 0);
        }
        // A stay goes on if its word is of this tenure or of the one before.
        let tenures = generation.wrapping_sub(word >> TAG_SHIFT) % GENERATIONS;
        let goes_on = word & STAY != 0 && tenures <= 1;
        let began = if goes_on { word } else { now };
        tagged(generation, STAY | (began % STAY))
    }
}

/// When the phase began.
pub(crate) struct Entered {
    tick: AtomicU32,
    excess: AtomicU32,
}

impl Entered {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { tick: AtomicU32::new(0), excess: AtomicU32::new(0) }
        }
    }

    /// The tick of the current settled phase.
    ///
    /// What is read belongs to the state loaded before if that has not changed
    /// when it is loaded again after.
    #[inline]
    pub(crate) fn tick(&self) -> u32 {
        self.tick.load(Ordering::Acquire)
    }

    /// By how many ticks the length of `generation`, settled, was rounded up,
    /// as far as its winner has said.
    #[inline]
    pub(crate) fn excess(&self, generation: u32) -> u32 {
        let word = self.excess.load(Ordering::Acquire);
        if word >> TAG_SHIFT == generation { word & ((1 << TAG_SHIFT) - 1) } else { 0 }
    }

    /// For how many ticks before `tick`, the one of `generation`, the breaker had been
    /// half-open.
    #[inline]
    pub(crate) fn stay_before(&self, generation: u32, tick: u32) -> u32 {
        let word = self.excess.load(Ordering::Acquire);
        if word >> TAG_SHIFT != generation || word & STAY == 0 {
            return 0;
        }
        let ticks = tick.wrapping_sub(word) % STAY;
        // It began on a core whose clock is ahead.
        if ticks >= STAY - STEP_BACK { 0 } else { ticks }
    }

    shared_in_flash! {
        elsewhere cold, inline(never);

        /// The state, once it is settled, which is done here if need be; and before
        /// it is, `begin` has been called with a state of its generation.
        ///
        /// Lock-free: every retry means that another thread settled, or another
        /// transition got through.
        pub(crate) fn settle(
            &self,
            word: &Word,
            now: impl Fn() -> u32,
            begin: impl Fn(State),
            kept: Kept,
        ) -> State {
            loop {
                let state = word.load();
                if state.is_settled() {
                    return state;
                }
                let tick = self.tick();
                // Relaxed: if it is of a later generation, that began before the swap
                // below, or else it could not be seen here; so the swap fails.
                let excess = if kept.any() { self.excess.load(Ordering::Relaxed) } else { 0 };
                // The clock is read after the words and before the check: a tick
                // read in this generation, or thrown away. Checked by a swap: a load
                // could be older than the clock's tick.
                let now = now();
                begin(state);
                if word.swap(state, state)
                    && swap(&self.tick, tick, now)
                    && (!kept.any() || swap(&self.excess, excess, kept.next(state, excess, now)))
                    && word.swap(state, state.settled())
                {
                    return state.settled();
                }
            }
        }
    }

    /// Says by how many ticks the length of `generation`, settled, was rounded
    /// up, unless it is over. Only its winner knows.
    pub(crate) fn publish_excess(&self, word: &Word, generation: u32, ticks: u32) {
        let seen = self.excess.load(Ordering::Acquire);
        // Checked after the word was loaded: if that is of a later generation,
        // the state has moved on, and this sees it.
        if word.is_in(generation) {
            swap(&self.excess, seen, tagged(generation, ticks));
        }
    }
}

const fn tagged(generation: u32, ticks: u32) -> u32 {
    generation << TAG_SHIFT | ticks
}
