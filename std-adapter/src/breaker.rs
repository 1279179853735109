//! The handle.

pub(crate) mod builder;
pub(crate) mod call;
pub(crate) mod grant;
pub(crate) mod permit;
mod wait;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use microbreaker::{IllegalTransition, Phase};

use crate::breaker::builder::Builder;
use crate::breaker::permit::Permit;
use crate::clock::{SharedClock, duration, millis};
use crate::engine::Engine;
use crate::engine::versions::Engines;
use crate::engine::watch::{Audience, Watch};
use crate::error::Rejected;
use crate::settings::{BadSetting, Settings};
use crate::snapshot::Snapshot;
use crate::telemetry::event::{Event, Listeners};

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
    pub(crate) audience: Arc<Audience>,
    clock: SharedClock,
    seed: u32,
}

impl Inner {
    #[inline]
    pub(crate) fn engine(&self) -> &Engine {
        self.engines.engine(self.engines.current())
    }
}

// Nothing is left half done when somebody panics; only the compiler cannot see
// that through the pointer to the clock.
impl UnwindSafe for Breaker {}
impl RefUnwindSafe for Breaker {}

impl Breaker {
    /// Begins a breaker of this name.
    pub fn builder(name: impl Into<Arc<str>>) -> Builder {
        Builder::new(name)
    }

    pub(crate) fn new(builder: Builder) -> Result<Self, BadSetting> {
        let Builder { name, settings, seed, clock, listeners, of_registry, .. } = builder;
        let clock = clock.map_or_else(
            || SharedClock::suitable(settings.slow_after.is_some()),
            SharedClock::restarted,
        );
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(&name) as u32);
        #[cfg(feature = "metrics")]
        let timed = builder.measures_durations;
        #[cfg(not(feature = "metrics"))]
        let timed = false;
        let audience = Audience {
            name,
            listeners,
            of_registry,
            #[cfg(feature = "counts")]
            counters: crate::telemetry::counts::Counters::default(),
            #[cfg(feature = "metrics")]
            durations: crate::telemetry::series::Durations::new(timed),
            #[cfg(feature = "metrics")]
            published: crate::telemetry::series::Published::default(),
            #[cfg(feature = "tracing")]
            rejection_logged: std::sync::atomic::AtomicBool::new(false),
        };
        let audience = Arc::new(audience);
        let engine = Engine::new(&settings, seed, clock.clone(), Watch::new(audience.clone()))?;
        let engines = Engines::new(settings, engine, timed);
        let breaker = Self(Arc::new(Inner { engines, audience, clock, seed }));
        breaker.0.engine().watch().attach(Arc::downgrade(&breaker.0));
        Ok(breaker)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.audience.name
    }

    /// Tells `listener` of every event from now on, for as long as there is the
    /// breaker: on the thread whose call caused it, holding nothing, so that it
    /// may use the breaker. It should be brief. A panic in it harms nobody.
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.listeners().add(listener);
    }

    /// The events from now on, as a stream on any executor.
    #[cfg(feature = "stream")]
    pub fn events(&self) -> crate::telemetry::stream::Events {
        self.listeners().stream.subscribe()
    }

    /// How many calls there were, summed over the threads that made them.
    #[cfg(feature = "counts")]
    #[must_use]
    pub fn counts(&self) -> crate::telemetry::counts::Counts {
        self.0.audience.counters.sum()
    }

    /// Asks for leave to make one call by hand; the outcome goes to the permit.
    ///
    /// # Errors
    ///
    /// The breaker refuses.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<&Self>, Rejected> {
        Permit::acquire(self)
    }

    /// The same with a permit that can be sent anywhere.
    ///
    /// # Errors
    ///
    /// The breaker refuses.
    pub fn try_acquire_owned(&self) -> Result<Permit, Rejected> {
        Permit::acquire(self.clone())
    }

    /// The phase now. An opening that is over reads as half-open. Changes
    /// nothing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.engine().phase()
    }

    /// The breaker at a glance. Changes nothing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.engine().snapshot().into()
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

    /// Another engine with these settings.
    pub(crate) fn engine_of(&self, settings: &Settings) -> Result<Engine, BadSetting> {
        let Inner { audience, clock, seed, .. } = &*self.0;
        let watch = Watch::new(audience.clone());
        watch.attach(Arc::downgrade(&self.0));
        Engine::new(settings, *seed, clock.clone(), watch)
    }

    /// Whether anybody has a handle beside this one.
    #[cfg(feature = "registry")]
    pub(crate) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// When a call begins, if durations are measured.
    #[inline]
    pub(crate) fn began(&self) -> Option<Instant> {
        #[cfg(feature = "metrics")]
        return self.0.audience.durations.begin();
        #[cfg(not(feature = "metrics"))]
        None
    }

    /// Measures a call that began at `began`, and took `took` if the caller knows
    /// better.
    #[inline]
    pub(crate) fn measure(
        &self,
        began: Option<Instant>,
        took: Option<Duration>,
        outcome: microbreaker::Outcome,
    ) {
        #[cfg(feature = "metrics")]
        if let Some(began) = began {
            let took = took.unwrap_or_else(|| began.elapsed());
            self.0.audience.durations.record(self.name(), took, outcome);
        }
        #[cfg(not(feature = "metrics"))]
        let _ = (began, took, outcome);
    }

    fn listeners(&self) -> &Listeners {
        &self.0.audience.listeners
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
