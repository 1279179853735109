//! The state word: one atomic, one compare-and-swap loop.

use super::State;
use crate::sync::{AtomicU32, Ordering, const_fn, swap};

/// The shared state word.
///
/// Loads acquire and pair with the release of every swap, so a thread that sees a phase
/// also sees what was published before it: the length of an opening, and the tick that a
/// settled phase counts from.
pub(crate) struct Word(AtomicU32);

impl Word {
    const_fn! {
        pub(crate) const fn new() -> Self {
            Self(AtomicU32::new(State::INITIAL.bits()))
        }
    }

    /// A word in `state`.
    pub(crate) fn of(state: State) -> Self {
        Self(AtomicU32::new(state.bits()))
    }

    #[inline]
    pub(crate) fn load(&self) -> State {
        State::from_bits(self.0.load(Ordering::Acquire))
    }

    /// Whether the current tenure is `generation`.
    #[inline]
    pub(crate) fn is_in(&self, generation: u32) -> bool {
        self.load().generation() == generation
    }

    /// Swaps `from` for `to`, unless another thread came first.
    #[must_use]
    #[inline]
    pub(crate) fn swap(&self, from: State, to: State) -> bool {
        swap(&self.0, from.bits(), to.bits())
    }

    /// Swaps in what `decide` makes of the current state; decides again if another
    /// thread came first. `None` changes nothing.
    ///
    /// Lock-free: each retry means that another swap succeeded.
    pub(crate) fn update(
        &self,
        mut decide: impl FnMut(State) -> Option<State>,
    ) -> Option<(State, State)> {
        loop {
            let from = self.load();
            let to = decide(from)?;
            if self.swap(from, to) {
                return Some((from, to));
            }
        }
    }
}
