//! What the adapter hears from the core, and whom it tells.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::SystemTime;

use microbreaker::{Cause, Observer, Outcome, Phase, Rejected, Transition};

use crate::breaker::Inner;
use crate::telemetry::event::{Event, EventKind, Listeners};
use crate::threads;

/// What all engines of a breaker share.
#[derive(Debug)]
pub(crate) struct Audience {
    pub(crate) name: Arc<str>,
    pub(crate) listeners: Listeners,
    /// Those of the registry that the breaker is in.
    pub(crate) of_registry: Option<Arc<Listeners>>,
    #[cfg(feature = "counts")]
    pub(crate) counters: crate::telemetry::counts::Counters,
    #[cfg(feature = "metrics")]
    pub(crate) durations: crate::telemetry::series::Durations,
    #[cfg(feature = "metrics")]
    pub(crate) published: crate::telemetry::series::Published,
    /// Whether a rejection of this phase has been logged.
    #[cfg(feature = "tracing")]
    pub(crate) rejection_logged: AtomicBool,
}

/// The observer of a breaker of the core.
#[derive(Debug)]
pub(crate) struct Watch {
    audience: Arc<Audience>,
    /// The audience's, at hand.
    #[cfg(feature = "counts")]
    counters: crate::telemetry::counts::Counters,
    /// Set once, before anybody else can have the breaker.
    breaker: OnceLock<Weak<Inner>>,
    /// The number of the thread whose doings are not told, or `NOBODY`.
    untold: AtomicUsize,
    /// Whether another engine has taken the place of this one, which refuses
    /// every call from then on.
    replaced: AtomicBool,
}

/// No thread has this number.
const NOBODY: usize = usize::MAX - 1;

impl Watch {
    pub(crate) fn new(audience: Arc<Audience>) -> Self {
        Self {
            #[cfg(feature = "counts")]
            counters: audience.counters.clone(),
            audience,
            breaker: OnceLock::new(),
            untold: AtomicUsize::new(NOBODY),
            replaced: AtomicBool::new(false),
        }
    }

    /// Says which breaker this is the engine of.
    pub(crate) fn attach(&self, breaker: Weak<Inner>) {
        self.breaker.get_or_init(|| breaker);
    }

    /// Does something to the engine of which nobody is told, while others are told
    /// of what they do to it. One at a time.
    pub(crate) fn quietly<T>(&self, doing: impl FnOnce() -> T) -> T {
        self.untold.store(threads::number(), Ordering::Relaxed);
        let done = doing();
        self.untold.store(NOBODY, Ordering::Relaxed);
        done
    }

    /// Says whether another engine is taking the place of this one.
    pub(crate) fn replaced(&self, replaced: bool) {
        self.replaced.store(replaced, Ordering::Relaxed);
    }

    fn tell(&self, kind: EventKind, cause: Cause) {
        if self.untold.load(Ordering::Relaxed) == threads::number() {
            return;
        }
        let at = SystemTime::now();
        // Nobody is left to tell if the handle is gone.
        let Some(breaker) = self.breaker.get().and_then(Weak::upgrade) else { return };
        let Audience { name, listeners, of_registry, .. } = &*self.audience;
        let snapshot = breaker.engine().snapshot().into();
        let event = Event { name: name.clone(), at, kind, cause, snapshot };
        #[cfg(feature = "tracing")]
        crate::telemetry::log::event(&event);
        #[cfg(feature = "metrics")]
        crate::telemetry::series::count(&event);
        listeners.tell(&event);
        if let Some(registry) = of_registry {
            registry.tell(&event);
        }
    }
}

impl Observer for Watch {
    fn transition(&self, transition: &Transition) {
        #[cfg(feature = "tracing")]
        self.audience.rejection_logged.store(false, Ordering::Relaxed);
        let &Transition { from, to, cause, generation, .. } = transition;
        // A command that came too late, and is given to the other engine as well.
        if from == Phase::ForcedOpen && self.replaced.load(Ordering::Relaxed) {
            return;
        }
        self.tell(EventKind::Transition { from, to, generation }, cause);
    }

    #[inline]
    fn outcome(&self, outcome: Outcome, stale: bool) {
        #[cfg(feature = "counts")]
        self.counters.outcome(outcome, stale);
        #[cfg(not(feature = "counts"))]
        let _ = (outcome, stale);
    }

    fn rejection(&self, rejected: &Rejected) {
        #[cfg(feature = "counts")]
        self.counters.rejection();
        #[cfg(feature = "tracing")]
        if !self.audience.rejection_logged.load(Ordering::Relaxed)
            && !self.audience.rejection_logged.swap(true, Ordering::Relaxed)
        {
            crate::telemetry::log::rejection(&self.audience.name, rejected);
        }
        #[cfg(not(feature = "tracing"))]
        let _ = rejected;
    }

    fn would_trip(&self, cause: Cause) {
        self.tell(EventKind::WouldTrip, cause);
    }
}
