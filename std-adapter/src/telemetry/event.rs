//! What listeners hear.

use std::sync::Arc;
use std::time::SystemTime;

use microbreaker::{Cause, Phase};

use crate::snapshot::Snapshot;

/// Something that happened to a breaker.
///
/// ```
/// use microbreaker_std::{Breaker, EventKind};
///
/// let users = Breaker::builder("users")
///     .consecutive_failures(3)
///     .open_for(std::time::Duration::from_secs(30))
///     .on_event(|event| match event.kind {
///         EventKind::Transition { from, to, .. } => {
///             println!("{}: {from} to {to}, {}", event.name, event.cause.name());
///         }
///         EventKind::WouldTrip => println!("{}: would have tripped", event.name),
///     })
///     .build()?;
/// users.trip();
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The name of the breaker.
    pub name: Arc<str>,
    /// When, by the system clock, for display and storage. That clock can be set, so it
    /// does not tell which of two events came first.
    pub at: SystemTime,
    /// What happened.
    pub kind: EventKind,
    /// Why.
    pub cause: Cause,
    /// The breaker just after the event. It still shows what tripped it.
    pub snapshot: Snapshot,
}

/// What happened to a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The breaker went from one phase to another.
    Transition {
        /// The phase left.
        from: Phase,
        /// The phase entered.
        to: Phase,
        /// The number of the new tenure, modulo 2^8. Events of different threads can
        /// arrive in either order. Their generations tell which came first.
        generation: u8,
    },
    /// In a dry run, the breaker would have tripped. Reported once, until it recovers.
    WouldTrip,
}
