//! Those who hear of events.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use crate::sync::RwLock;
use crate::telemetry::event::Event;
use crate::telemetry::stream::Source;

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// All listeners to a breaker, or to a registry.
#[derive(Default)]
pub(crate) struct Listeners {
    callbacks: RwLock<Vec<Listener>>,
    pub(crate) stream: Source,
}

impl Listeners {
    pub(crate) fn add(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.callbacks.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(listener));
    }

    fn callbacks(&self) -> Vec<Listener> {
        self.callbacks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells all listeners, one after the other, and holds no lock: a listener may use
    /// the breaker, and add listeners. A panic in one does not affect the others.
    pub(crate) fn tell(&self, event: &Event) {
        for callback in self.callbacks() {
            harmless(|| callback(event));
        }
        harmless(|| self.stream.send(event));
    }
}

/// Runs what is not ours, and ends its panic. The panic hook has reported it.
pub(crate) fn harmless(theirs: impl FnOnce()) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(theirs)) else { return };
    // To drop it may panic again, with a payload for which that is true as well.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(payload);
    }
}

impl Clone for Listeners {
    /// The same callbacks. Streams stay with the original.
    fn clone(&self) -> Self {
        let callbacks = RwLock::new(self.callbacks());
        Self { callbacks, ..Self::default() }
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").finish_non_exhaustive()
    }
}
