//! The handle.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use microbreaker::{IllegalTransition, Phase};

use crate::engine::Engine;
use crate::permit::Permit;
use crate::settings::{BadSetting, Settings};
use crate::timing::{SharedClock, demanded, duration};
use crate::watch::Watch;
use crate::{Builder, Rejected, Snapshot};

/// A circuit breaker with a name: a handle, cheap to clone, to be shared by
/// everyone who calls the same thing.
///
/// ```
/// use microbreaker_std::Breaker;
/// use std::time::Duration;
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

struct Inner {
    name: Arc<str>,
    engine: Engine,
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

    pub(crate) fn new(
        name: Arc<str>,
        settings: Settings,
        seed: u32,
        clock: SharedClock,
    ) -> Result<Self, BadSetting> {
        let engine = Engine::new(settings.config(seed)?, settings.window(), clock, Watch)
            .map_err(|error| settings.explain(error))?;
        Ok(Self(Arc::new(Inner { name, engine })))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
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
        self.engine().phase()
    }

    /// The breaker at a glance. Changes nothing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.engine().snapshot().into()
    }

    /// Opens by hand, for the normal time.
    pub fn trip(&self) {
        self.engine().trip();
    }

    /// Opens by hand for `time`, rounded up to a millisecond and at most 24.8
    /// days.
    pub fn trip_for(&self, time: Duration) {
        self.engine().trip_for(demanded(time));
    }

    /// Lets probes through now instead of waiting for the opening to end.
    ///
    /// # Errors
    ///
    /// If the breaker is closed, disabled or records metrics only.
    pub fn half_open(&self) -> Result<(), IllegalTransition> {
        self.engine().half_open()
    }

    /// Goes to a fresh closed phase, from any: the window is emptied, and calls
    /// that are under way are stale.
    pub fn reset(&self) {
        self.engine().reset();
    }

    /// Refuses every call until told otherwise.
    pub fn force_open(&self) {
        self.engine().force_open();
    }

    /// Admits every call and records nothing until told otherwise.
    pub fn disable(&self) {
        self.engine().disable();
    }

    /// A dry run: admits and records every call, and reports when it would have
    /// tripped, until told otherwise.
    pub fn metrics_only(&self) {
        self.engine().metrics_only();
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    #[cold]
    pub(crate) fn rejected(&self, core: microbreaker::Rejected) -> Rejected {
        let retry_after = core.retry_after.map(duration);
        Rejected { name: self.0.name.clone(), phase: core.phase, retry_after }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("name", &self.0.name).field("phase", &self.phase()).finish()
    }
}
