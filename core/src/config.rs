//! What makes a breaker trip and recover.

use core::fmt;

use crate::state::{MAX_CONSECUTIVE, MAX_PROBES};
use crate::window::Tally;

/// Ticks must stay below this, or they could not be told from a step back.
const MAX_TICKS: u32 = (1 << 31) - 1;

/// What makes a breaker trip, and how it recovers.
///
/// Built in `const`, one setter after the other, and checked when a breaker is
/// made of it: a bad value in a `static` is a compile error, at run time it is
/// a panic in [`Breaker::new`](crate::Breaker::new) or a [`ConfigError`] from
/// [`Breaker::try_new`](crate::Breaker::try_new).
///
/// ```
/// use microbreaker::Config;
/// const SENSOR: Config = Config::new()
///     .consecutive_failures(3)
///     .open_for(500);
/// assert!(SENSOR.check(0).is_ok());
/// ```
///
/// At least one of [`consecutive_failures`](Self::consecutive_failures),
/// [`failures_in_window`](Self::failures_in_window) and
/// [`failure_rate`](Self::failure_rate) is needed, and
/// [`open_for`](Self::open_for) always. When any configured policy is met after
/// a failure, the breaker trips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    consecutive_failures: Option<u32>,
    failures_in_window: Option<u32>,
    failure_rate: Option<u32>,
    min_calls: u32,
    last_calls: u32,
    open_for: u32,
    probes: u32,
    successes: Option<u32>,
    probe_timeout: ProbeTimeout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum ProbeTimeout {
    Default,
    Ticks(u32),
    Never,
}

impl Config {
    /// No policy yet: one probe, which must succeed.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            consecutive_failures: None,
            failures_in_window: None,
            failure_rate: None,
            min_calls: 1,
            last_calls: 0,
            open_for: 0,
            probes: 1,
            successes: None,
            probe_timeout: ProbeTimeout::Default,
        }
    }

    /// Trips at `count` failures in a row, 1 to 2,047. Needs no window.
    #[must_use]
    pub const fn consecutive_failures(mut self, count: u32) -> Self {
        self.consecutive_failures = Some(count);
        self
    }

    /// Trips at `count` failures among the last calls, 1 to
    /// [`last_calls`](Self::last_calls).
    #[must_use]
    pub const fn failures_in_window(mut self, count: u32) -> Self {
        self.failures_in_window = Some(count);
        self
    }

    /// Trips when at least `percent`, 1 to 100, of the last calls failed.
    ///
    /// Compared exactly: 1 of 3 is at least 33 percent and less than 34.
    #[must_use]
    pub const fn failure_rate(mut self, percent: u32) -> Self {
        self.failure_rate = Some(percent);
        self
    }

    /// The window's policies are met only once it holds this many calls, 1
    /// (the default) to [`last_calls`](Self::last_calls). Does not apply to
    /// probes, nor to consecutive failures.
    #[must_use]
    pub const fn min_calls(mut self, count: u32) -> Self {
        self.min_calls = count;
        self
    }

    /// The window is the last `count` calls, exactly: 1 to the capacity of the
    /// breaker's [`CountWindow`](crate::CountWindow).
    #[must_use]
    pub const fn last_calls(mut self, count: u32) -> Self {
        self.last_calls = count;
        self
    }

    /// Calls are refused for this many ticks after a trip, 1 to 2^31 - 1.
    #[must_use]
    pub const fn open_for(mut self, ticks: u32) -> Self {
        self.open_for = ticks;
        self
    }

    /// Gives out at most `count` probes while half-open, 1 (the default) to 31.
    #[must_use]
    pub const fn probes(mut self, count: u32) -> Self {
        self.probes = count;
        self
    }

    /// Closes at `count` successful probes, 1 to [`probes`](Self::probes) (the
    /// default), and opens again as soon as they can no longer be reached.
    #[must_use]
    pub const fn successes(mut self, count: u32) -> Self {
        self.successes = Some(count);
        self
    }

    /// A breaker that has been half-open for this many ticks without a verdict
    /// opens again, 1 to 2^31 - 1. By default, [`open_for`](Self::open_for).
    ///
    /// The new opening counts from that deadline; outcomes of probes that are
    /// still out are stale from then on.
    #[must_use]
    pub const fn probe_timeout(mut self, ticks: u32) -> Self {
        self.probe_timeout = ProbeTimeout::Ticks(ticks);
        self
    }

    /// Probes may take for ever. One that never reports, and is not dropped
    /// either, then keeps its place until the breaker is reset by hand.
    #[must_use]
    pub const fn no_probe_timeout(mut self) -> Self {
        self.probe_timeout = ProbeTimeout::Never;
        self
    }

    /// Whether every value is in its range, for a window that remembers at
    /// most `capacity` calls ([`Window::CAPACITY`](crate::Window::CAPACITY)).
    ///
    /// # Errors
    ///
    /// The first field that is not, with its value and what is allowed.
    pub const fn check(&self, capacity: u32) -> Result<(), ConfigError> {
        let in_window = self.failures_in_window.is_some() || self.failure_rate.is_some();
        if self.consecutive_failures.is_none() && !in_window {
            return Err(ConfigError { field: Field::Policies, value: 0, least: 1, most: 3 });
        }
        if in_window || self.last_calls != 0 {
            if let Err(error) = within(Field::LastCalls, self.last_calls, 1, capacity) {
                return Err(error);
            }
            if let Err(error) = within(Field::MinCalls, self.min_calls, 1, self.last_calls) {
                return Err(error);
            }
        }
        let checks = [
            optional(Field::ConsecutiveFailures, self.consecutive_failures, MAX_CONSECUTIVE),
            optional(Field::FailuresInWindow, self.failures_in_window, self.last_calls),
            optional(Field::FailureRate, self.failure_rate, 100),
            within(Field::OpenFor, self.open_for, 1, MAX_TICKS),
            within(Field::Probes, self.probes, 1, MAX_PROBES),
            optional(Field::Successes, self.successes, self.probes),
            match self.probe_timeout {
                ProbeTimeout::Ticks(ticks) => within(Field::ProbeTimeout, ticks, 1, MAX_TICKS),
                ProbeTimeout::Default | ProbeTimeout::Never => Ok(()),
            },
        ];
        let mut i = 0;
        while i < checks.len() {
            if checks[i].is_err() {
                return checks[i];
            }
            i += 1;
        }
        Ok(())
    }

    /// [`check`](Self::check), for constants.
    pub(crate) const fn assert(&self, capacity: u32) {
        if let Err(error) = self.check(capacity) {
            panic!("{}", error.field.complaint());
        }
    }

    pub(crate) const fn counts_consecutive(&self) -> bool {
        self.consecutive_failures.is_some()
    }

    /// Whether `count` failures in a row meet the policy.
    pub(crate) const fn met_by_consecutive(&self, count: u32) -> bool {
        match self.consecutive_failures {
            Some(threshold) => count >= threshold,
            None => false,
        }
    }

    /// Which of the window's policies `tally` meets.
    pub(crate) const fn met_by(&self, tally: Tally) -> Option<crate::event::Cause> {
        use crate::event::Cause;
        if tally.calls < self.min_calls {
            return None;
        }
        if let Some(threshold) = self.failures_in_window
            && tally.failed >= threshold
        {
            return Some(Cause::FailuresInWindow);
        }
        match self.failure_rate {
            Some(percent) if tally.failed as u64 * 100 >= percent as u64 * tally.calls as u64 => {
                Some(Cause::FailureRate)
            }
            _ => None,
        }
    }

    pub(crate) const fn last(&self) -> u32 {
        self.last_calls
    }

    /// How long an opening lasts, in ticks.
    pub(crate) const fn opening(&self) -> u32 {
        self.open_for
    }

    pub(crate) const fn max_probes(&self) -> u32 {
        self.probes
    }

    /// Successful probes needed.
    pub(crate) const fn needed(&self) -> u32 {
        match self.successes {
            Some(count) => count,
            None => self.probes,
        }
    }

    /// How long the breaker stays half-open without a verdict, in ticks.
    pub(crate) const fn half_open_for(&self) -> Option<u32> {
        match self.probe_timeout {
            ProbeTimeout::Default => Some(self.open_for),
            ProbeTimeout::Ticks(ticks) => Some(ticks),
            ProbeTimeout::Never => None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

const fn within(field: Field, value: u32, least: u32, most: u32) -> Result<(), ConfigError> {
    if least <= value && value <= most {
        Ok(())
    } else {
        Err(ConfigError { field, value, least, most })
    }
}

const fn optional(field: Field, value: Option<u32>, most: u32) -> Result<(), ConfigError> {
    match value {
        Some(value) => within(field, value, 1, most),
        None => Ok(()),
    }
}

/// A configuration that cannot work: which field, its value, what is allowed.
///
/// ```
/// use microbreaker::Config;
/// let error = Config::new().consecutive_failures(3).open_for(0).check(0).unwrap_err();
/// assert_eq!(error.to_string(), "open_for is 0, but must be 1 to 2147483647");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ConfigError {
    /// The field that is out of range.
    pub field: Field,
    /// Its value.
    pub value: u32,
    /// The least allowed value.
    pub least: u32,
    /// The greatest allowed value; below `least` if nothing is allowed, as for
    /// `last_calls` where the breaker has no window.
    pub most: u32,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, least, most } = self;
        let name = field.name();
        if let Field::Policies = field {
            write!(
                f,
                "no policy is configured: set consecutive_failures, failures_in_window or failure_rate"
            )
        } else if most < least {
            write!(
                f,
                "{name} is {value}, but the breaker's window remembers no calls: use a CountWindow"
            )
        } else {
            write!(f, "{name} is {value}, but must be {least} to {most}")
        }
    }
}

