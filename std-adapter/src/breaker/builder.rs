//! Building breakers.

use std::sync::Arc;
use std::time::Duration;

use microbreaker::{AfterProbeTimeout, Clock};

use super::Breaker;
use crate::clock::SharedClock;
use crate::engine;
use crate::error::BuildError;
use crate::settings::{Abandoned, Backoff, Leak, Mode, Preset, ProbeTimeout, Ramp, Settings};
use crate::telemetry::Telemetry;
use crate::telemetry::event::Event;
use crate::telemetry::latency::Latencies;
use crate::telemetry::listeners::Listeners;
use crate::telemetry::series::{Reported, Series};
use crate::telemetry::timer::Timer;

/// Builds a [`Breaker`]: call setters, then [`build`](Self::build).
///
/// Set [`open_for`] and at least one policy: [`consecutive_failures`],
/// [`leaky_bucket`], [`failures_in_window`], [`failure_rate`] or [`slow_rate`]. The breaker
/// trips as soon as one of them is met. All but the first two need a window:
/// [`last_calls`] or [`within`]. Times are rounded up to milliseconds.
///
/// ```
/// use microbreaker_std::Breaker;
/// use std::time::Duration;
///
/// const SECOND: Duration = Duration::from_secs(1);
/// let builder = Breaker::builder("users")
///     .failure_rate(50).min_calls(10)
///     .slow_rate(80).slow_after(2 * SECOND)
///     .within(60 * SECOND)
///     .open_for(10 * SECOND).backoff(2, 300 * SECOND).jitter(20)
///     .probes(3)
///     .on_event(|event| println!("{event:?}"));
/// let users = builder.clone().build()?;
/// assert_eq!(&**users.name(), "users");
///
/// let error = builder.failure_rate(150).build().unwrap_err();
/// let text = r#"circuit breaker "users": failure_rate is 150, but must be 1 to 100"#;
/// assert_eq!(error.to_string(), text);
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
///
/// [`consecutive_failures`]: Self::consecutive_failures
/// [`leaky_bucket`]: Self::leaky_bucket
/// [`failures_in_window`]: Self::failures_in_window
/// [`failure_rate`]: Self::failure_rate
/// [`slow_rate`]: Self::slow_rate
/// [`open_for`]: Self::open_for
/// [`last_calls`]: Self::last_calls
/// [`within`]: Self::within
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    pub(crate) name: Arc<str>,
    pub(crate) settings: Settings,
    pub(crate) seed: Option<u32>,
    pub(crate) clock: Option<SharedClock>,
    pub(crate) listeners: Listeners,
    pub(crate) of_registry: Option<Arc<Listeners>>,
    pub(crate) measures_durations: bool,
    pub(crate) measures_latency: bool,
    /// The mode that an operator has set, which takes precedence over the settings.
    pub(crate) ordered: Option<Mode>,
    pub(crate) reported: Reported,
}

