//! What makes a breaker trip, and how it recovers.

mod check;
mod error;
mod fixed;
mod length;
mod policy;
mod source;

pub(crate) use check::within;
pub use error::{ConfigError, Field};
pub use fixed::{ConstConfig, Fixed};
pub(crate) use length::{WindowLength, window_length_setters};
pub(crate) use policy::{Verdict, mix};
pub use source::ConfigSource;

use crate::leak::Leak;

/// The longest time in ticks: a longer one could not be told from a clock that
/// stepped back.
const MAX_TICKS: u32 = (1 << 31) - 1;
/// The longest probe timeout. It and the opening after it are counted from the same
/// tick; this leaves a quarter of a turn of the clock in which both read as over.
const MAX_PROBE_TIMEOUT: u32 = 1 << 30;
/// The most that either part of a backoff's factor can be, unless the factor is a
/// whole number.
const MAX_FACTOR_PART: u32 = (1 << 16) - 1;
/// The most shares of a ramp.
const MAX_SHARES: usize = 7;
/// The most times a backoff can multiply.
pub(crate) const MAX_LEVEL: u32 = 15;

/// What makes a breaker trip, and how it recovers.
///
/// Built in `const`, setter by setter, and checked when a breaker is built from
/// it. In a `static`, a bad value is a compile error; at run time it is a panic in
/// [`Breaker::new`](crate::Breaker::new) or a [`ConfigError`] from
/// [`Breaker::try_new`](crate::Breaker::try_new).
///
/// ```
/// use microbreaker::Config;
/// const SENSOR: Config = Config::new()
///     .consecutive_failures(3)
///     .open_for(500);
/// assert!(SENSOR.check::<()>().is_ok());
/// ```
///
/// A breaker needs at least one policy ([`consecutive_failures`],
/// [`failures_in_window`], [`failure_rate`], [`slow_rate`], [`leaky_bucket`]), and
/// always [`open_for`]. It trips when, after a call that counts against a policy, that
/// policy is met.
///
/// [`consecutive_failures`]: Self::consecutive_failures
/// [`failures_in_window`]: Self::failures_in_window
/// [`failure_rate`]: Self::failure_rate
/// [`slow_rate`]: Self::slow_rate
/// [`leaky_bucket`]: Self::leaky_bucket
/// [`open_for`]: Self::open_for
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Config {
    consecutive_failures: Option<u32>,
    consecutive_within_window: bool,
    failures_in_window: Option<u32>,
    failure_rate: Option<Ratio>,
    slow_rate: Option<Ratio>,
    slow_after: Option<u32>,
    leaky_bucket: Option<Leak>,
    min_calls: u32,
    last_calls: u32,
    bucket: u32,
    open_for: u32,
    backoff: Option<Backoff>,
    jitter: Option<Jitter>,
    probes: u32,
    reuse_probes_until: Option<u32>,
    successes: Option<u32>,
    probe_rate_after: Option<u32>,
    probe_timeout: ProbeTimeout,
    longest_half_open: Option<u32>,
    after_probe_timeout: AfterProbeTimeout,
    ramp: Option<Ramp>,
    abandoned: Abandoned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Backoff {
    factor: Ratio,
    max: u32,
}

/// The exact ratio of `part` to `whole`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Ratio {
    part: u32,
    whole: u32,
}

/// What a call counts as if its permit is dropped without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
enum Abandoned {
    Ignored,
    Failed,
    ByTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Jitter {
    percent: u32,
    seed: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Ramp {
    shares: [u8; MAX_SHARES],
    count: u32,
    step: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
enum ProbeTimeout {
    OpenFor,
    Ticks(u32),
    Never,
}

/// What a breaker does when half-open is overdue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum AfterProbeTimeout {
    /// Opens again; the new wait counts from the deadline.
    #[default]
    Open,
    /// Stays half-open and gives out fresh probes, under a new generation. A longest stay
    /// begins anew: with a probe timeout that is shorter, it never ends while probes are lost.
    FreshProbes,
    /// Closes.
    Close,
}

impl Config {
    /// Creates a configuration without a policy, and with one probe, which must succeed.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            consecutive_failures: None,
            consecutive_within_window: false,
            failures_in_window: None,
            failure_rate: None,
            slow_rate: None,
            slow_after: None,
            leaky_bucket: None,
            min_calls: 1,
            last_calls: 0,
            bucket: 0,
            open_for: 0,
            backoff: None,
            jitter: None,
            probes: 1,
            reuse_probes_until: None,
            successes: None,
            probe_rate_after: None,
            probe_timeout: ProbeTimeout::OpenFor,
            longest_half_open: None,
            after_probe_timeout: AfterProbeTimeout::Open,
            ramp: None,
            abandoned: Abandoned::Ignored,
        }
    }

    /// Trips at `count` failures in a row, 1 to 255. Needs no window, and the failures
    /// never age, except with
    /// [`consecutive_within_window`](Self::consecutive_within_window).
    #[must_use]
    pub const fn consecutive_failures(mut self, count: u32) -> Self {
        self.consecutive_failures = Some(count);
        self
    }