impl core::error::Error for ConfigError {}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident $name:ident $complaint:literal)+) => {
        /// A field of [`Config`], named after its setter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum Field { $($(#[$doc])* $variant,)+ }

        impl Field {
            /// The setter's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($name),)+ }
            }

            /// What a compile error says; it cannot show the value.
            const fn complaint(self) -> &'static str {
                match self { $(Self::$variant => concat!("bad Config: ", stringify!($name), " ", $complaint),)+ }
            }
        }
    };
}

fields! {
    /// No policy at all.
    Policies policies "is empty: set consecutive_failures, failures_in_window or failure_rate"
    /// [`Config::consecutive_failures`]
    ConsecutiveFailures consecutive_failures "must be 1 to 2047"
    /// [`Config::failures_in_window`]
    FailuresInWindow failures_in_window "must be 1 to last_calls"
    /// [`Config::failure_rate`]
    FailureRate failure_rate "must be 1 to 100 (percent)"
    /// [`Config::min_calls`]
    MinCalls min_calls "must be 1 to last_calls"
    /// [`Config::last_calls`]
    LastCalls last_calls "must be 1 to the capacity of the breaker's window"
    /// [`Config::open_for`]
    OpenFor open_for "must be 1 to 2^31 - 1 (ticks)"
    /// [`Config::probes`]
    Probes probes "must be 1 to 31"
    /// [`Config::successes`]
    Successes successes "must be 1 to probes"
    /// [`Config::probe_timeout`]
    ProbeTimeout probe_timeout "must be 1 to 2^31 - 1 (ticks)"
}

#[cfg(doctest)]
#[doc = include_str!("config/refused.md")]
struct Refused;
