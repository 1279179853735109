//! Who hears of events.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use crate::telemetry::event::Event;
use crate::telemetry::stream::Source;

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// Everyone who listens to a breaker, or to a registry of them.
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

    /// Tells everyone, one after the other, with no lock held: a listener may use
    /// the breaker, and add listeners. One that panics harms nobody.
    pub(crate) fn tell(&self, event: &Event) {
        for callback in self.callbacks() {
            // The panic hook has told of the panic.
            let _ = catch_unwind(AssertUnwindSafe(|| callback(event)));
        }
        self.stream.send(event);
    }
}

impl Clone for Listeners {
    /// The same callbacks; streams stay where they are.
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