    /// Counts failures in a row only while they are in the window, which must be
    /// time-based.
    #[must_use]
    pub const fn consecutive_within_window(mut self) -> Self {
        self.consecutive_within_window = true;
        self
    }

    /// Trips at `count` failures in the window, 1 to
    /// [`last_calls`](Self::last_calls), or 512 in a time-based window.
    #[must_use]
    pub const fn failures_in_window(mut self, count: u32) -> Self {
        self.failures_in_window = Some(count);
        self
    }

    /// Trips when at least `percent`, 1 to 100, of the window's calls failed.
    ///
    /// The comparison is exact: 1 of 3 is at least 33 percent, but less than 34.
    #[must_use]
    pub const fn failure_rate(mut self, percent: u32) -> Self {
        self.failure_rate = Some(Ratio::percent(percent));
        self
    }

    /// [`failure_rate`](Self::failure_rate) as an exact ratio: at least `part` of `whole`
    /// calls, where `part` is 1 to `whole`. 1 of 200 is 0.5 percent.
    ///
    /// A ratio of less than one call of those that the window holds is met by any failure
    /// once there are [`min_calls`](Self::min_calls): 1 of 2,000 in every
    /// [`CountWindow`](crate::CountWindow), which holds at most 1,240 calls, and in a
    /// [`TimeWindow<1>`](crate::TimeWindow#exactness), which holds 1,023.
    #[must_use]
    pub const fn failure_ratio(mut self, part: u32, whole: u32) -> Self {
        self.failure_rate = Some(Ratio { part, whole });
        self
    }

    /// Trips when at least `percent`, 1 to 100, of the window's calls were slow,
    /// whether they succeeded or failed. Needs [`slow_after`](Self::slow_after)
    /// and a [`WithSlow`](crate::WithSlow) window.
    #[must_use]
    pub const fn slow_rate(mut self, percent: u32) -> Self {
        self.slow_rate = Some(Ratio::percent(percent));
        self
    }

    /// [`slow_rate`](Self::slow_rate) as an exact ratio: at least `part` of `whole`
    /// calls, where `part` is 1 to `whole`. As with [`failure_ratio`](Self::failure_ratio),
    /// a window must hold so many calls.
    #[must_use]
    pub const fn slow_ratio(mut self, part: u32, whole: u32) -> Self {
        self.slow_rate = Some(Ratio { part, whole });
        self
    }

    /// A call is slow if it took more than `ticks`, 0 to 2^31 - 1.
    #[must_use]
    pub const fn slow_after(mut self, ticks: u32) -> Self {
        self.slow_after = Some(ticks);
        self
    }

    /// Trips when the level of a [`LeakyBucket`](crate::LeakyBucket), which is the window
    /// or around it, reaches the limit of `leak`: each failure raises it, each success
    /// lowers it.
    #[must_use]
    pub const fn leaky_bucket(mut self, leak: Leak) -> Self {
        self.leaky_bucket = Some(leak);
        self
    }

    /// Rates are met only once the window holds this many calls, 1 (the default) to
    /// [`last_calls`](Self::last_calls), or 512 in a time-based window. If no rate is
    /// configured, this applies to [`failures_in_window`] instead. It never applies
    /// to probes or to consecutive failures.
    ///
    /// [`failures_in_window`]: Self::failures_in_window
    #[must_use]
    pub const fn min_calls(mut self, count: u32) -> Self {
        self.min_calls = count;
        self
    }

    window_length_setters!();

    /// Refuses calls for this many ticks after a trip, 1 to 2^31 - 1.
    #[must_use]
    pub const fn open_for(mut self, ticks: u32) -> Self {
        self.open_for = ticks;
        self
    }

    /// Each trip from half-open, without a close in between, multiplies the
    /// wait by `factor` (2 or more), up to `max` ticks ([`open_for`] to
    /// 2^31 - 1).
    ///
    /// It multiplies at most 15 times; a `max` that this cannot reach is an error.
    ///
    /// [`open_for`]: Self::open_for
    #[must_use]
    pub const fn backoff(self, factor: u32, max: u32) -> Self {
        self.backoff_ratio(factor, 1, max)
    }

    /// [`backoff`](Self::backoff) by a fraction, `part / whole`, which must be more
    /// than 1: 3 / 2 is 1.5. Neither may be above 65,535, unless `whole` is 1. The
    /// products are kept to 1/32,768 of a tick, and the wait is rounded down to a tick.
    #[must_use]
    pub const fn backoff_ratio(mut self, part: u32, whole: u32, max: u32) -> Self {
        self.backoff = Some(Backoff { factor: Ratio { part, whole }, max });
        self
    }

    /// Makes each wait longer by up to `percent`, 1 to 100, so that a fleet whose
    /// members have different seeds spreads out. The same seed, generation and tick
    /// always give the same wait. The tick is the one at which the breaker opened; if
    /// a thread that was about to publish it wakes late, the tick moves on and the
    /// wait is drawn again, but it is never shorter than without jitter.
    #[must_use]
    pub const fn jitter(mut self, percent: u32, seed: u32) -> Self {
        self.jitter = Some(Jitter { percent, seed });
        self
    }

