//! What listeners are told.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use microbreaker::{Cause, Phase};

use crate::snapshot::Snapshot;

/// Something happened to a breaker.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The breaker's name.
    pub name: Arc<str>,
    /// When, by the system's clock: to be shown and stored. That clock can be set,
    /// so it does not tell which of two events came first.
    pub at: SystemTime,
    /// What happened.
    pub kind: EventKind,
    /// Why.
    pub cause: Cause,
    /// The breaker when the event was told: what tripped it is still in there.
    pub snapshot: Snapshot,
}

/// What happened to a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It went from one phase to another.
    Transition {
        /// The phase left.
        from: Phase,
        /// The phase entered.
        to: Phase,
        /// Number of the new tenure, modulo 2^8. Events of different threads can
        /// arrive in either order; their generations tell which came first.
        generation: u8,
    },
    /// In a dry run: it would have tripped. Told once, until it recovers.
    WouldTrip,
}

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// Everyone who listens to a breaker, or to a registry of them.
#[derive(Default)]
pub(crate) struct Listeners {
    callbacks: RwLock<Vec<Listener>>,
    #[cfg(feature = "stream")]
    pub(crate) stream: crate::telemetry::stream::Source,
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
        #[cfg(feature = "stream")]
        self.stream.send(event);
    }
}

impl Clone for Listeners {
    /// The same callbacks; streams stay where they are.
    fn clone(&self) -> Self {
        let callbacks = RwLock::new(self.callbacks());
        Self {
            callbacks,
            #[cfg(feature = "stream")]
            stream: crate::telemetry::stream::Source::default(),
        }
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").finish_non_exhaustive()
    }
}
