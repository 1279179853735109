//! What is logged, through `tracing`.

use microbreaker::{Phase, Rejected};
use tracing::{debug, info, warn};

use crate::clock::duration;
use crate::telemetry::event::{Event, EventKind};

/// Opening is a warning, and so is that a dry run would have; the rest is
/// information.
pub(crate) fn event(event: &Event) {
    let Event { name, kind, cause, snapshot, .. } = event;
    let cause = cause.name();
    let (calls, failed) = (snapshot.tally.calls, snapshot.tally.failed);
    match kind {
        EventKind::Transition { from, to: to @ (Phase::Open | Phase::ForcedOpen), .. } => {
            let retry_after = snapshot.retry_after.map(tracing::field::debug);
            warn!(breaker = %name, %from, %to, cause, calls, failed, retry_after, "circuit breaker opened");
        }
        EventKind::Transition { from, to, .. } => {
            info!(breaker = %name, %from, %to, cause, "circuit breaker changed");
        }
        EventKind::WouldTrip => {
            warn!(breaker = %name, cause, calls, failed, "circuit breaker would have opened");
        }
    }
}

/// The first rejection of a phase; the others say nothing new.
pub(crate) fn rejection(name: &str, rejected: &Rejected) {
    let retry_after = rejected.retry_after.map(|ticks| tracing::field::debug(duration(ticks)));
    debug!(breaker = %name, phase = %rejected.phase, retry_after, "circuit breaker refuses calls");
}
