//! The situations in which contenders are measured.

use std::fmt;

use crate::{Calls, Side};

/// The phase that contenders are in, and how the calls end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// Closed, and every call succeeds.
    Healthy,
    /// Closed, and every hundredth call fails.
    Failing1,
    /// Closed, and every tenth call fails.
    Failing10,
    /// Open: every call is refused.
    Open,
    /// Every second call fails and trips the breaker, which is half-open right after and
    /// closes with the next success.
    Flapping,
    /// Calls of futures, closed and healthy.
    Futures,
    /// Requests to services inside a layer, closed and healthy.
    Services,
    /// Looking a breaker up by its name.
    LookUp,
}

impl Scenario {
    /// Its name in file names.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Failing1 => "failing1",
            Self::Failing10 => "failing10",
            Self::Open => "open",
            Self::Flapping => "flapping",
            Self::Futures => "futures",
            Self::Services => "services",
            Self::LookUp => "look_up",
        }
    }

    /// The outcomes of the calls, to be repeated.
    pub fn pattern(self) -> Vec<bool> {
        let every = match self {
            Self::Healthy | Self::Open | Self::Futures | Self::Services | Self::LookUp => {
                return vec![true; 1_000];
            }
            Self::Failing1 => 100,
            Self::Failing10 => 10,
            Self::Flapping => 2,
        };
        (1..=1_000).map(|call| call % every != 0).collect()
    }

    /// How many of `calls` must succeed with a contender of `side`: those that succeed in
    /// the pattern, or none while open. A contender with a different number was in a
    /// different phase. A floor admits every call.
    pub fn expected(self, side: Side, calls: Calls<'_>) -> usize {
        if self == Self::Open && side != Side::Floor {
            return 0;
        }
        calls.pattern.iter().filter(|ok| **ok).count() * calls.repeats
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Healthy => "healthy",
            Self::Failing1 => "1 % failures",
            Self::Failing10 => "10 % failures",
            Self::Open => "open",
            Self::Flapping => "flapping",
            Self::Futures => "futures",
            Self::Services => "services in a layer",
            Self::LookUp => "look-up of a breaker by name",
        })
    }
}
