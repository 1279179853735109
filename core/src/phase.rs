//! The public phases.

/// What a breaker does with calls, for the time being.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Phase {
    /// Every call is admitted and its outcome watched.
    Closed,
    /// Calls are refused until the opening is over.
    Open,
    /// A few probes are admitted; their outcomes decide.
    HalfOpen,
    /// Calls are refused until told otherwise; nothing is recorded.
    ForcedOpen,
    /// Every call is admitted until told otherwise; nothing is recorded.
    Disabled,
    /// Every call is admitted and recorded, and it is reported when a policy
    /// would have tripped; a dry run.
    MetricsOnly,
}

impl Phase {
    /// Every phase there is.
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
