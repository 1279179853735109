//! An observer that keeps the last transitions.

use core::cell::RefCell;

use critical_section::Mutex;
use heapless::{HistoryBuf, Vec};

use super::{Observer, Transition};

/// Keeps the last `N` transitions, without allocation.
///
/// It is shared through `critical-section`: recording a transition masks interrupts
/// while one entry is copied, and a snapshot masks them while up to `N` entries are.
/// Calls that cause no transition do not touch it.
///
/// ```
/// use microbreaker::{Breaker, Config, History, Phase};
/// static HISTORY: History<8> = History::new();
/// let breaker = Breaker::observed(
///     Config::new().consecutive_failures(1).open_for(10), (), || 0, &HISTORY);
/// breaker.trip();
/// assert_eq!(HISTORY.snapshot()[0].to, Phase::Open);
/// ```
pub struct History<const N: usize>(Mutex<RefCell<HistoryBuf<Transition, N>>>);

impl<const N: usize> History<N> {
    /// Creates an empty history.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(RefCell::new(HistoryBuf::new())))
    }

    /// Returns the last transitions, oldest first.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Transition, N> {
        critical_section::with(|cs| self.0.borrow_ref(cs).oldest_ordered().copied().collect())
    }
}

impl<const N: usize> Default for History<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> core::fmt::Debug for History<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.snapshot()).finish()
    }
}

impl<const N: usize> Observer for History<N> {
    fn transition(&self, transition: &Transition) {
        critical_section::with(|cs| self.0.borrow_ref_mut(cs).write(*transition));
    }
}
