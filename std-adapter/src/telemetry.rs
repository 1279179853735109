//! What a breaker reports: events to listeners and streams, logs, counts and metrics.
//!
//! Only this file asks which features are on. A module whose feature is off is replaced
//! by its twin in `off/`, whose methods do nothing.

#[cfg_attr(not(feature = "counts"), path = "telemetry/off/counts.rs")]
pub(crate) mod counts;
pub(crate) mod deferred;
pub(crate) mod event;
#[cfg_attr(
    not(feature = "fleet"),
    allow(dead_code, unreachable_pub, reason = "nothing is heard then")
)]
pub(crate) mod heard;
#[cfg_attr(not(feature = "latency"), path = "telemetry/off/latency.rs")]
pub(crate) mod latency;
pub(crate) mod listeners;
#[cfg_attr(not(feature = "tracing"), path = "telemetry/off/log.rs")]
pub(crate) mod log;
#[cfg_attr(not(feature = "fleet"), path = "telemetry/off/member.rs")]
pub(crate) mod member;
pub(crate) mod sequence;
#[cfg_attr(not(feature = "metrics"), path = "telemetry/off/series.rs")]
pub(crate) mod series;
#[cfg_attr(not(feature = "stream"), path = "telemetry/off/stream.rs")]
pub(crate) mod stream;
#[cfg_attr(not(any(feature = "latency", feature = "metrics")), path = "telemetry/off/timer.rs")]
pub(crate) mod timer;

use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::time::Duration;

use microbreaker::{Cause, Clock, Outcome};

use self::counts::Counters;
use self::event::{Event, EventKind};
use self::latency::Latencies;
use self::listeners::{Listeners, harmless};
use self::log::Log;
use self::member::Member;
use self::sequence::Sequence;
use self::series::Series;
use self::timer::{Stopwatch, Timer};
use crate::clock::{SharedClock, duration};
use crate::name::Name;
use crate::snapshot::Snapshot;
use crate::sync::{Mutex, MutexGuard};
use crate::waiters::Waiters;
use crate::waiters::asking::asks_for_check;

/// What all engines of a breaker report to.
#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) name: Arc<str>,
    /// The same, for refusals.
    pub(crate) refused_by: Name,
    pub(crate) listeners: Listeners,
    /// Those of the registry that the breaker belongs to.
    pub(crate) of_registry: Option<Arc<Listeners>>,
    pub(crate) counters: Counters,
    pub(crate) member: Member,
    pub(crate) series: Series,
    /// What measures how long calls take.
    pub(crate) timer: Timer,
    latencies: Latencies,
    pub(crate) log: Log,
    /// Those who wait to make a call.
    pub(crate) waiters: Waiters,
    /// The checks that probe in place of users' calls.
    pub(crate) checks: Waiters,
    clock: SharedClock,
    sequence: Mutex<Sequence>,
    /// Set once, before any other thread can have the breaker.
    breaker: OnceLock<Weak<dyn Reporter>>,
}

/// The breaker, as its own telemetry sees it. A trait, so that this layer need not
/// know the handle, which is above it.
pub(crate) trait Reporter: Send + Sync {
    /// The breaker now.
    fn snapshot(&self) -> Snapshot;

    /// Its telemetry.
    fn telemetry(&self) -> &Telemetry;
}

impl Telemetry {
    pub(crate) fn new(
        name: Arc<str>,
        listeners: Listeners,
        of_registry: Option<Arc<Listeners>>,
        series: Series,
        timer: Timer,
        latencies: Latencies,
        clock: SharedClock,
    ) -> Self {
        let (counters, member, log, sequence, breaker) = Default::default();
        let (waiters, checks) = (Waiters::new(), Waiters::new());
        Self {
            refused_by: Name::keep(&name),
            name,
            listeners,
            of_registry,
            counters,
            member,
            series,
            timer,
            latencies,
            log,
            waiters,
            checks,
            clock,
            sequence,
            breaker,
        }
    }

    /// Sets the breaker that reports here.
    pub(crate) fn attach(&self, breaker: Weak<dyn Reporter>) {
        self.breaker.get_or_init(|| breaker);
    }

    /// Records how long a call took, if that is measured: `took`, if the caller knows
    /// better than the stopwatch.
    #[inline]
    pub(crate) fn stop(&self, stopwatch: Stopwatch, took: Option<Duration>, outcome: Outcome) {
        if let Some(measured) = self.timer.stop(stopwatch) {
            self.measured(took.unwrap_or(measured), outcome);
        }
    }

    #[cold]
    fn measured(&self, took: Duration, outcome: Outcome) {
        self.series.duration(&self.name, took, outcome);
        if outcome != Outcome::Ignored {
            self.latencies.record(self.clock.now(), took);
        }
    }

    /// How long calls took lately, if that is kept.
    #[cfg(feature = "latency")]
    pub(crate) fn latency(&self) -> Option<self::latency::Latency> {
        self.latencies.read(self.clock.now())
    }

    /// Lets the first of those who wait, and of the checks, look at the breaker again.
    pub(crate) fn wake(&self) {
        self.waiters.wake();
        self.checks.wake();
    }

    /// Whether a check probes in place of users' calls.
    pub(crate) fn is_checked(&self) -> bool {
        self.checks.count() > 0
    }

    /// Whether a probe may go out, as this thread asks for it.
    pub(crate) fn lends_probe(&self) -> bool {
        (!self.is_checked() || asks_for_check()) && self.member.lend_probe()
    }

    /// Reports what has just happened to the breaker.
    pub(crate) fn tell(&self, kind: EventKind, cause: Cause) {
        let at = duration(self.clock.now());
        // With its last handle the breaker is gone, and there is nothing to report.
        let Some(breaker) = self.breaker.get().and_then(Weak::upgrade) else { return };
        let (name, sequence) = (self.name.clone(), self.number(kind));
        let event = Event { name, sequence, at, kind, cause, snapshot: breaker.snapshot() };
        if let Some((breaker, event)) = deferred::defer(breaker, event) {
            breaker.telemetry().deliver(&event);
        }
    }

    fn number(&self, kind: EventKind) -> u64 {
        match kind {
            EventKind::Transition { generation, .. } => self.sequence().of_transition(generation),
            EventKind::WouldTrip => self.sequence().next(),
        }
    }

    /// Notes that this tenure has begun, whether or not an event tells so.
    pub(crate) fn tenure_began(&self, generation: u8) {
        self.sequence().skip(generation);
    }

    fn sequence(&self) -> MutexGuard<'_, Sequence> {
        self.sequence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, event: &Event) {
        harmless(|| self.log.event(event));
        harmless(|| self.series.event(event));
        self.listeners.tell(event);
        if let Some(registry) = &self.of_registry {
            registry.tell(event);
        }
    }
}

/// With its last handle a breaker leaves the metrics.
impl Drop for Telemetry {
    fn drop(&mut self) {
        self.series.withdraw(&self.name, &self.counters);
    }
}
