//! The error for a configuration that cannot work.

use core::fmt;

#[cfg(doc)]
use super::Config;

/// Why a configuration cannot work: which field, its value, and what is allowed.
///
/// ```
/// use microbreaker::Config;
/// let error = Config::new().consecutive_failures(3).open_for(0).check::<()>().unwrap_err();
/// assert_eq!(error.to_string(), "open_for is 0, but must be 1 to 2147483647");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ConfigError {
    /// The field that is out of range.
    pub field: Field,
    /// Its value. If a number that is needed is not set, 0, or `u32::MAX` for `slow_after`.
    pub value: u32,
    /// The least allowed value.
    pub least: u32,
    /// The greatest allowed value; below `least` if no value is allowed, as for
    /// `last_calls` of a breaker without a window.
    pub most: u32,
    /// The window that sets these bounds, if one does.
    pub window: Option<&'static str>,
}

impl ConfigError {
    pub(super) const fn new(field: Field, value: u32, least: u32, most: u32) -> Self {
        Self { field, value, least, most, window: None }
    }

    pub(super) const fn in_window(self, window: &'static str) -> Self {
        Self { window: Some(window), ..self }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, least, most, window } = self;
        let name = field.name();
        if let Field::Policies = field {
            write!(f, "no policy is configured: {name} {}", field.requirement())
        } else if *most == 0 && *least == 0 {
            write!(f, "{name} is {value}, but the breaker's window does not use it: leave it out")
        } else if let (Field::LastCalls, true) = (field, most < least) {
            f.write_str(
                "no window remembers calls: failures_in_window, failure_rate, slow_rate and a \
                 Throttle need one that does",
            )
        } else if most < least || *value == u32::MAX && matches!(field, Field::SlowAfter) {
            write!(f, "{name} {}", field.requirement())
        } else {
            write!(f, "{name} is {value}, but must be {least} to {most}")?;
            window.map_or(Ok(()), |window| write!(f, " in a {window}"))
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

            /// What the field requires.
            const fn requirement(self) -> &'static str {
                match self { $(Self::$variant => $complaint,)+ }
            }

            /// The text of the compile error, which cannot show the value.
            pub(super) const fn complaint(self) -> &'static str {
                match self { $(Self::$variant => concat!("bad Config: ", stringify!($name), " ", $complaint),)+ }
            }
        }
    };
}

fields! {
    /// No policy at all.
    Policies policies "must include consecutive_failures, failures_in_window, failure_rate, slow_rate or leaky_bucket"
    /// [`Config::consecutive_failures`]
    ConsecutiveFailures consecutive_failures "must be 1 to 255"
    /// [`Config::consecutive_within_window`]
    ConsecutiveWithinWindow consecutive_within_window "needs consecutive_failures, and a TimeWindow or FailureWindow"
    /// [`Config::failures_in_window`]
    FailuresInWindow failures_in_window "must be 1 to last_calls, or 512 in a TimeWindow"
    /// [`Config::failure_rate`]
    FailureRate failure_rate "must be 1 to 100 (percent), or a ratio whose part is 1 to its whole, in a window that remembers all calls"
    /// [`Config::slow_rate`]
    SlowRate slow_rate "must be 1 to 100 (percent), or a ratio whose part is 1 to its whole, in a WithSlow window that remembers all calls"
    /// [`Config::slow_after`]
    SlowAfter slow_after "must be 0 to 2^31 - 1 (ticks), together with slow_rate"
    /// The limit of [`Config::leaky_bucket`]
    LeakLimit leaky_bucket_limit "must be 1 to 2^23 - 1, in a LeakyBucket, which needs it"
    /// What a failure adds in [`Config::leaky_bucket`]
    LeakUp leaky_bucket_up "must be 1 to the limit"
    /// What a success takes off in [`Config::leaky_bucket`]
    LeakDown leaky_bucket_down "must be 1 to the limit"
    /// [`Config::min_calls`]
    MinCalls min_calls "must be 1 to last_calls, or 512 in a TimeWindow, or 1 in a FailureWindow"
    /// [`Config::last_calls`]
    LastCalls last_calls "must be 1 to what the window holds: 23 in a ShortWindow, (WORDS - 2) * 20 in a CountWindow; must not be set without a count-based window; failures_in_window, failure_rate and slow_rate need a window"
    /// [`Config::bucket`]
    Bucket bucket "must be 1 or more (ticks), and all buckets of the TimeWindow together at most 2^31 - 1"
    /// [`Config::open_for`]
    OpenFor open_for "must be 1 to 2^31 - 1 (ticks)"
    /// The factor of [`Config::backoff`]
    BackoffFactor backoff_factor "must be 2 or more, or a ratio above 1 whose parts are at most 65535"
    /// The maximum of [`Config::backoff`]
    BackoffMax backoff_max "must be at least open_for, and at most what 15 multiplications reach or 2^31 - 1 (ticks)"
    /// [`Config::jitter`]
    Jitter jitter "must be 1 to 100 (percent)"
    /// [`Config::probes`]
    Probes probes "must be 1 to 31, or 15 with probe_rate_after"
    /// [`Config::reuse_probes_until`]
    ReuseProbesUntil reuse_probes_until "must be 1 to 31, or 15 with probe_rate_after"
    /// [`Config::successes`]
    Successes successes "must be 1 to probes, or reuse_probes_until"
    /// [`Config::probe_rate_after`]
    ProbeRateAfter probe_rate_after "must be 1 to probes, together with failure_rate or slow_rate"
    /// [`Config::probe_timeout`]
    ProbeTimeout probe_timeout "must be 1 to 2^30 (ticks)"
    /// [`Config::longest_half_open`]
    LongestHalfOpen longest_half_open "must be 1 to 8323071 (ticks)"
    /// [`Config::abandoned_by_time`]
    AbandonedByTime abandoned_by_time "needs slow_after"
    /// A share of [`Config::ramp`]
    RampShare ramp_share "must be 1 to 99 (percent), none smaller than the one before"
    /// [`ThrottleConfig::multiplier_tenths`](crate::ThrottleConfig::multiplier_tenths)
    Multiplier multiplier_tenths "must be 10 to 1000"
    /// [`ThrottleConfig::cap`](crate::ThrottleConfig::cap)
    Cap cap "must be 1 to 99 (percent)"
    /// The step of [`Config::ramp`]
    RampStep ramp_step "must be 1 to 306783378 (ticks)"
}
