//! Logs, by way of `tracing`.

use microbreaker::{Phase, Rejected};
use tracing::{debug, info, warn};

use crate::clock::duration;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::telemetry::event::{Event, EventKind};

/// The log of a breaker.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Whether a rejection of this phase has been logged.
    rejection_logged: AtomicBool,
}

impl Log {
    pub(crate) fn new_phase(&self) {
        self.rejection_logged.store(false, Ordering::Relaxed);
    }

    /// Logs that a breaker opened, or in a dry run would have, as a warning, and the rest
    /// as information. That it is being probed, or stays open because probes failed, says
    /// nothing new: while a service is down, this is logged for debugging only.
    pub(crate) fn event(&self, event: &Event) {
        let Event { name, kind, cause, snapshot, .. } = event;
        let cause = cause.name();
        let (calls, failed) = (snapshot.tally.calls, snapshot.tally.failed);
        match kind {
            EventKind::Transition { to: to @ Phase::HalfOpen, from, .. }
            | EventKind::Transition {
                to: to @ Phase::Open, from: from @ Phase::HalfOpen, ..
            } => {
                debug!(breaker = %name, %from, %to, cause, "circuit breaker changed");
            }
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

    /// Logs the first rejection of a phase; the others say nothing new.
    pub(crate) fn rejection(&self, name: &str, rejected: &Rejected) {
        if self.rejection_logged.load(Ordering::Relaxed)
            || self.rejection_logged.swap(true, Ordering::Relaxed)
        {
            return;
        }
        let retry_after = rejected.retry_after.map(|ticks| tracing::field::debug(duration(ticks)));
        debug!(breaker = %name, phase = %rejected.phase, retry_after, "circuit breaker refuses calls");
    }
}

/// Logs that settings in a file were reloaded, or why they were not.
#[cfg(feature = "watch")]
pub(crate) fn settings<T, E: std::fmt::Display>(path: &std::path::Path, reloaded: &Result<T, E>) {
    let path = path.display();
    match reloaded {
        Ok(_) => info!(%path, "settings of circuit breakers reloaded"),
        Err(error) => warn!(%path, %error, "the old settings of circuit breakers hold"),
    }
}

/// Warns of settings for a name or a pattern that may be misspelt.
#[cfg(feature = "registry")]
pub(crate) fn unmatched(pattern: &str) {
    warn!(pattern, "settings of circuit breakers have applied to none yet");
}