    /// Gives out at most `count` probes while half-open, 1 (the default) to 31,
    /// or 15 with [`probe_rate_after`](Self::probe_rate_after).
    ///
    /// A probe that takes the place of one that has ended sees everything done before
    /// it ended: with one probe at a time, nothing else is needed to order them.
    /// ([`probe_timeout`](Self::probe_timeout) does not wait for a probe.)
    #[must_use]
    pub const fn probes(mut self, count: u32) -> Self {
        self.probes = count;
        self
    }

    /// Makes [`probes`](Self::probes) the limit at any one time, not in all: a finished
    /// probe's place is reused until `finished` probes have finished, of which
    /// [`successes`](Self::successes) must succeed.
    #[must_use]
    pub const fn reuse_probes_until(mut self, finished: u32) -> Self {
        self.reuse_probes_until = Some(finished);
        self
    }

    /// Closes at `count` successful probes, 1 to [`probes`](Self::probes) (the
    /// default), and opens again as soon as that many are out of reach.
    ///
    /// If slow calls are watched, a slow probe counts as failed.
    #[must_use]
    pub const fn successes(mut self, count: u32) -> Self {
        self.successes = Some(count);
        self
    }

    /// Decides by rate instead of by [`successes`](Self::successes): once `count`
    /// probes, 1 to [`probes`](Self::probes), have finished, compares their rates
    /// with [`failure_rate`](Self::failure_rate) and [`slow_rate`](Self::slow_rate).
    /// [`min_calls`](Self::min_calls) does not apply.
    #[must_use]
    pub const fn probe_rate_after(mut self, count: u32) -> Self {
        self.probe_rate_after = Some(count);
        self
    }

    /// Half-open is overdue when a probe is out and, for this many ticks, 1 to 2^30,
    /// no probe was given out and none ended; then
    /// [`after_probe_timeout`](Self::after_probe_timeout) decides what the breaker
    /// does. The default is [`open_for`](Self::open_for), but at most 2^30.
    ///
    /// From then on, outcomes of the probes still out are stale. With no probe out
    /// nothing is overdue, however long it takes until the next call, and the results
    /// of the probes so far are kept.
    #[must_use]
    pub const fn probe_timeout(mut self, ticks: u32) -> Self {
        self.probe_timeout = ProbeTimeout::Ticks(ticks);
        self
    }

    /// Removes the probe timeout. A probe that neither reports nor is dropped then keeps
    /// its place until the breaker is reset manually.
    #[must_use]
    pub const fn no_probe_timeout(mut self) -> Self {
        self.probe_timeout = ProbeTimeout::Never;
        self
    }

    /// Half-open is also overdue when it has lasted this many ticks without a verdict,
    /// 1 to 8,323,071 (2.3 hours in milliseconds), whether or not probes are out. By
    /// default it may last for ever.
    #[must_use]
    pub const fn longest_half_open(mut self, ticks: u32) -> Self {
        self.longest_half_open = Some(ticks);
        self
    }

    /// What the breaker does when half-open is overdue by
    /// [`probe_timeout`](Self::probe_timeout) or
    /// [`longest_half_open`](Self::longest_half_open). By default it opens again.
    #[must_use]
    pub const fn after_probe_timeout(mut self, next: AfterProbeTimeout) -> Self {
        self.after_probe_timeout = next;
        self
    }

    /// Closes gradually: of each hundred calls, admits `shares[0]` for the first
    /// `step` ticks, then `shares[1]`, and after the last share all. 1 to 7 shares
    /// of 1 to 99 percent, none smaller than the one before.
    ///
    /// ```
    /// # use microbreaker::Config;
    /// // 10 -> 25 -> 50 -> 100 percent, a second each
    /// let config = Config::new().consecutive_failures(3).open_for(5_000).ramp([10, 25, 50], 1_000);
    /// # assert!(config.check::<()>().is_ok());
    /// ```
    ///
    /// # Panics
    ///
    /// If there are no shares, or more than 7.
    #[must_use]
    pub const fn ramp<const N: usize>(mut self, shares: [u8; N], step: u32) -> Self {
        assert!(N >= 1 && N <= MAX_SHARES, "bad Config: ramp must have 1 to 7 shares");
        let mut all = [0; MAX_SHARES];
        let mut i = 0;
        while i < N {
            all[i] = shares[i];
            i += 1;
        }
        self.ramp = Some(Ramp { shares: all, count: N as u32, step });
        self
    }

    /// Counts an abandoned call, whose permit is dropped without an outcome, as a
    /// failure. By default it does not count.
    #[must_use]
    pub const fn abandoned_fails(mut self) -> Self {
        self.abandoned = Abandoned::Failed;
        self
    }

    /// Counts an abandoned call by how long it lasted: if it was slow by then, it
    /// counts as a slow call, and as failed if it was a probe; otherwise it does not
    /// count. Needs [`slow_after`](Self::slow_after).
    #[must_use]
    pub const fn abandoned_by_time(mut self) -> Self {
        self.abandoned = Abandoned::ByTime;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
