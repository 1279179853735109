//! How a breaker works: for real, as a dry run, or not at all.

use microbreaker::{Command, Phase};

/// How a breaker works. In a file: `"closed"`, `"metrics_only"`, `"disabled"` or
/// `"forced_open"`, the phase in which it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Mode {
    /// It begins closed, and trips.
    #[default]
    Closed,
    /// A dry run: it admits and records every call, and reports when it would have
    /// tripped.
    MetricsOnly,
    /// It admits every call and records nothing.
    Disabled,
    /// It refuses every call.
    ForcedOpen,
}

impl Mode {
    /// The command that starts it.
    pub(crate) const fn command(self) -> Command {
        match self {
            Self::Closed => Command::Reset,
            Self::MetricsOnly => Command::MetricsOnly,
            Self::Disabled => Command::Disable,
            Self::ForcedOpen => Command::ForceOpen,
        }
    }

    /// The phase in which it begins.
    #[cfg(feature = "registry")]
    pub(crate) const fn phase(self) -> Phase {
        self.command().phase()
    }
}

/// Whether a breaker in this phase works for real, so that [`Mode::Closed`] asks for no
/// change.
pub(crate) const fn works(phase: Phase) -> bool {
    matches!(phase, Phase::Closed | Phase::Open | Phase::HalfOpen)
}
