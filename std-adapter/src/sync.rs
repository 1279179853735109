//! What threads share: the only place that chooses between the standard library and its
//! twins under loom and shuttle.

// Which of them are used depends on the features.
#![allow(unused_imports)]

#[cfg(any(loom, shuttle))]
mod twins;

#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic};
#[cfg(all(shuttle, not(loom)))]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic,
};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic};
#[cfg(any(loom, shuttle))]
pub(crate) use twins::thread_number;

/// Declares constructors that are `const` except under loom, whose types register with the
/// running model.
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

/// A thread-local whose initial value is a constant.
macro_rules! thread_local_const {
    ($(#[$meta:meta])* static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(loom)]
        ::loom::thread_local! { $(#[$meta])* static $name: $type = $value; }
        #[cfg(all(shuttle, not(loom)))]
        ::shuttle::thread_local! { $(#[$meta])* static $name: $type = $value; }
        #[cfg(not(any(loom, shuttle)))]
        ::std::thread_local! { $(#[$meta])* static $name: $type = const { $value }; }
    };
}
pub(crate) use thread_local_const;
