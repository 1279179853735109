//! What threads share: the only place that chooses between the standard library, the crates
//! for it, and their twins under loom and shuttle.

// Which of them are used depends on the features.
#![allow(unused_imports)]

#[cfg(shuttle)]
mod fair;
#[cfg(any(loom, shuttle))]
mod twins;

#[cfg(shuttle)]
pub(crate) use fair::{FairMutex, FairMutexGuard, Notify};
#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic};
#[cfg(all(shuttle, not(loom)))]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic,
};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic};
// Tasks get the lock in the order in which they asked for it.
#[cfg(not(shuttle))]
pub(crate) use tokio::sync::{Mutex as FairMutex, MutexGuard as FairMutexGuard, Notify};
#[cfg(any(loom, shuttle))]
pub(crate) use twins::thread_number;

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
