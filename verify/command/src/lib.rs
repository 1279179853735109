//! Manual control of a breaker, as a value, and the one place that turns it into a
//! call. Shared by the model, the scenarios, the trials and the firmware.

#![no_std]

use microbreaker::{Breaker, Clock, IllegalTransition, Observer, window::Window};

/// A command that controls a breaker manually.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub enum Command {
    Trip,
    /// Opens for this many ticks.
    TripFor(u32),
    HalfOpen,
    Reset,
    ForceOpen,
    Disable,
    MetricsOnly,
}

impl Command {
    /// Applies this command to `breaker`.
    ///
    /// # Errors
    ///
    /// Those of [`Breaker::half_open`]; no other command can be refused.
    pub fn apply<W: Window, C: Clock, O: Observer>(
        self,
        breaker: &Breaker<W, C, O>,
    ) -> Result<(), IllegalTransition> {
        match self {
            Self::Trip => breaker.trip(),
            Self::TripFor(ticks) => breaker.trip_for(ticks),
            Self::HalfOpen => breaker.half_open()?,
            Self::Reset => breaker.reset(),
            Self::ForceOpen => breaker.force_open(),
            Self::Disable => breaker.disable(),
            Self::MetricsOnly => breaker.metrics_only(),
        }
        Ok(())
    }
}
