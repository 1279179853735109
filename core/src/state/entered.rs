//! When the current phase began, and how long an opening of its own length is.
//!
//! Neither fits into the state word, so a transition publishes the phase *not
//! settled*, and whoever comes by first settles it: normally the winner of the
//! transition, but nobody waits for a winner that was preempted.
//!
//! ```text
//!   tick    the tick at which the phase began (32)
//!   length  tag: a generation (8) | unit (1) | length (23)
//! ```
//!
//! A thread may sleep between any two steps and wake generations later. Its
//! compare-and-swap must fail then, or do no harm:
//! - `tick` is swapped from the value seen *before* checking that the
//!   generation is still unsettled, so it has changed since, unless a later
//!   phase began at the very same tick, and then the sleeper's is the same too.
//! - `length` carries the generation it belongs to. It is tagged with the
//!   current generation when that is settled, and with the next one as soon as
//!   somebody demands an opening; so each generation gets at most one length,
//!   and it is there *before* the phase can be seen.

use super::{State, Word};
use crate::sync::{AtomicU32, Ordering, const_fn};

const TAG_SHIFT: u32 = 24;
const UNIT: u32 = 1 << 23;
const VALUE: u32 = UNIT - 1;
/// Lengths that do not fit in ticks are kept in units of this many ticks.
const COARSE: u32 = 256;

/// The longest own length, in ticks; longer ones count as this.
const MAX_LENGTH: u32 = VALUE * COARSE;

/// An opening's own length, packed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Length(u32);

impl Length {
    /// `ticks`, rounded up to what can be kept, at most [`MAX_LENGTH`].
    const fn pack(ticks: u32) -> Self {
        if ticks <= VALUE {
            Self(ticks)
        } else if ticks <= MAX_LENGTH {
            Self(UNIT | ticks.div_ceil(COARSE))
        } else {
            Self(UNIT | VALUE)
        }
    }

    pub(crate) const fn ticks(self) -> u32 {
        if self.0 & UNIT == 0 { self.0 } else { (self.0 & VALUE) * COARSE }
    }

    const fn tagged(self, generation: u8) -> u32 {
        (generation as u32) << TAG_SHIFT | self.0
    }

    const fn unpack(word: u32) -> (u8, Self) {
        ((word >> TAG_SHIFT) as u8, Self(word & (UNIT | VALUE)))
    }
}

/// What came of demanding an opening of a length of its own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// The next generation has a length; if it is the caller's, it was rounded
    /// up by this many ticks, which its winner takes off the entered-at tick.
    Published { rounded_by: u32 },
    /// The generation is over.
    Stale,
}

/// When the phase began.
pub(crate) struct Entered {
    tick: AtomicU32,
    length: AtomicU32,
}

impl Entered {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self { tick: AtomicU32::new(0), length: AtomicU32::new(0) }
        }
    }

    /// The tick of the current settled phase.
    ///
    /// What is read belongs to the state loaded before if that has not changed
    /// when it is loaded again after.
    pub(crate) fn tick(&self) -> u32 {
        self.tick.load(Ordering::Acquire)
    }

    /// The length tagged with `generation`, if that is the tag.
    pub(crate) fn length(&self, generation: u8) -> Option<Length> {
        let (tag, length) = Length::unpack(self.length.load(Ordering::Acquire));
        (tag == generation).then_some(length)
    }

    /// Settles `unsettled`, a state that was loaded, unless it is over.
    ///
    /// `rounded_by` is taken off the tick. Returns the tick that was read.
    /// Lock-free: every retry means that another thread settled, or another
    /// transition got through.
    pub(crate) fn settle(
        &self,
        word: &Word,
        unsettled: State,
        rounded_by: u32,
        now: impl Fn() -> u32,
    ) -> u32 {
        let generation = unsettled.generation();
        loop {
            let tick = self.tick.load(Ordering::Acquire);
            let length = self.length.load(Ordering::Acquire);
            // The clock is read after the words and before the check: a tick
            // read in this generation, or thrown away.
            let now = now();
            let state = word.load();
            if state.generation() != generation || state.is_settled() {
                return now;
            }
            if !replace(&self.tick, tick, now.wrapping_sub(rounded_by)) {
                continue;
            }
            let (tag, _) = Length::unpack(length);
            if tag != generation && !replace(&self.length, length, Length(0).tagged(generation)) {
                continue;
            }
            if word.swap(state, state.settled()) {
                return now;
            }
        }
    }

    /// Publishes `ticks` as the length of the generation after `settled`, a
    /// settled state that was loaded. The caller is committed to opening.
    ///
    /// Of several demands in one generation the first counts. Lock-free.
    pub(crate) fn demand(&self, word: &Word, settled: State, ticks: u32) -> Demand {
        let next = settled.generation().wrapping_add(1);
        let length = Length::pack(ticks);
        loop {
            let seen = self.length.load(Ordering::Acquire);
            if !word.is_in(settled.generation()) {
                return Demand::Stale;
            }
            if Length::unpack(seen).0 == next {
                return Demand::Published { rounded_by: 0 };
            }
            if replace(&self.length, seen, length.tagged(next)) {
                return Demand::Published { rounded_by: length.ticks().saturating_sub(ticks) };
            }
        }
    }
}

fn replace(word: &AtomicU32, from: u32, to: u32) -> bool {
    word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}
