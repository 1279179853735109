//! The tick from which the current phase counts, and the other times it needs.
//!
//! Neither fits into the state word, so a transition publishes the phase *not
//! settled*, and the first thread that comes by settles it: normally the winner
//! of the transition, but no thread waits for a winner that was preempted.
//!
//! ```text
//!   tick    the tick at which the phase began; in HalfOpen, at which a probe was last
//!           given out or ended (32)
//!   excess  a generation (8) | ticks by which its explicit length was rounded up (24)
//!           in Closed: a generation (8) | 0 | ticks by which its ramp is ahead (23)
//!           in HalfOpen with a longest stay:
//!           a generation (8) | 1 | the tick at which the stay began (23)
//! ```
//!
//! To settle a phase, a thread loads the tick, reads the clock, checks that the
//! generation is still unsettled, swaps the tick, and marks the state:
//! - Anybody can do that after the swap that published the phase (`settle`). The check
//!   is a swap of its own.
//! - The winner may have read tick and clock before that swap, to decide on it. Then
//!   that swap was the check, and the phase counts from this [`Reading`]
//!   (`settle_as_of`). But it may have slept in between, so an opening or a ramp, which
//!   that would cut short, is settled in the first way.
//!
//! A thread may sleep between any two steps and wake generations later. Its
//! compare-and-swap must then fail or do no harm:
//! - `tick` is swapped from the value seen *before* the check, to a clock read before
//!   it. If a later phase has begun, the value has
//!   changed, unless that phase began at the very same tick; then the sleeper
//!   writes the same tick too, because a thread that sees a tick also sees the
//!   clock it was read from. A sleeper of the same generation may move the tick
//!   on, to one it read before the generation was settled, so never beyond that
//!   moment.
//! - `excess` is tagged. Settling sets it to 0 wherever it will be read, so a tag from
//!   256 generations ago is never met; then the winner, which alone knows the
//!   excess, publishes it. Until then the length is the rounded one, and a ramp counts
//!   from the tick.
//!
//! So a ramp that is ahead, because it began elsewhere before this phase, has a tick like
//! any other. Were it put back instead, a sleeper that wakes in a later phase of the same
//! tick would write not that tick, but one before it, and cut that phase short.

use super::{GENERATIONS, State, Word};
use crate::clock::STEP_BACK;
use crate::footprint::{FLASH_IS_SCARCE, shared_in_flash};
use crate::phase::Phase;
use crate::sync::{AtomicU32, Ordering, const_fn, swap};

const TAG_SHIFT: u32 = 24;
const STAY: u32 = 1 << 23;
/// The longest stay in half-open that can be measured, in ticks.
pub(crate) const MAX_STAY: u32 = STAY - STEP_BACK - 1;
/// By how many ticks a ramp can be ahead at most: so that it cannot be taken for a stay.
pub(crate) const MAX_AHEAD: u32 = STAY - 1;

/// What the excess word is used for.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    /// The excess of explicit lengths and of ramps.
    pub(crate) excess: bool,
    /// When a stay in half-open began.
    pub(crate) stay: bool,
}

impl Kept {
    /// Whether the word must be set when `state` is settled: because it will be read, or
    /// because an old word could be taken for a stay that goes on. Setting it more often
    /// does no harm, and takes less code.
    const fn needs(self, state: State) -> bool {
        let is_read = state.is(Phase::Open) && state.explicit_length().is_some()
            || state.is(Phase::Closed) && state.is_ramping();
        self.stay || self.excess && (is_read || FLASH_IS_SCARCE)
    }

    /// The next value of the word when `state` is settled at `now`.
    const fn next(self, state: State, word: u32, now: u32) -> u32 {
        let generation = state.generation();
        if !self.stay || !state.is(Phase::HalfOpen) {
            return tagged(generation, 0);
        }
        // The stay goes on if the word belongs to this tenure or the one before.
        let tenures = generation.wrapping_sub(word >> TAG_SHIFT) % GENERATIONS;
        let goes_on = word & STAY != 0 && tenures <= 1;
        let began = if goes_on { word } else { now };
        tagged(generation, STAY | (began % STAY))
    }
}

/// The tick, and then the clock, as a thread read them before it swapped the state. Empty
/// where flash is scarce: there, every transition is settled in the same way.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    #[cfg(not(target_os = "none"))]
    words: Option<(u32, u32)>,
}

impl Reading {
    pub(crate) const NONE: Self = Self {
        #[cfg(not(target_os = "none"))]
        words: None,
    };

    pub(crate) const fn of(tick: u32, now: u32) -> Self {
        _ = (tick, now);
        Self {
            #[cfg(not(target_os = "none"))]
            words: Some((tick, now)),
        }
    }

