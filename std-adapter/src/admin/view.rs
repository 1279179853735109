//! Breakers and their events as JSON.

use std::time::{Duration, SystemTime};

use axum::response::sse;
use microbreaker::{Cause, Phase, Tally};
use serde::Serialize;

use super::Command;
use crate::{Breaker, Event, EventKind, Missed, Settings, Snapshot};

/// All breakers, and what can be done to them.
#[derive(Serialize)]
pub(super) struct Listed {
    pub(super) commands: &'static [Command],
    pub(super) breakers: Vec<Summary>,
}

/// A moment as JSON: milliseconds since 1970.
fn unix_ms(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    // A clock that was never set may show less.
    since.map_or(0, |since| since.as_millis() as u64)
}

/// A breaker at a glance.
#[derive(Serialize)]
pub(super) struct Summary {
    name: String,
    phase: Phase,
    in_phase_for_ms: u64,
    retry_after_ms: Option<u64>,
    tally: Tally,
    failure_rate: Option<f64>,
    slow_rate: Option<f64>,
    consecutive_failures: u32,
    backoff_level: u32,
}

impl Summary {
    pub(super) fn of(breaker: &Breaker) -> Self {
        Self::new(breaker.name(), &breaker.snapshot())
    }

    fn new(name: &str, snapshot: &Snapshot) -> Self {
        // No wait of a breaker is longer than a u32 of milliseconds.
        let millis = |time: Duration| time.as_millis() as u64;
        Self {
            name: name.to_owned(),
            phase: snapshot.phase,
            in_phase_for_ms: millis(snapshot.in_phase_for),
            retry_after_ms: snapshot.retry_after.map(millis),
            tally: snapshot.tally,
            failure_rate: snapshot.failure_rate,
            slow_rate: snapshot.slow_rate,
            consecutive_failures: snapshot.consecutive_failures,
            backoff_level: snapshot.backoff_level,
        }
    }
}

/// A breaker, and what it is set to.
#[derive(Serialize)]
pub(super) struct One {
    #[serde(flatten)]
    summary: Summary,
    settings: Settings,
}

impl One {
    pub(super) fn of(breaker: &Breaker) -> Self {
        Self { summary: Summary::of(breaker), settings: breaker.settings().clone() }
    }
}

/// What happened to a breaker, with it as it was then.
#[derive(Serialize)]
struct Happened {
    at_unix_ms: u64,
    #[serde(flatten)]
    transition: Option<Transition>,
    cause: Cause,
    breaker: Summary,
}

#[derive(Serialize)]
struct Transition {
    from: Phase,
    to: Phase,
    generation: u8,
}

#[derive(Serialize)]
struct Gap {
    events: u64,
}

/// A message to a browser.
pub(super) fn message(event: &Result<Event, Missed>) -> Result<sse::Event, axum::Error> {
    let message = sse::Event::default();
    match event {
        Ok(event) => {
            let (name, transition) = match event.kind {
                EventKind::Transition { from, to, generation } => {
                    ("transition", Some(Transition { from, to, generation }))
                }
                EventKind::WouldTrip => ("would_trip", None),
            };
            let breaker = Summary::new(&event.name, &event.snapshot);
            let at_unix_ms = unix_ms(event.at);
            let happened = Happened { at_unix_ms, transition, cause: event.cause, breaker };
            message.event(name).json_data(happened)
        }
        Err(Missed(events)) => message.event("missed").json_data(Gap { events: *events }),
    }
}