/// Setters that only store a value.
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
    /// Begins to build a breaker of this name.
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
            measures_latency: false,
            ordered: None,
            reported: Reported::default(),
        }
    }

    setters! {
        /// Trips at this many failures in a row, 1 to 255. Needs no window, and the
        /// failures never age, except with
        /// [`consecutive_within_window`](Self::consecutive_within_window).
        consecutive_failures: u32;
        /// Whether failures in a row count only while they are in the window, which must
        /// be time-based: [`within`](Self::within).
        consecutive_within_window: bool;
        /// Trips at this many failures in the window, 1 to its length, or to 2^31 in a
        /// time-based window; to 512 if nothing else looks at that.
        failures_in_window: u32;
        /// Trips when at least this share of the window's calls failed, 1 to 100
        /// percent, once it holds [`min_calls`](Self::min_calls).
        failure_rate: u32;
        /// Trips when at least this share of the window's calls were slow, 1 to
        /// 100 percent, whatever their result, once it holds
        /// [`min_calls`](Self::min_calls). Needs [`slow_after`](Self::slow_after).
        slow_rate: u32;
        /// A call that takes longer than this is slow. Each call then reads the
        /// clock twice.
        slow_after: Duration;
        /// Trips when a bucket is full that failures fill and successes drain; see
        /// [`Leak`], which also designs it from failure rates. Needs no window.
        leaky_bucket: Leak;
        /// Rates count only once the window holds this many calls: 1 (the
        /// default) to its length, or to 2^31 in a time-based window.
        min_calls: u32;
        /// Makes the window the last calls, this many: 1 to 1,240.
        last_calls: u32;
        /// Makes the window the calls within this time, 10 ms to 24.8 days, counted
        /// exactly. It forgets a tenth of itself at a time.
        within: Duration;
        /// Changes nothing any more, and is allowed where [`within`](Self::within) is set:
        /// each thread counts in a cell of its own, as
        /// [`ExactTimeWindow`](crate::ExactTimeWindow) says.
        striped: bool;
        /// Refuses for this long after a trip, 1 ms to 24.8 days.
        open_for: Duration;
        /// Lengthens each wait by a random share of it, up to this: 0 (the default) to
        /// 100 percent. So a fleet does not retry all at once. Each breaker draws its
        /// own shares, unless it has a [`jitter_seed`](Self::jitter_seed).
        jitter: u32;
        /// Admits at most this many probes while half-open, 1 (the default) to 31,
        /// or 15 with [`probe_rate_after`](Self::probe_rate_after).
        probes: u32;
        /// Makes [`probes`](Self::probes) a limit on the probes out at a time, not
        /// in all: a finished probe frees its place until this many have finished.
        reuse_probes_until: u32;
        /// Closes at this many successful probes, by default all. Opens again as
        /// soon as that many are out of reach.
        successes: u32;
        /// Decides by the rates of this many finished probes instead.
        probe_rate_after: u32;
        /// Half-open is also overdue when it has lasted this long without a verdict, 1 ms
        /// to 2.3 hours, whether or not probes are out. By default it may last for ever.
        longest_half_open: Duration;
        /// What the breaker does when half-open is overdue by
        /// [`probe_timeout`](Self::probe_timeout) or
        /// [`longest_half_open`](Self::longest_half_open): by default it opens again.
        after_probe_timeout: AfterProbeTimeout;
        /// What an abandoned call, one whose future or permit is dropped, counts as: by
        /// default as nothing. [`Abandoned::ByTime`] needs
        /// [`slow_after`](Self::slow_after).
        abandoned: Abandoned;
        /// How the breaker works from the start: by default closed, ready to trip. Commands
        /// change that, and a reload does if the mode in the settings has changed.
        mode: Mode;
        /// Whether the service cannot do its work while this breaker is open: see
        /// `Registry::health`. By default it can.
        critical: bool;
    }

    /// [`failure_rate`](Self::failure_rate) as an exact ratio: at least `part` of `whole`
    /// calls, where `part` is 1 to `whole`. 1 of 2,000 is 0.05 percent.
    pub fn failure_ratio(mut self, part: u32, whole: u32) -> Self {
        self.settings.failure_ratio = Some((part, whole));
        self
    }

    /// [`slow_rate`](Self::slow_rate) as an exact ratio: at least `part` of `whole`
    /// calls, where `part` is 1 to `whole`.
    pub fn slow_ratio(mut self, part: u32, whole: u32) -> Self {
        self.settings.slow_ratio = Some((part, whole));
        self
    }

    /// Multiplies the wait by `factor`, such as 2 or 1.5, up to `max`, at each trip from
    /// half-open without a close in between. The factor is rounded to thousandths, and
    /// each wait down to milliseconds.
    pub fn backoff(mut self, factor: impl Into<f64>, max: Duration) -> Self {
        self.settings.backoff = Some(Backoff { factor: factor.into(), max });
        self
    }

    /// Half-open is overdue when a probe is out and, for this long, 1 ms to 12.4 days, no
    /// probe was given out and none ended: by default as long as
    /// [`open_for`](Self::open_for).
    pub fn probe_timeout(mut self, time: Duration) -> Self {
        self.settings.probe_timeout = Some(ProbeTimeout::After(time));
        self
    }

    /// Removes the probe timeout. A probe that neither ends nor is dropped then keeps
    /// its place until the breaker is reset by hand.
    pub fn no_probe_timeout(mut self) -> Self {
        self.settings.probe_timeout = Some(ProbeTimeout::Never);
        self
    }

    /// Closes gradually: admits `shares[0]` percent of the calls for the first
    /// `step`, then `shares[1]` percent, and all after the last share. 1 to 7 shares
    /// of 1 to 99 percent, none smaller than the one before.
    pub fn ramp(mut self, shares: impl Into<Vec<u8>>, step: Duration) -> Self {
        self.settings.ramp = Some(Ramp { shares: shares.into(), step });
        self
    }

    /// Replaces all settings at once.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings.filled_in();
        self
    }

    /// Fills up what is not set so far with the settings of `preset`. So call it after the
    /// other setters.
    pub fn preset(mut self, preset: Preset) -> Self {
        self.settings = self.settings.over(&preset.settings());
        self
    }

    /// Draws the jitter from this seed, so that it is reproducible.
    pub fn jitter_seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Calls `listener` on every event: see [`Breaker::on_event`].
    pub fn on_event(self, listener: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.listeners.add(listener);
        self
    }

    /// Reads milliseconds from this clock, and the breaker then reads no other. The
    /// default is `CoarseClock`, or [`MonotonicClock`](crate::clock::MonotonicClock) if slow
    /// calls are measured or the feature `coarse-clock` is off. A target without a clock,
    /// such as `wasm32-unknown-unknown`, has no default: give one.
    pub fn clock(mut self, clock: impl Clock + Send + Sync + 'static) -> Self {
        self.clock = Some(SharedClock::new(clock));
        self
    }

    /// Builds the breaker, closed unless [`mode`](Self::mode) says otherwise.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work, with its value and what is allowed.
    pub fn build(self) -> Result<Breaker, BuildError> {
        let mode = self.begins();
        let Self { name, settings, seed, clock, listeners, of_registry, .. } = self;
        let (durations, latency) = (self.measures_durations, self.measures_latency);
        let given = clock.map(SharedClock::restarted);
        let timer = Timer::new(durations || latency, given.as_ref());
        let clock = given.unwrap_or_else(|| SharedClock::suitable(settings.slow_after.is_some()));
        let series = Series::new(durations, self.reported);
        let telemetry = Telemetry::new(
            name.clone(),
            listeners,
            of_registry,
            series,
            timer,
            Latencies::new(latency),
            clock.clone(),
        );
        let breaker = Breaker::new(settings, mode, seed, clock, telemetry);
        breaker.map_err(|problem| BuildError { name, problem })
    }

    /// The mode in which the breaker begins.
    pub(crate) fn begins(&self) -> Mode {
        self.ordered.or(self.settings.mode).unwrap_or_default()
    }

    /// Checks the settings as [`build`](Self::build) does, without building a
    /// breaker.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work, with its value and what is allowed.
    pub fn check(&self) -> Result<(), BuildError> {
        engine::check(&self.settings)
            .map_err(|problem| BuildError { name: self.name.clone(), problem })
    }
}
