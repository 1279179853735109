//! Twins of `arc-swap`, `thread_local` and `once_cell` for the model checkers, which see each
//! access, and numbers of threads.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock, PoisonError};

#[cfg(loom)]
use loom::{
    lazy_static,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread, thread_local,
};
#[cfg(not(loom))]
use shuttle::{
    lazy_static,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread, thread_local,
};

/// Not a model's: it orders nothing, and no thread is switched while it is held.
type Hidden<T> = std::sync::Mutex<T>;

fn with<T, R>(hidden: &Hidden<T>, f: impl FnOnce(&mut T) -> R) -> R {
    f(&mut hidden.lock().unwrap_or_else(PoisonError::into_inner))
}

pub(crate) struct Swapped<T> {
    /// The number of the value, of those there have been.
    current: AtomicUsize,
    values: Hidden<Vec<Arc<T>>>,
}

impl<T> Swapped<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { current: AtomicUsize::new(0), values: Hidden::new(vec![Arc::new(value)]) }
    }

    pub(crate) fn load(&self) -> Arc<T> {
        let current = self.current.load(Ordering::Acquire);
        with(&self.values, |values| values[current].clone())
    }

    pub(crate) fn store(&self, value: T) {
        let current = with(&self.values, |values| {
            values.push(Arc::new(value));
            values.len() - 1
        });
        self.current.store(current, Ordering::Release);
    }
}

pub(crate) struct Hint<T>(Hidden<HashMap<thread::ThreadId, Arc<T>>>);

pub(crate) struct Taken<'a, T> {
    value: Arc<T>,
    place: &'a Hint<T>,
}

impl<T> Hint<T> {
    pub(crate) fn new() -> Self {
        Self(Hidden::default())
    }

    pub(crate) fn take(&self) -> Option<Taken<'_, T>> {
        let value = with(&self.0, |seen| seen.remove(&thread::current().id()));
        value.map(|value| Taken { value, place: self })
    }

    pub(crate) fn set(&self, value: Arc<T>) {
        with(&self.0, |seen| seen.insert(thread::current().id(), value));
    }
}

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        let own = || self.value.clone();
        with(&self.place.0, |seen| _ = seen.entry(thread::current().id()).or_insert_with(own));
    }
}

pub(crate) struct OnceBox<T> {
    is_set: AtomicBool,
    /// Not a model's: it orders nothing.
    value: OnceLock<Box<T>>,
}

impl<T> OnceBox<T> {
    pub(crate) fn new() -> Self {
        Self { is_set: AtomicBool::new(false), value: OnceLock::new() }
    }

    pub(crate) fn get(&self) -> Option<&T> {
        let is_set = self.is_set.load(Ordering::Acquire);
        is_set.then(|| &**self.value.get().expect("it is set"))
    }

    pub(crate) fn get_or_init(&self, f: impl FnOnce() -> Box<T>) -> &T {
        if self.get().is_none() {
            let made = f();
            let (from, to) = (false, true);
            let first = self.is_set.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
            if first.is_ok() {
                // No thread is switched before the next access.
                _ = self.value.set(made);
            }
        }
        self.value.get().expect("it is set")
    }
}

lazy_static! {
    static ref NEXT: Hidden<usize> = Hidden::new(0);
}

thread_local! {
    static NUMBER: Cell<Option<usize>> = Cell::new(None);
}

/// The number of this thread: 0 for the first that asks, and none is given out again.
pub(crate) fn thread_number() -> usize {
    NUMBER.with(|number| match number.get() {
        Some(number) => number,
        None => {
            let next = with(&NEXT, |next| {
                *next += 1;
                *next - 1
            });
            number.set(Some(next));
            next
        }
    })
}
