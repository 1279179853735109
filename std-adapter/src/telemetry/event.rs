//! What listeners are told.

use std::sync::Arc;
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
