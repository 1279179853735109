//! The handle.

pub(crate) mod builder;
pub(crate) mod call;
pub(crate) mod permit;
mod publish;
mod reload;
mod wait;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use microbreaker::{IllegalTransition, Phase};

use crate::clock::{SharedClock, duration, millis};
use crate::engine::Engine;
use crate::engine::versions::Engines;
use crate::engine::watch::Watch;
use crate::error::Rejected;
use crate::settings::{SettingError, Settings};
use crate::snapshot::Snapshot;
use crate::telemetry::event::Event;
use crate::telemetry::{Reporter, Telemetry};

/// A circuit breaker with a name: a handle, cheap to clone, to be shared by
/// everyone who calls the same thing.
///
/// ```
/// use microbreaker_std::Breaker;
/// use std::time::{Duration, Instant};
/// let users = Breaker::builder("users")
///     .failure_rate(50).min_calls(10).last_calls(100)
///     .open_for(Duration::from_secs(30))
///     .build()?;
/// assert_eq!(users.call(|| "42".parse::<u32>()), Ok(42));
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
///
/// No method waits, but for those that are `async` and say so.
#[derive(Clone)]
pub struct Breaker(Arc<Inner>);

/// What all handles share.
pub(crate) struct Inner {
    pub(crate) engines: Engines,
    pub(crate) telemetry: Arc<Telemetry>,
    clock: SharedClock,
    seed: u32,
}

impl Reporter for Inner {
    fn snapshot(&self) -> Snapshot {
        self.engines.in_use().snapshot().into()
    }
}

// A panic leaves nothing half done. The compiler cannot see that through the
// pointer to the clock.
impl UnwindSafe for Breaker {}
impl RefUnwindSafe for Breaker {}

impl Breaker {
    fn new(
        settings: Settings,
        seed: Option<u32>,
        clock: SharedClock,
        telemetry: Telemetry,
    ) -> Result<Self, SettingError> {
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(&telemetry.name) as u32);
        let telemetry = Arc::new(telemetry);
        let watch = Watch::new(telemetry.clone());
        let engine = Engine::new(&settings, seed, clock.clone(), watch)?;
        let engines = Engines::new(settings, engine, telemetry.series.measures_durations());
        let breaker = Self(Arc::new(Inner { engines, telemetry, clock, seed }));
        breaker.0.telemetry.attach(Arc::<Inner>::downgrade(&breaker.0));
        Ok(breaker)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.telemetry.name
    }

    /// Tells `listener` of every event from now on, for as long as there is the
    /// breaker: on the thread whose call caused it, holding nothing, so that it
    /// may use the breaker. It should be brief. A panic in it harms nobody.
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.0.telemetry.listeners.add(listener);
    }

    /// The phase now. An opening that is over reads as half-open. Changes
    /// nothing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.engines.in_use().phase()
    }

    /// The breaker at a glance. Changes nothing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }

    /// Opens by hand, for the normal time.
    pub fn trip(&self) {
        self.0.engines.command(Engine::trip);
    }

    /// Opens by hand for `time`, rounded up to a millisecond and at most 24.8
    /// days.
    pub fn trip_for(&self, time: Duration) {
        self.0.engines.command(|engine| engine.trip_for(millis(time)));
    }

    /// Lets probes through now instead of waiting for the opening to end.
    ///
    /// # Errors
    ///
    /// If the breaker is closed, disabled or records metrics only.
    pub fn half_open(&self) -> Result<(), IllegalTransition> {
        self.0.engines.command(Engine::half_open)
    }

    /// Goes to a fresh closed phase, from any: the window is emptied, and calls
    /// that are under way are stale.
    pub fn reset(&self) {
        self.0.engines.command(Engine::reset);
    }

    /// Refuses every call until told otherwise.
    pub fn force_open(&self) {
        self.0.engines.command(Engine::force_open);
    }

    /// Admits every call and records nothing until told otherwise.
    pub fn disable(&self) {
        self.0.engines.command(Engine::disable);
    }

    /// A dry run: admits and records every call, and reports when it would have
    /// tripped, until told otherwise.
    pub fn metrics_only(&self) {
        self.0.engines.command(Engine::metrics_only);
    }

    #[inline]
    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Whether there is a handle beside this one.
    #[cfg(feature = "registry")]
    pub(crate) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Publishes metrics a last time, if they ever were.
    #[cfg(feature = "registry")]
    pub(crate) fn withdraw(&self) {
        let telemetry = &self.0.telemetry;
        telemetry.series.withdraw(&telemetry.name, &telemetry.counters);
    }

    #[cold]
    pub(crate) fn rejected(&self, core: microbreaker::Rejected) -> Rejected {
        let retry_after = core.retry_after.map(duration);
        Rejected { name: self.name().clone(), phase: core.phase, retry_after }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("name", self.name()).field("phase", &self.phase()).finish()
    }
}
