//! The observer of an engine: it counts calls and tells of events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use microbreaker::{Cause, Observer, Outcome, Phase, Rejected, Transition};

use crate::telemetry::Telemetry;
use crate::telemetry::counts::Counters;
use crate::telemetry::event::EventKind;
use crate::threads;

/// The observer of a breaker of the core.
#[derive(Debug)]
pub(crate) struct Watch {
    telemetry: Arc<Telemetry>,
    /// The telemetry's, at hand.
    counters: Counters,
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
            quiet: AtomicUsize::new(NOBODY),
            replaced: AtomicBool::new(false),
        }
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
        if self.quiet.load(Ordering::Relaxed) != threads::number() {
            self.telemetry.tell(kind, cause);
        }
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
