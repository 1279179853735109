//! The one place that chooses between `portable-atomic`, loom and shuttle, and
//! the one compare-and-swap.

#[cfg(loom)]
mod thorough;

use crate::footprint::shared_in_flash;

#[cfg(loom)]
pub(crate) use loom::sync::atomic::Ordering;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use portable_atomic::{AtomicU32, Ordering};
#[cfg(all(shuttle, not(loom)))]
pub(crate) use shuttle::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
pub(crate) use thorough::AtomicU32;

shared_in_flash! {
    elsewhere inline;

    /// Swaps `from` for `to` in `word`, unless another thread was first.
    ///
    /// Release: a thread that acquires the value swapped in sees everything done
    /// before the swap. Acquire: a probe that takes another's place sees what that
    /// one has done, even if it had loaded an equal state before. A relaxed load that
    /// a swap checks afterwards relies on the acquire too: without it, the load could
    /// see values from after the swap.
    pub(crate) fn swap(word: &AtomicU32, from: u32, to: u32) -> bool {
        word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// Declares constructors that are `const` except under loom, whose atomics
/// register themselves with the running model and so cannot be constants.
macro_rules! const_fn {
    ($($(#[$meta:meta])* $vis:vis const fn $name:ident $args:tt -> $ret:ty $body:block)+) => {$(
        #[cfg(not(loom))]
        $(#[$meta])*
        $vis const fn $name $args -> $ret $body

        #[cfg(loom)]
        $(#[$meta])*
        $vis fn $name $args -> $ret $body
    )+};
}
pub(crate) use const_fn;

/// `[value; length]` of atomics, in such a constructor.
#[cfg(not(loom))]
macro_rules! atomics {
    [$value:expr; $length:expr] => {
        [const { $crate::sync::AtomicU32::new($value) }; $length]
    };
}
#[cfg(loom)]
macro_rules! atomics {
    [$value:expr; $length:expr] => {
        core::array::from_fn::<_, { $length }, _>(|_| $crate::sync::AtomicU32::new($value))
    };
}
pub(crate) use atomics;
