//! What threads share: the only place that chooses between the standard library, the crates
//! for it, and their twins under loom and shuttle.

// Which of them are used depends on the features.
#![allow(unused_imports)]

#[cfg(shuttle)]
mod fair;
#[cfg(any(loom, shuttle))]
mod twins;
#[cfg(all(shuttle, feature = "axum"))]
pub(crate) mod watch;

#[cfg(shuttle)]
pub(crate) use fair::{FairMutex, FairMutexGuard, Notify};
#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use once_cell::race::OnceBox;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use real::{Hint, Swapped, Taken};
#[cfg(all(shuttle, not(loom)))]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic,
};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic};
// Tasks get the lock in the order in which they asked for it.
#[cfg(not(shuttle))]
pub(crate) use tokio::sync::{Mutex as FairMutex, MutexGuard as FairMutexGuard, Notify, watch};
#[cfg(any(loom, shuttle))]
pub(crate) use twins::{Hint, OnceBox, Swapped, Taken, thread_number};

/// Swaps `from` for `to` in `word`. Returns false if another thread changed `word` first.
///
/// Release: pairs with acquire loads of `word`, so that who sees `to` also sees what made
/// its writer swap.
pub(crate) fn swap(word: &atomic::AtomicU64, from: u64, to: u64) -> bool {
    use atomic::Ordering;
    word.compare_exchange(from, to, Ordering::Release, Ordering::Relaxed).is_ok()
}

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

#[cfg(not(any(loom, shuttle)))]
mod real {
    use std::cell::Cell;
    use std::ops::Deref;
    use std::panic::catch_unwind;
    use std::sync::Arc;

    use arc_swap::ArcSwap;
    use thread_local::ThreadLocal;

    /// A shared pointer that can be replaced. A load acquires, and a store releases.
    pub(crate) struct Swapped<T>(ArcSwap<T>);

    impl<T> Swapped<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(ArcSwap::from_pointee(value))
        }

        pub(crate) fn load(&self) -> Arc<T> {
            self.0.load_full()
        }

        pub(crate) fn store(&self, value: T) {
            self.0.store(Arc::new(value));
        }
    }

    /// What each thread has last seen, which may be out of date by now. Reading it takes
    /// no shared write.
    pub(crate) struct Hint<T: Send + Sync>(ThreadLocal<Place<T>>);

    /// On cache lines of its own, because its thread writes it with each use.
    #[repr(align(128))]
    struct Place<T>(Cell<Option<Arc<T>>>);

    impl<T> Default for Place<T> {
        fn default() -> Self {
            Self(Cell::default())
        }
    }

    /// What this thread has seen, taken out of its place while it is used and put back
    /// when this is dropped, unless the thread has seen something newer meanwhile.
    pub(crate) struct Taken<'a, T> {
        value: Option<Arc<T>>,
        place: &'a Cell<Option<Arc<T>>>,
    }

    impl<T: Send + Sync> Hint<T> {
        pub(crate) fn new() -> Self {
            Self(ThreadLocal::new())
        }

        /// Takes what this thread has seen: nothing while it uses that.
        #[inline]
        pub(crate) fn take(&self) -> Option<Taken<'_, T>> {
            let Place(place) = self.0.get()?;
            // Not a `RefCell`, whose count costs more than the rest.
            let value = place.take();
            value.is_some().then_some(Taken { value, place })
        }

        pub(crate) fn set(&self, value: Arc<T>) {
            if remembers() {
                self.0.get_or_default().0.set(Some(value));
            }
        }
    }

    /// Whether this thread can remember anything: not while it ends, when `get_or_default`
    /// would panic.
    fn remembers() -> bool {
        static KNOWN: ThreadLocal<()> = ThreadLocal::new();
        thread_local!(static HAS_ASKED: Cell<bool> = const { Cell::new(false) });
        KNOWN.get().is_some()
            // Asked for the first time only now that it ends, a thread may be too late.
            || !HAS_ASKED.replace(true) && catch_unwind(|| KNOWN.get_or_default()).is_ok()
    }

    impl<T> Deref for Taken<'_, T> {
        type Target = T;

        #[inline(always)]
        fn deref(&self) -> &T {
            self.value.as_ref().expect("it is there until it is put back")
        }
    }

    impl<T> Drop for Taken<'_, T> {
        #[inline(always)]
        fn drop(&mut self) {
            match self.place.replace(self.value.take()) {
                None => {}
                newer => keep(self.place, newer),
            }
        }
    }

    /// Out of line, so that all the rest is inlined.
    #[cold]
    #[inline(never)]
    fn keep<T>(place: &Cell<Option<Arc<T>>>, newer: Option<Arc<T>>) {
        place.set(newer);
    }
}
