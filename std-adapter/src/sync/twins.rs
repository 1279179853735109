//! What the model checkers have no types for.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

#[cfg(loom)]
use loom::{lazy_static, thread_local};
#[cfg(not(loom))]
use shuttle::{lazy_static, thread_local};

lazy_static! {
    /// Not a model's: it orders nothing.
    static ref NEXT: AtomicUsize = AtomicUsize::new(0);
}

thread_local! {
    static NUMBER: Cell<Option<usize>> = Cell::new(None);
}

/// The number of this thread: 0 for the first that asks, and none is given out again.
pub(crate) fn thread_number() -> usize {
    NUMBER.with(|number| match number.get() {
        Some(number) => number,
        None => {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            number.set(Some(next));
            next
        }
    })
}
