//! Breakers and their events as JSON.

use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use axum::response::sse;
use microbreaker::{Cause, Phase, Tally};
use serde::{Serialize, Serializer};

use super::fleet::Fleet;
use super::history::{Stamped, Told, unix};
use super::refusal::Refusal;
use super::standing::{Glance, Limits, Standing};
use crate::breaker::Breaker;
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::telemetry::counts::Counts;
use crate::telemetry::event::EventKind;
use crate::telemetry::latency::Latency;

/// A time as JSON: milliseconds since 1970.
pub(super) fn unix_ms(at: SystemTime) -> u64 {
    unix(at).as_millis() as u64
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
        // No time of a breaker exceeds a `u32` of milliseconds.
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

/// Whether the service can do its work, and the breakers because of which it cannot.
#[derive(Serialize)]
pub(super) struct Ready {
    pub(super) ready: bool,
    /// The first of them.
    pub(super) unready: Vec<Summary>,
    /// How many there are.
    pub(super) count: usize,
}

/// A breaker in a list.
#[derive(Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    summary: Summary,
    standing: Standing,
    critical: bool,
    counts: Counts,
    limits: Limits,
    latency: Option<Lately>,
    /// Only if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    fleet: Option<Fleet>,
}

/// How long the calls of the last minute took.
#[derive(Serialize)]
struct Lately {
    calls: u64,
    /// Nothing without calls.
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl Row {
    pub(super) fn of(seen: &Glance) -> Self {
        let Glance { breaker, snapshot, limits, standing, critical } = seen;
        let latency = breaker.latency().map(|Latency { calls, p50, p99, .. }| {
            let millis = |time: Duration| (calls > 0).then_some(time.as_secs_f64() * 1_000.0);
            Lately { calls, p50_ms: millis(p50), p99_ms: millis(p99) }
        });
        Self {
            summary: Summary::new(breaker.name(), snapshot),
            standing: *standing,
            critical: *critical,
            counts: breaker.counts(),
            limits: *limits,
            latency,
            fleet: breaker.inner().telemetry.member.heard().map(Fleet::from),
        }
    }
}

/// A breaker, and its settings.
#[derive(Serialize)]
pub(super) struct One {
    #[serde(flatten)]
    row: Row,
    settings: Settings,
}

impl One {
    pub(super) fn of(breaker: &Breaker) -> Self {
        Self { row: Row::of(&Glance::at(breaker.clone())), settings: breaker.settings() }
    }
}

/// The results of a command to several breakers.
#[derive(Serialize)]
pub(super) struct Controlled {
    /// Whether it holds for breakers that are built later.
    pub(super) later: bool,
    pub(super) breakers: Vec<Answer>,
}

impl Controlled {
    /// The status that all have, or else 207. `None` if there are no breakers.
    pub(super) fn status(&self) -> Option<StatusCode> {
        let mut each = self.breakers.iter().map(|answer| answer.status);
        let first = each.next()?;
        Some(if each.all(|status| status == first) { first } else { StatusCode::MULTI_STATUS })
    }
}

#[derive(Serialize)]
pub(super) struct Answer {
    name: String,
    phase: Phase,
    #[serde(serialize_with = "number")]
    status: StatusCode,
    #[serde(flatten)]
    refusal: Option<Refusal>,
}

impl Answer {
    pub(super) fn new(breaker: &Breaker, refusal: Option<Refusal>) -> Self {
        let (name, phase) = (breaker.name().to_string(), breaker.phase());
        let status = refusal.as_ref().map_or(StatusCode::OK, |refusal| refusal.status);
        Self { name, phase, status, refusal }
    }
}

fn number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// An event, with the breaker at that time.
#[derive(Serialize)]
struct Happened {
    number: u64,
    /// Among the events of its breaker.
    sequence: u64,
    at_unix_ms: u64,
    event: &'static str,
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

impl Happened {
    fn new(number: u64, stamped: &Stamped) -> Self {
        let Stamped { at, event } = stamped;
        let (name, transition) = match event.kind {
            EventKind::Transition { from, to, generation } => {
                ("transition", Some(Transition { from, to, generation }))
            }
            EventKind::WouldTrip => ("would_trip", None),
        };
        Self {
            number,
            sequence: event.sequence,
            at_unix_ms: unix_ms(*at),
            event: name,
            transition,
            cause: event.cause,
            breaker: Summary::new(&event.name, &event.snapshot),
        }
    }

    fn message(&self) -> Message {
        sse::Event::default().id(self.number.to_string()).event(self.event).json_data(self)
    }
}

/// The remembered events.
#[derive(Serialize)]
pub(super) struct Remembered {
    forgotten: u64,
    events: Vec<Happened>,
}

impl Remembered {
    pub(super) fn new(told: &Told, wanted: impl Fn(&str) -> bool) -> Self {
        let wanted = told.events.iter().filter(|(_, stamped)| wanted(&stamped.event.name));
        let events = wanted.map(|(number, stamped)| Happened::new(*number, stamped)).collect();
        Self { forgotten: told.missed, events }
    }
}

#[derive(Serialize)]
struct Gap {
    events: u64,
}

type Message = Result<sse::Event, axum::Error>;

/// The messages to a browser.
pub(super) fn messages(told: Told) -> impl Iterator<Item = Message> {
    let missed = (told.missed > 0).then(|| {
        let gap = Gap { events: told.missed };
        sse::Event::default().event("missed").json_data(gap)
    });
    let events = told.events.into_iter();
    missed.into_iter().chain(events.map(|(number, it)| Happened::new(number, &it).message()))
}
