//! The only place that chooses between `portable-atomic`, loom and shuttle, and the
//! only compare-and-swap.

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

    /// Swaps `from` for `to` in `word`. Returns false if another thread changed `word`
    /// first.
    ///
    /// Release: pairs with acquire loads of `word` and with later swaps. A thread that
    /// acquires `to` also sees everything done before this swap.
    ///
    /// Acquire: pairs with the release of earlier swaps. A probe that takes another
    /// probe's place sees what that one did, even if it had already loaded the same state
    /// before. A relaxed load that a later swap checks relies on the acquire too: without
    /// it, the load could see what another thread writes only after swapping `to` for
    /// something else.
    pub(crate) fn swap(word: &AtomicU32, from: u32, to: u32) -> bool {
        word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// Declares constructors that are `const` except under loom: its atomics register
/// with the running model, so they cannot be constants.
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

/// An array of atomics, like `[value; length]`, for use in a `const_fn` constructor.
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
