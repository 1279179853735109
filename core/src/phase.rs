//! The phases of a breaker.

/// How a breaker currently treats calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Phase {
    /// Every call is admitted and its outcome recorded. After a recovery, a ramp may
    /// admit only a share of calls at first.
    Closed,
    /// Calls are refused until the opening is over.
    Open,
    /// A few probes are admitted; their outcomes decide.
    HalfOpen,
    /// Calls are refused until the next manual transition; nothing is recorded.
    ForcedOpen,
    /// Every call is admitted until the next manual transition; nothing is recorded.
    Disabled,
    /// A dry run: every call is admitted and recorded, and the observer is told when a
    /// policy would have tripped the breaker.
    MetricsOnly,
}

impl Phase {
    /// Every phase.
    pub const ALL: &[Self] = &[
        Self::Closed,
        Self::Open,
        Self::HalfOpen,
        Self::ForcedOpen,
        Self::Disabled,
        Self::MetricsOnly,
    ];

    /// The phase's name in `snake_case`, for logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }
}

impl core::fmt::Display for Phase {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.name())
    }
}
