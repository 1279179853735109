//! The observer of an engine: counts calls and reports events.

use std::sync::Arc;

use microbreaker::{Cause, Observer, Outcome, Transition};

use crate::telemetry::Telemetry;
use crate::telemetry::counts::Counters;
use crate::telemetry::event::EventKind;

/// The observer of a breaker of the core. It hears of no rejection: one by an engine that
/// was replaced is none of the breaker's.
#[derive(Debug)]
pub(crate) struct Watch {
    telemetry: Arc<Telemetry>,
    /// Those of the telemetry, one pointer closer.
    counters: Counters,
}

impl Watch {
    pub(crate) fn new(telemetry: Arc<Telemetry>) -> Self {
        Self { counters: telemetry.counters.clone(), telemetry }
    }

    pub(super) fn measures_durations(&self) -> bool {
        self.telemetry.timer.is_on()
    }
}

impl Observer for Watch {
    fn transition(&self, transition: &Transition) {
        self.telemetry.wake();
        self.telemetry.log.new_phase();
        let &Transition { from, to, cause, generation, .. } = transition;
        self.telemetry.tell(EventKind::Transition { from, to, generation }, cause);
    }

    fn admission_changed(&self, generation: u8) {
        self.telemetry.wake();
        self.telemetry.tenure_began(generation);
    }

    #[inline]
    fn outcome(&self, outcome: Outcome, stale: bool) {
        self.counters.outcome(outcome, stale);
        self.telemetry.member.outcome(outcome);
    }

    fn would_trip(&self, cause: Cause) {
        self.telemetry.tell(EventKind::WouldTrip, cause);
    }

    fn needs_ticks(&self) -> bool {
        false
    }

    fn lend_probe(&self) -> bool {
        self.telemetry.lends_probe()
    }

    #[inline]
    fn probe_ended(&self, outcome: Outcome, stale: bool) {
        self.telemetry.member.probe_ended(outcome, stale);
    }
}
