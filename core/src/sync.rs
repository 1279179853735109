//! The one place that chooses between `portable-atomic` and loom.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(loom))]
pub(crate) use portable_atomic::{AtomicU32, Ordering};

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
