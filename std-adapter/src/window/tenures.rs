//! Which tenure of the breaker the window belongs to.

use microbreaker::window::Tenure;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::swap;

/// The bits of a breaker's generation, which repeats.
const GENERATION: u32 = 8;

/// Numbers the tenures for which a window is used. A breaker's generation repeats after 256
/// tenures, which may all be within one window's time; numbers never do, and later ones are
/// greater.
pub(super) struct Tenures {
    /// `number (56) | generation (8)`: what is called a number elsewhere.
    word: AtomicU64,
}

impl Tenures {
    pub(super) fn new() -> Self {
        // Not 0, which stands for no tenure in cells.
        Self { word: AtomicU64::new(1 << GENERATION) }
    }

    /// The number of `tenure`, if it has begun.
    #[inline]
    pub(super) fn begun(&self, tenure: Tenure<'_>) -> Option<u64> {
        // Relaxed: the answer depends on this one value alone.
        let word = self.word.load(Ordering::Relaxed);
        (word as u8 == tenure.generation()).then_some(word)
    }

    /// The number of `tenure`, which begins if need be. `None` if it is over.
    pub(super) fn number_of(&self, tenure: Tenure<'_>) -> Option<u64> {
        loop {
            // Acquire: pairs with the release of the swap. A thread that sees the number of
            // a later tenure also sees that the state has moved on, and does not go back.
            let word = self.word.load(Ordering::Acquire);
            if word as u8 == tenure.generation() {
                return Some(word);
            }
            if !tenure.is_current() {
                return None;
            }
            let next = ((word >> GENERATION) + 1) << GENERATION | u64::from(tenure.generation());
            if swap(&self.word, word, next) {
                return Some(next);
            }
        }
    }
}
