//! What listeners hear.

use std::sync::Arc;
use std::time::Duration;

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
    /// Tells which of two events of the breaker came first, on whichever threads they
    /// happened, in whichever order they arrive, and across reloads. Numbers increase from
    /// 1; some are skipped. A transition that is told more than 127 transitions late gets
    /// a number as if it had just happened.
    pub sequence: u64,
    /// When, by the breaker's clock: how long it had been built, modulo 49.7 days. For
    /// the time of day, read a clock of that kind in the listener.
    pub at: Duration,
    /// What happened.
    pub kind: EventKind,
    /// Why.
    pub cause: Cause,
    /// The breaker just after the event. It still shows what tripped it.
    pub snapshot: Snapshot,
}

/// What happened to a breaker.
///
/// ```
/// use microbreaker_std::{Breaker, EventKind, Phase};
/// use std::time::Duration;
///
/// let builder = Breaker::builder("users").consecutive_failures(3);
/// let builder = builder.open_for(Duration::from_secs(1)).on_event(|event| match event.kind {
///     EventKind::Transition { to: Phase::Open, .. } => eprintln!("{} is down", event.name),
///     _ => {}
/// });
/// # builder.build()?.trip();
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The breaker went from one phase to another.
    Transition {
        /// The phase left.
        from: Phase,
        /// The phase entered.
        to: Phase,
        /// The number of the new tenure, modulo 2^8.
        generation: u8,
    },
    /// In a dry run, the breaker would have tripped. Reported once, until it recovers.
    WouldTrip,
}
