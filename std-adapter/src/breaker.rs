//! The handle to a breaker.

pub(crate) mod builder;
pub(crate) mod call;
mod check;
pub(crate) mod permit;
mod publish;
mod reload;
mod wait;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
#[cfg(feature = "registry")]
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use microbreaker::{Command, IllegalTransition, Phase};

use crate::clock::{SharedClock, millis};
use crate::engine::versions::{Engines, Version};
use crate::engine::watch::Watch;
use crate::error::Rejected;
use crate::settings::{Mode, SettingError, Settings};
use crate::snapshot::Snapshot;
use crate::telemetry::event::Event;
use crate::telemetry::{Reporter, Telemetry};

/// A named circuit breaker: a handle, cheap to clone. Share it among all callers of
/// the same service.
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
/// Only `async` methods wait, and they say for what.
#[derive(Clone)]
pub struct Breaker(Arc<Inner>);

/// What all handles share.
pub(crate) struct Inner {
    pub(crate) engines: Engines,
    pub(crate) telemetry: Arc<Telemetry>,
    clock: SharedClock,
    seed: u32,
}

#[cfg(feature = "last-good")]
impl Inner {
    pub(crate) fn clock(&self) -> &SharedClock {
        &self.clock
    }
}

impl Reporter for Inner {
    fn snapshot(&self) -> Snapshot {
        self.engines.read(|engine| engine.status().snapshot()).into()
    }

    fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }
}

// A panic leaves nothing half done. The compiler cannot see that through the
// pointer to the clock.
impl UnwindSafe for Breaker {}
impl RefUnwindSafe for Breaker {}

impl Breaker {
    fn new(
        settings: Settings,
        mode: Mode,
        seed: Option<u32>,
        clock: SharedClock,
        telemetry: Telemetry,
    ) -> Result<Self, SettingError> {
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(&telemetry.name) as u32);
        let telemetry = Arc::new(telemetry);
        let watch = Watch::new(telemetry.clone());
        let engines = Engines::new(Version::new(&settings, seed, clock.clone(), watch, None)?);
        if mode != Mode::Closed {
            // It begins in this mode, so there is nobody to tell yet.
            _ = engines.command(mode.command());
        }
        let breaker = Self(Arc::new(Inner { engines, telemetry, clock, seed }));
        breaker.0.telemetry.attach(Arc::<Inner>::downgrade(&breaker.0));
        Ok(breaker)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.telemetry.name
    }

    /// Calls `listener` on every event from now on, for as long as the breaker
    /// lives. It runs on the thread that caused the event and holds no lock, so the
    /// listener may use the breaker. Keep it brief. If it panics, nothing else is
    /// affected.
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.0.telemetry.listeners.add(listener);
    }

    /// The current phase. An opening whose time is over reads as half-open.
    /// Changes nothing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.engines.read(|engine| engine.status().phase())
    }

    /// The breaker at a glance. Changes nothing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }

    /// Opens the breaker by hand, for as long as a trip would.
    pub fn trip(&self) {
        _ = self.command(Command::Trip);
    }

    /// Opens the breaker by hand for `time`, rounded up to a millisecond and at
    /// most 24.8 days.
    pub fn trip_for(&self, time: Duration) {
        _ = self.command(Command::TripFor(millis(time)));
    }

    /// Lets probes through now, without waiting for the opening to end.
    ///
    /// # Errors
    ///
    /// If the breaker is closed, disabled or in a dry run.
    pub fn half_open(&self) -> Result<(), IllegalTransition> {
        self.command(Command::HalfOpen)
    }

    /// Closes the breaker afresh, from any phase: empties the window, and makes
    /// calls under way stale.
    pub fn reset(&self) {
        _ = self.command(Command::Reset);
    }

    /// Refuses every call until the next command.
    pub fn force_open(&self) {
        _ = self.command(Command::ForceOpen);
    }

    /// Admits every call and records nothing until the next command.
    pub fn disable(&self) {
        _ = self.command(Command::Disable);
    }

    /// Starts a dry run: until the next command, admits and records every call, and
    /// reports when it would have tripped.
    pub fn metrics_only(&self) {
        _ = self.command(Command::MetricsOnly);
    }

    /// Carries out `command`, whose ticks are milliseconds. Only
    /// [`half_open`](Self::half_open) can be refused.
    pub(crate) fn command(&self, command: Command) -> Result<(), IllegalTransition> {
        self.0.engines.command(command)
    }

    #[inline]
    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Whether there is a handle beside this one. If not, what was done by way of others
    /// can be seen.
    #[cfg(feature = "registry")]
    pub(crate) fn is_held(&self) -> bool {
        let is_held = Arc::strong_count(&self.0) > 1;
        // Acquire: pairs with the release when another handle is dropped.
        fence(Ordering::Acquire);
        is_held
    }

    /// Publishes metrics a last time, if they ever were.
    #[cfg(feature = "registry")]
    pub(crate) fn withdraw(&self) {
        let telemetry = &self.0.telemetry;
        telemetry.series.withdraw(&telemetry.name, &telemetry.counters);
    }

    /// Reports that a call was refused.
    #[cold]
    pub(crate) fn rejected(&self, core: microbreaker::Rejected) -> Rejected {
        let Telemetry { name, refused_by, counters, log, .. } = &*self.0.telemetry;
        counters.rejection();
        log.rejection(name, &core);
        Rejected::new(refused_by, core.phase, core.retry_after)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("name", self.name()).field("phase", &self.phase()).finish()
    }
}
