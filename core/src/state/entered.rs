//! When the current phase began, and the rest of an opening's explicit length.
//!
//! Neither fits into the state word, so a transition publishes the phase *not
//! settled*, and whoever comes by first settles it: normally the winner of the
//! transition, but nobody waits for a winner that was preempted.
//!
//! ```text
//!   tick    the tick at which the phase began (32)
//!   excess  a generation (8) | ticks by which its length was rounded up (24)
//! ```
//!
//! A thread may sleep between any two steps and wake generations later. Its
//! compare-and-swap must fail then, or do no harm:
//! - `tick` is swapped from the value seen *before* checking that the
//!   generation is still unsettled. If a later phase began, it has changed,
//!   unless that phase began at the very same tick; then the sleeper's is the
//!   same too, as whoever sees a tick also sees the clock it was read from. A
//!   sleeper of the same generation may move it on, to a tick that it read before
//!   the generation was settled, so never beyond that moment.
//! - `excess` is tagged. Settling sets it to 0 in every generation, so that a
//!   tag of 256 generations ago is never met; then the winner, who alone knows
//!   it, publishes it. Until then the length is the rounded one.

use super::{State, Word};
use crate::footprint::shared_in_flash;
use crate::sync::{AtomicU32, Ordering, const_fn, swap};

const TAG_SHIFT: u32 = 24;

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
            explicit_lengths: bool,
        ) -> State {
            loop {
                let state = word.load();
                if state.is_settled() {
                    return state;
                }
                let tick = self.tick();
                // Relaxed: if it is of a later generation, that began before the swap
                // below, or else it could not be seen here; so the swap fails.
                let excess = if explicit_lengths { self.excess.load(Ordering::Relaxed) } else { 0 };
                // The clock is read after the words and before the check: a tick
                // read in this generation, or thrown away. Checked by a swap: a load
                // could be older than the clock's tick.
                let now = now();
                begin(state);
                if word.swap(state, state)
                    && swap(&self.tick, tick, now)
                    && (!explicit_lengths || swap(&self.excess, excess, tagged(state.generation(), 0)))
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
