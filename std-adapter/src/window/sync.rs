//! The atomics of the window: the only place that chooses between the standard library,
//! loom and shuttle, and its only compare-and-swap.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(all(shuttle, not(loom)))]
pub(super) use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(not(any(loom, shuttle)))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

/// Swaps `from` for `to` in `word`. Returns false if another thread changed `word` first.
///
/// Release: pairs with acquire loads of `word`, so that who sees `to` also sees what made
/// its writer swap.
pub(super) fn swap(word: &AtomicU64, from: u64, to: u64) -> bool {
    word.compare_exchange(from, to, Ordering::Release, Ordering::Relaxed).is_ok()
}
