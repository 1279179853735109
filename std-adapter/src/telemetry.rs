//! What a breaker reports: events to listeners and streams, logs, counts and
//! metrics.
//!
//! Features switch these on in this file only. Where one is off, a twin in `off/`
//! takes its place, with the same methods and nothing in them.

#[cfg_attr(not(feature = "counts"), path = "telemetry/off/counts.rs")]
pub(crate) mod counts;
pub(crate) mod event;
pub(crate) mod listeners;
#[cfg_attr(not(feature = "tracing"), path = "telemetry/off/log.rs")]
pub(crate) mod log;
#[cfg_attr(not(feature = "metrics"), path = "telemetry/off/series.rs")]
pub(crate) mod series;
#[cfg_attr(not(feature = "stream"), path = "telemetry/off/stream.rs")]
pub(crate) mod stream;

use std::sync::Arc;

use self::counts::Counters;
use self::event::Event;
use self::listeners::Listeners;
use self::log::Log;
use self::series::Series;

/// What all engines of a breaker report to.
#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) name: Arc<str>,
    pub(crate) listeners: Listeners,
    /// Those of the registry that the breaker is in.
    pub(crate) of_registry: Option<Arc<Listeners>>,
    pub(crate) counters: Counters,
    pub(crate) series: Series,
    pub(crate) log: Log,
}

impl Telemetry {
    pub(crate) fn new(
        name: Arc<str>,
        listeners: Listeners,
        of_registry: Option<Arc<Listeners>>,
        series: Series,
    ) -> Self {
        let (counters, log) = Default::default();
        Self { name, listeners, of_registry, counters, series, log }
    }

    pub(crate) fn tell(&self, event: &Event) {
        self.log.event(event);
        self.series.event(event);
        self.listeners.tell(event);
        if let Some(registry) = &self.of_registry {
            registry.tell(event);
        }
    }
}
