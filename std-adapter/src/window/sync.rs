//! The atomics of the window: the only place that chooses between those of the standard
//! library, loom's and shuttle's, and its only compare-and-swap.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(not(any(loom, shuttle)))]
pub(super) use once_cell::race::OnceBox;
#[cfg(all(shuttle, not(loom)))]
pub(super) use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(not(any(loom, shuttle)))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(any(loom, shuttle))]
pub(super) use twin::OnceBox;

/// Swaps `from` for `to` in `word`. Returns false if another thread changed `word` first.
///
/// Release: pairs with acquire loads of `word`, so that who sees `to` also sees what made
/// its writer swap.
pub(super) fn swap(word: &AtomicU64, from: u64, to: u64) -> bool {
    word.compare_exchange(from, to, Ordering::Release, Ordering::Relaxed).is_ok()
}

/// The twin of `once_cell`'s for the model checkers, which see each access.
#[cfg(any(loom, shuttle))]
mod twin {
    use std::sync::OnceLock;

    use super::{AtomicBool, Ordering};

    pub(in super::super) struct OnceBox<T> {
        is_set: AtomicBool,
        /// Not a model's: it orders nothing.
        value: OnceLock<Box<T>>,
    }

    impl<T> OnceBox<T> {
        pub(in super::super) fn new() -> Self {
            Self { is_set: AtomicBool::new(false), value: OnceLock::new() }
        }

        pub(in super::super) fn get(&self) -> Option<&T> {
            let is_set = self.is_set.load(Ordering::Acquire);
            is_set.then(|| &**self.value.get().expect("it is set"))
        }

        pub(in super::super) fn get_or_init(&self, f: impl FnOnce() -> Box<T>) -> &T {
            if self.get().is_none() {
                let made = f();
                let (from, to) = (false, true);
                let first =
                    self.is_set.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
                if first.is_ok() {
                    // No thread is switched before the next access.
                    _ = self.value.set(made);
                }
            }
            self.value.get().expect("it is set")
        }
    }
}
