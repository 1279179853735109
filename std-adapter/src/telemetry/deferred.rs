//! Events that are told later: listeners may use what is locked now.

use crate::sync::thread_local_const;
use std::cell::RefCell;
use std::sync::Arc;

use crate::telemetry::Reporter;
use crate::telemetry::event::Event;

type Told = (Arc<dyn Reporter>, Event);

thread_local_const! {
    /// The events of this thread that wait, while it holds a `Deferred`.
    static WAITING: RefCell<Option<Vec<Told>>> = RefCell::new(None);
}

/// Keeps the events of this thread, and tells them when it is dropped.
pub(crate) struct Deferred {
    is_outermost: bool,
}

impl Deferred {
    /// Begins. Take what is locked only afterwards, so that it is released before.
    pub(crate) fn begin() -> Self {
        // A thread that is ending has no list any more, and defers nothing.
        let is_outermost = WAITING.try_with(|waiting| {
            let mut waiting = waiting.borrow_mut();
            let is_outermost = waiting.is_none();
            waiting.get_or_insert_default();
            is_outermost
        });
        Self { is_outermost: is_outermost.unwrap_or(false) }
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        if self.is_outermost {
            let told = WAITING.try_with(RefCell::take).ok().flatten();
            for (breaker, event) in told.unwrap_or_default() {
                breaker.telemetry().deliver(&event);
            }
        }
    }
}

/// Gives the event back if it is to be told at once.
pub(super) fn defer(breaker: Arc<dyn Reporter>, event: Event) -> Option<Told> {
    let mut told = Some((breaker, event));
    // A thread that is ending has no list any more, and defers nothing.
    _ = WAITING.try_with(|waiting| {
        if let Some(waiting) = &mut *waiting.borrow_mut() {
            waiting.extend(told.take());
        }
    });
    told
}
