//! What threads share: the only place that chooses between the crates for it and their
//! twins under shuttle.

#[cfg(shuttle)]
mod fair;

#[cfg(shuttle)]
pub(crate) use fair::{FairMutex, FairMutexGuard, Notify};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};
// Tasks get the lock in the order in which they asked for it.
#[cfg(not(shuttle))]
pub(crate) use tokio::sync::{Mutex as FairMutex, MutexGuard as FairMutexGuard, Notify};
