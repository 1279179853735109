//! Replacing the engine of a breaker that is in use.

use std::fmt;
use std::time::Duration;

use microbreaker::{Command, Phase, Snapshot};

use super::Engine;
use super::versions::Engines;
use crate::clock::duration;
use crate::settings::{SettingError, Settings};

/// What a reload did to a breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reloaded {
    /// The settings are the same. Nothing was changed.
    Unchanged,
    /// The settings are different.
    #[non_exhaustive]
    Changed {
        /// The phase, which is kept.
        phase: Phase,
        /// While open: the rest of the opening, which is kept too.
        retry_after: Option<Duration>,
        /// How many calls of the window, or finished probes, were forgotten:
        /// another window cannot hold them. Calls under way count nowhere.
        forgotten_calls: u32,
        /// The backoff level that was forgotten: how often the breaker had
        /// tripped from half-open.
        forgotten_backoff: u32,
    },
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Changed { phase, retry_after, forgotten_calls, forgotten_backoff } = self else {
            return f.write_str("unchanged");
        };
        write!(f, "changed, still {phase}")?;
        if let Some(wait) = retry_after {
            write!(f, " for another {wait:?}")?;
        }
        write!(f, "; forgot {forgotten_calls} calls")?;
        if *forgotten_backoff > 0 {
            write!(f, " and a backoff of level {forgotten_backoff}")?;
        }
        Ok(())
    }
}

impl Engines {
    /// Puts an engine with these settings into use. `make` makes one if there is none
    /// yet.
    pub(crate) fn reload(
        &self,
        settings: &Settings,
        make: impl Fn() -> Result<Engine, SettingError>,
    ) -> Result<Reloaded, SettingError> {
        let _one_at_a_time = self.change();
        let turn = self.current();
        if self.settings() == settings {
            return Ok(Reloaded::Unchanged);
        }
        let number = self.number_of(settings, make)?;
        let (old, new) = (self.engine(turn), self.engine(turn.next(number)));
        let before = old.status().snapshot();
        new.watch().quietly(|| carry(&before, new));
        new.watch().set_replaced(false);
        self.switch_to(turn.next(number));
        // From here on every command finds the new engine. Carry over what has
        // happened to the old one since the snapshot as well.
        old.watch().set_replaced(true);
        let after = old.status().snapshot();
        old.watch()
            .quietly(|| old.status().command(Command::ForceOpen))
            .expect("any phase allows it");
        if after.generation != before.generation {
            new.watch().quietly(|| carry(&after, new));
        }
        Ok(Reloaded::Changed {
            phase: after.phase,
            retry_after: after.retry_after.map(duration),
            forgotten_calls: after.tally.calls,
            forgotten_backoff: after.backoff_level,
        })
    }
}

/// Puts `engine` into the phase of `snapshot`, without passing through a phase
/// that admits calls when that one does not.
fn carry(snapshot: &Snapshot, engine: &Engine) {
    let commands: &[Command] = match (snapshot.phase, snapshot.retry_after) {
        (Phase::Open, Some(left)) => &[Command::TripFor(left)],
        (Phase::Open, None) => &[Command::Trip],
        (Phase::HalfOpen, _) => &[Command::Trip, Command::HalfOpen],
        (Phase::ForcedOpen, _) => &[Command::ForceOpen],
        (Phase::Disabled, _) => &[Command::Disable],
        (Phase::MetricsOnly, _) => &[Command::MetricsOnly],
        _ => &[Command::Reset],
    };
    for &command in commands {
        // Refused only if a command of another thread came in between. That one counts.
        _ = engine.status().command(command);
    }
}
