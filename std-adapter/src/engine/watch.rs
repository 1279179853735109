//! The observer of an engine: counts calls and reports events.

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
    /// Those of the telemetry, one pointer closer.
    counters: Counters,
    /// The number of the thread that acts quietly, or `NO_THREAD`.
    quiet: AtomicUsize,
    /// Whether another engine has taken the place of this one, which refuses
    /// every call from then on.
    replaced: AtomicBool,
}

/// No thread has this number.
const NO_THREAD: usize = usize::MAX - 1;

impl Watch {
    pub(crate) fn new(telemetry: Arc<Telemetry>) -> Self {
        Self {
            counters: telemetry.counters.clone(),
            telemetry,
            quiet: AtomicUsize::new(NO_THREAD),
            replaced: AtomicBool::new(false),
        }
    }

    /// Performs `action` without reporting what it does to the engine. What other
    /// threads do meanwhile is reported. For one thread at a time.
    pub(super) fn quietly<T>(&self, action: impl FnOnce() -> T) -> T {
        self.quiet.store(threads::number(), Ordering::Relaxed);
        let done = action();
        self.quiet.store(NO_THREAD, Ordering::Relaxed);
        done
    }

    /// Sets whether another engine takes the place of this one.
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
        // A command that came too late: the engine that took the place of this one gets
        // it as well, and reports it.
        if from == Phase::ForcedOpen && self.replaced.load(Ordering::Relaxed) {
            return;
        }
        self.tell(EventKind::Transition { from, to, generation }, cause);
    }

    #[inline]
    fn outcome(&self, outcome: Outcome, stale: bool) {
        self.counters.outcome(outcome, stale);
        self.telemetry.member.outcome(outcome);
    }

    fn rejection(&self, rejected: &Rejected) {
        self.counters.rejection();
        self.telemetry.log.rejection(&self.telemetry.name, rejected);
    }

    fn lend_probe(&self) -> bool {
        self.telemetry.member.lend_probe()
    }

    #[inline]
    fn probe_ended(&self, outcome: Outcome, stale: bool) {
        self.telemetry.member.probe_ended(outcome, stale);
    }

    fn would_trip(&self, cause: Cause) {
        self.tell(EventKind::WouldTrip, cause);
    }
}
