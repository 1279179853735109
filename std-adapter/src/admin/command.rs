//! Commands to a breaker.

use microbreaker::IllegalTransition;
use serde::Serialize;

use crate::breaker::Breaker;

/// A command to a breaker. In addresses its name has hyphens: `force-open`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// [`Breaker::trip`]
    Trip,
    /// [`Breaker::half_open`]
    HalfOpen,
    /// [`Breaker::reset`]
    Reset,
    /// [`Breaker::force_open`]
    ForceOpen,
    /// [`Breaker::disable`]
    Disable,
    /// [`Breaker::metrics_only`]
    MetricsOnly,
}

impl Command {
    /// All commands.
    pub const ALL: [Self; 6] = [
        Self::Trip,
        Self::HalfOpen,
        Self::Reset,
        Self::ForceOpen,
        Self::Disable,
        Self::MetricsOnly,
    ];

    /// The name of the command in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trip => "trip",
            Self::HalfOpen => "half-open",
            Self::Reset => "reset",
            Self::ForceOpen => "force-open",
            Self::Disable => "disable",
            Self::MetricsOnly => "metrics-only",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.name() == name)
    }

    pub(super) fn apply(self, breaker: &Breaker) -> Result<(), IllegalTransition> {
        match self {
            Self::Trip => breaker.trip(),
            Self::HalfOpen => breaker.half_open()?,
            Self::Reset => breaker.reset(),
            Self::ForceOpen => breaker.force_open(),
            Self::Disable => breaker.disable(),
            Self::MetricsOnly => breaker.metrics_only(),
        }
        Ok(())
    }
}
