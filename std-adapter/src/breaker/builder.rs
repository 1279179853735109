//! Making breakers.

use std::sync::Arc;
use std::time::Duration;

use microbreaker::{AfterProbeTimeout, Clock};

use super::Breaker;
use crate::clock::SharedClock;
use crate::engine;
use crate::error::BuildError;
use crate::settings::{Backoff, ProbeTimeout, Ramp, Settings};
use crate::telemetry::Telemetry;
use crate::telemetry::event::Event;
use crate::telemetry::listeners::Listeners;
use crate::telemetry::series::Series;

/// Makes a [`Breaker`]: one setter after the other, then [`build`](Self::build).
///
/// At least one policy is needed ([`consecutive_failures`],
/// [`failures_in_window`], [`failure_rate`], [`slow_rate`]), and [`open_for`]
/// always. The breaker trips when any of them is met. All but
/// `consecutive_failures` need a window: [`last_calls`] or [`within`]. Times are
/// rounded up to milliseconds.
///
/// [`consecutive_failures`]: Self::consecutive_failures
/// [`failures_in_window`]: Self::failures_in_window
/// [`failure_rate`]: Self::failure_rate
/// [`slow_rate`]: Self::slow_rate
/// [`open_for`]: Self::open_for
/// [`last_calls`]: Self::last_calls
/// [`within`]: Self::within
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is told to build"]
pub struct Builder {
    pub(crate) name: Arc<str>,
    pub(crate) settings: Settings,
    pub(crate) seed: Option<u32>,
    pub(crate) clock: Option<SharedClock>,
    pub(crate) listeners: Listeners,
    pub(crate) of_registry: Option<Arc<Listeners>>,
    pub(crate) measures_durations: bool,
}

/// Setters that only put a value where it belongs.
macro_rules! setters {
    ($($(#[$doc:meta])* $field:ident: $type:ty;)+) => {
        $($(#[$doc])*
        pub fn $field(mut self, value: $type) -> Self {
            self.settings.$field = Some(value);
            self
        })+
    };
}

impl Breaker {
    /// Begins a breaker of this name.
    pub fn builder(name: impl Into<Arc<str>>) -> Builder {
        Builder::new(name)
    }
}

impl Builder {
    fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            settings: Settings::default(),
            seed: None,
            clock: None,
            listeners: Listeners::default(),
            of_registry: None,
            measures_durations: false,
        }
    }

    setters! {
        /// Trips at this many failures in a row, 1 to 255. Needs no window; with
        /// a window by time, failures older than it do not count.
        consecutive_failures: u32;
        /// Trips at this many failures in the window, 1 to its length, or 512
        /// in a window by time.
        failures_in_window: u32;
        /// Trips when at least this share of the window's calls failed, 1 to 100
        /// percent, once it holds [`min_calls`](Self::min_calls).
        failure_rate: u32;
        /// Trips when at least this share of the window's calls were slow, 1 to
        /// 100 percent, whatever their result. Needs [`slow_after`](Self::slow_after).
        slow_rate: u32;
        /// A call that takes longer is slow. Each call then reads the clock twice.
        slow_after: Duration;
        /// Rates count only once the window holds this many calls: 1 (the
        /// default) to its length, or 512 in a window by time.
        min_calls: u32;
        /// The window is the last calls, 1 to 1,240.
        last_calls: u32;
        /// The window is the last calls within this time, 10 ms to 24.8 days. It
        /// forgets a tenth of itself at a time.
        within: Duration;
        /// Whether the window, which must be by time, has a stripe for each core: for
        /// a breaker that many cores share and that sees failures all the time.
        /// Takes 128 bytes a core, and a failure looks at each: see
        /// [`Striped`](crate::Striped).
        striped: bool;
        /// Refuses for this long after a trip, 1 ms to 24.8 days.
        open_for: Duration;
        /// Each wait is longer by up to this share of it, 1 to 100 percent, so
        /// that a fleet spreads out. Drawn afresh for each breaker, unless it
        /// has a [`jitter_seed`](Self::jitter_seed).
        jitter: u32;
        /// Gives out at most this many probes while half-open, 1 (the default) to
        /// 31, or 15 with [`probe_rate_after`](Self::probe_rate_after).
        probes: u32;
        /// [`probes`](Self::probes) is how many may be out at a time, not in all:
        /// a finished probe's place is free again until this many have finished.
        reuse_probes_until: u32;
        /// Closes at this many successful probes, by default all; opens again as
        /// soon as they are out of reach.
        successes: u32;
        /// Decides by the rates of so many finished probes instead.
        probe_rate_after: u32;
        /// What becomes of a breaker whose probes do not settle it in time: by
        /// default it opens again.
        after_probe_timeout: AfterProbeTimeout;
        /// Whether a call that is abandoned, its future or permit dropped, counts
        /// as a failure instead of not at all.
        abandoned_fails: bool;
    }

    /// Each trip from half-open, without a close in between, multiplies the wait
    /// by `factor` (2 or more), up to `max`.
    pub fn backoff(mut self, factor: u32, max: Duration) -> Self {
        self.settings.backoff = Some(Backoff { factor, max });
        self
    }

    /// How long probes may take to settle it, 1 ms to 12.4 days: by default as
    /// long as [`open_for`](Self::open_for).
    pub fn probe_timeout(mut self, time: Duration) -> Self {
        self.settings.probe_timeout = Some(ProbeTimeout::After(time));
        self
    }

    /// Probes may take for ever. One that never ends, nor is dropped, then keeps
    /// its place until the breaker is reset by hand.
    pub fn no_probe_timeout(mut self) -> Self {
        self.settings.probe_timeout = Some(ProbeTimeout::Never);
        self
    }

    /// Closes gradually: of each hundred calls, `shares[0]` are admitted for the
    /// first `step`, then `shares[1]`, and after the last share all. 1 to 7
    /// shares of 1 to 99 percent, none smaller than the one before.
    pub fn ramp(mut self, shares: impl Into<Vec<u8>>, step: Duration) -> Self {
        self.settings.ramp = Some(Ramp { shares: shares.into(), step });
        self
    }

    /// All settings at once, in place of those so far.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Draws the jitter from this seed, so that it can be repeated.
    pub fn jitter_seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Tells `listener` of every event: see [`Breaker::on_event`].
    pub fn on_event(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.listeners.add(listener);
        self
    }

    /// Reads milliseconds from this clock. By default it is the coarse one,
    /// `CoarseClock`; or the precise one, [`MonotonicClock`](crate::clock::MonotonicClock),
    /// if slow calls are measured or without the feature `coarse-clock`.
    pub fn clock(mut self, clock: impl Clock + Send + Sync + 'static) -> Self {
        self.clock = Some(SharedClock::new(clock));
        self
    }

    /// A closed breaker.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work, with its value and what is allowed.
    pub fn build(self) -> Result<Breaker, BuildError> {
        let Self { name, settings, seed, clock, listeners, of_registry, measures_durations } = self;
        let clock = clock.map_or_else(
            || SharedClock::suitable(settings.slow_after.is_some()),
            SharedClock::restarted,
        );
        let series = Series::new(measures_durations);
        let telemetry = Telemetry::new(name.clone(), listeners, of_registry, series);
        let breaker = Breaker::new(settings, seed, clock, telemetry);
        breaker.map_err(|problem| BuildError { name, problem })
    }

    /// Checks the settings as [`build`](Self::build) does, and builds nothing.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work, with its value and what is allowed.
    pub fn check(&self) -> Result<(), BuildError> {
        engine::check(&self.settings)
            .map_err(|problem| BuildError { name: self.name.clone(), problem })
    }
}
