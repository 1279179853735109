//! Manual control, and what a fleet decides, as values.

use crate::phase::Phase;

/// A command that controls a breaker manually, for consoles and remote control:
/// [`Status::command`](crate::Status::command) carries it out.
///
/// ```
/// use microbreaker::Command;
///
/// assert_eq!(Command::named("force-open"), Some(Command::ForceOpen));
/// assert_eq!(Command::named("explode"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Command {
    /// [`Breaker::trip`](crate::Breaker::trip)
    Trip,
    /// [`Breaker::trip_for`](crate::Breaker::trip_for) this many ticks.
    TripFor(u32),
    /// [`Breaker::half_open`](crate::Breaker::half_open)
    HalfOpen,
    /// [`Breaker::reset`](crate::Breaker::reset)
    Reset,
    /// [`Breaker::force_open`](crate::Breaker::force_open)
    ForceOpen,
    /// [`Breaker::disable`](crate::Breaker::disable)
    Disable,
    /// [`Breaker::metrics_only`](crate::Breaker::metrics_only)
    MetricsOnly,
}

/// What several breakers of the same callee have decided together:
/// [`Breaker::follow`](crate::Breaker::follow) carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Decision {
    /// Refuse calls for this many ticks, up to 2^31 - 1; 0 changes nothing. From half-open
    /// it counts as a failed recovery.
    OpenFor(u32),
    /// Close, gradually if the breaker has a ramp.
    Close,
    /// Close as of this many ticks ago: the ramp goes on where it is by now for whoever closed
    /// then, so that several breakers ramp as one. An age beyond the ramp means to close at
    /// once. A closed breaker takes up a ramp that is not over, too, unless it is on one
    /// already: all that was recorded before is then stale.
    ///
    /// The ramp is at most 2^23 - 1 ticks ahead. Without
    /// [`EXPLICIT_LENGTHS`](crate::config::ConfigSource::EXPLICIT_LENGTHS) it begins anew.
    CloseAsOf(u32),
}

impl Command {
    /// Every command that takes no argument.
    pub const WITHOUT_ARGUMENT: &[Self] = &[
        Self::Trip,
        Self::HalfOpen,
        Self::Reset,
        Self::ForceOpen,
        Self::Disable,
        Self::MetricsOnly,
    ];

    /// The command's name in `kebab-case`, as it is typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trip => "trip",
            Self::TripFor(_) => "trip-for",
            Self::HalfOpen => "half-open",
            Self::Reset => "reset",
            Self::ForceOpen => "force-open",
            Self::Disable => "disable",
            Self::MetricsOnly => "metrics-only",
        }
    }

    /// Returns the command of that name, if there is one that takes no argument.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::WITHOUT_ARGUMENT.iter().copied().find(|command| command.name() == name)
    }

    /// The phase that the command enters.
    #[must_use]
    pub const fn phase(self) -> Phase {
        match self {
            Self::Trip | Self::TripFor(_) => Phase::Open,
            Self::HalfOpen => Phase::HalfOpen,
            Self::Reset => Phase::Closed,
            Self::ForceOpen => Phase::ForcedOpen,
            Self::Disable => Phase::Disabled,
            Self::MetricsOnly => Phase::MetricsOnly,
        }
    }
}