    const fn words(self) -> Option<(u32, u32)> {
        #[cfg(not(target_os = "none"))]
        return self.words;
        #[cfg(target_os = "none")]
        None
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

    /// The words of a settled `generation` that counts from `tick`, whose explicit length
    /// was rounded up, or whose ramp is ahead, by `excess` ticks.
    pub(crate) fn of(tick: u32, generation: u32, excess: u32) -> Self {
        let excess = AtomicU32::new(tagged(generation, excess));
        Self { tick: AtomicU32::new(tick), excess }
    }

    /// The words of a settled half-open `generation` that counts from `tick`, in a stay
    /// that had lasted `stay` ticks by then.
    pub(crate) fn of_stay(tick: u32, generation: u32, stay: u32) -> Self {
        Self::of(tick, generation, STAY | (tick.wrapping_sub(stay) % STAY))
    }

    /// The tick of the current settled phase.
    ///
    /// Valid for a state loaded before only if a second load finds that state unchanged.
    #[inline]
    pub(crate) fn tick(&self) -> u32 {
        // Acquire: pairs with the release of the swap in `settle`. A thread that sees the
        // tick of a later phase also sees, at its second load, that the state has moved
        // on; and a thread that sees a tick also sees the clock it was read from.
        self.tick.load(Ordering::Acquire)
    }

    /// By how many ticks the length of `generation`, which is settled, was rounded up, or
    /// its ramp is ahead; 0 until the winner has published it.
    #[inline]
    pub(crate) fn excess(&self, generation: u32) -> u32 {
        // Acquire: pairs with the release of the swaps in `settle` and `publish_excess`.
        // A thread that finds the tag of a later generation also sees, at its second load
        // of the state, that `generation` is over.
        let word = self.excess.load(Ordering::Acquire);
        if word >> TAG_SHIFT == generation { word & ((1 << TAG_SHIFT) - 1) } else { 0 }
    }

    /// How many ticks the breaker had been half-open before `tick`, the tick of
    /// `generation`.
    #[inline]
    pub(crate) fn stay_before(&self, generation: u32, tick: u32) -> u32 {
        // Acquire: as in `excess`.
        let word = self.excess.load(Ordering::Acquire);
        if word >> TAG_SHIFT != generation || word & STAY == 0 {
            return 0;
        }
        let ticks = tick.wrapping_sub(word) % STAY;
        // The stay began on a core whose clock is ahead.
        if ticks >= STAY - STEP_BACK { 0 } else { ticks }
    }

    /// Settles `state`, which this thread has just swapped in, as of the `reading` that it
    /// took before that swap. Like [`settle`](Self::settle), it calls `begin` first. Returns
    /// false if the state is left to `settle`.
    ///
    /// Wait-free.
    #[inline]
    pub(crate) fn settle_as_of(
        &self,
        reading: Reading,
        word: &Word,
        state: State,
        begin: impl Fn(State),
        kept: Kept,
    ) -> bool {
        let Some((tick, now)) = reading.words() else { return false };
        if !state.may_count_from_earlier() || kept.needs(state) {
            return false;
        }
        begin(state);
        // Whoever settles a later tenure has seen the swap to `state`, so its clock, if it
        // agrees with this thread's, is not before `now`: the tick has changed, or it is
        // `now` already.
        swap(&self.tick, tick, now) && word.swap(state, state.settled())
    }

    shared_in_flash! {
        elsewhere cold, inline(never);

        /// Returns the settled state, settling it first if need be. Before it settles
        /// a state, it calls `begin` with a state of the same generation.
        ///
        /// Lock-free: every retry means that another thread settled the state, or
        /// that another transition succeeded.
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
                // Relaxed: if the excess is of a later generation, that generation
                // began before the swap of the state below, so that swap fails. It
                // cannot have begun after: its own swap would then acquire the release
                // of the one below, so what it writes would come after this load.
                let needed = kept.needs(state);
                let excess = if needed { self.excess.load(Ordering::Relaxed) } else { 0 };
                // The clock is read after the words and before the check, so the tick
                // was read in this generation or is thrown away. The check is a swap:
                // a load could be older than the clock's tick.
                let now = now();
                begin(state);
                if word.swap(state, state)
                    && swap(&self.tick, tick, now)
                    && (!needed || swap(&self.excess, excess, kept.next(state, excess, now)))
                    && word.swap(state, state.settled())
                {
                    return state.settled();
                }
            }
        }
    }

    /// Publishes by how many ticks the length of `generation`, which is settled, was
    /// rounded up, or its ramp is ahead, unless the generation is over. Only its winner
    /// knows this.
    pub(crate) fn publish_excess(&self, word: &Word, generation: u32, ticks: u32) {
        // Acquire: pairs with the release of the swap in `settle`. The state is checked
        // after this load: if the excess is of a later generation, the state has moved
        // on, and the check sees it.
        let seen = self.excess.load(Ordering::Acquire);
        if word.is_in(generation) {
            swap(&self.excess, seen, tagged(generation, ticks));
        }
    }
}

const fn tagged(generation: u32, ticks: u32) -> u32 {
    generation << TAG_SHIFT | ticks
}
