//! The observer of an engine: it counts calls and tells of events.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::SystemTime;

use microbreaker::{Cause, Observer, Outcome, Phase, Rejected, Transition};

use crate::snapshot::Snapshot;
use crate::telemetry::Telemetry;
use crate::telemetry::counts::Counters;
use crate::telemetry::event::{Event, EventKind};
use crate::threads;

/// The breaker that a watch belongs to. A trait, because the breaker is made of
/// engines, and an engine has a watch.
pub(crate) trait Watched: Send + Sync {
    /// The breaker now.
    fn snapshot(&self) -> Snapshot;
}

/// The observer of a breaker of the core.
#[derive(Debug)]
pub(crate) struct Watch {
    telemetry: Arc<Telemetry>,
    /// The telemetry's, at hand.
    counters: Counters,
    /// Set once, before any other thread can have the breaker.
    breaker: OnceLock<Weak<dyn Watched>>,
    /// The number of the thread that acts quietly, or `NOBODY`.
    quiet: AtomicUsize,
    /// Whether another engine has taken the place of this one, which refuses
    /// every call from then on.
    replaced: AtomicBool,
}

/// No thread has this number.
const NOBODY: usize = usize::MAX - 1;

impl Watch {
    pub(crate) fn new(telemetry: Arc<Telemetry>) -> Self {
        Self {
            counters: telemetry.counters.clone(),
            telemetry,
            breaker: OnceLock::new(),
            quiet: AtomicUsize::new(NOBODY),
            replaced: AtomicBool::new(false),
        }
    }

    /// Sets the breaker that this belongs to.
    pub(crate) fn attach(&self, breaker: Weak<dyn Watched>) {
        self.breaker.get_or_init(|| breaker);
    }

    /// Does something to the engine without telling of it. What other threads do
    /// to it meanwhile is told. For one thread at a time.
    pub(super) fn quietly<T>(&self, action: impl FnOnce() -> T) -> T {
        self.quiet.store(threads::number(), Ordering::Relaxed);
        let done = action();
        self.quiet.store(NOBODY, Ordering::Relaxed);
        done
    }

    /// Says whether another engine is taking the place of this one.
    pub(super) fn set_replaced(&self, replaced: bool) {
        self.replaced.store(replaced, Ordering::Relaxed);
    }

    fn tell(&self, kind: EventKind, cause: Cause) {
        if self.quiet.load(Ordering::Relaxed) == threads::number() {
            return;
        }
        let at = SystemTime::now();
        // If the breaker is gone, nobody is left to tell.
        let Some(breaker) = self.breaker.get().and_then(Weak::upgrade) else { return };
        let name = self.telemetry.name.clone();
        self.telemetry.tell(&Event { name, at, kind, cause, snapshot: breaker.snapshot() });
    }
}

impl Observer for Watch {
    fn transition(&self, transition: &Transition) {
        self.telemetry.log.new_phase();
        let &Transition { from, to, cause, generation, .. } = transition;
        // A command that came too late for this engine goes to its successor as well,
        // which tells of it.
        if from == Phase::ForcedOpen && self.replaced.load(Ordering::Relaxed) {
            return;
        }
        self.tell(EventKind::Transition { from, to, generation }, cause);
    }

    #[inline]
    fn outcome(&self, outcome: Outcome, stale: bool) {
        self.counters.outcome(outcome, stale);
    }

    fn rejection(&self, rejected: &Rejected) {
        self.counters.rejection();
        self.telemetry.log.rejection(&self.telemetry.name, rejected);
    }

    fn would_trip(&self, cause: Cause) {
        self.tell(EventKind::WouldTrip, cause);
    }
}
