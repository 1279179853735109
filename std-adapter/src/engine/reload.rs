//! Replacing the engine of a breaker that is in use.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use microbreaker::handover::Handover;
use microbreaker::{Phase, Snapshot};

use super::versions::{Engines, Found, Version};
use crate::clock::duration;
use crate::settings::{Mode, SettingError, Settings};
use crate::telemetry::deferred::Deferred;

/// What a reload did to a breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reloaded {
    /// The settings are the same. Nothing was changed.
    Unchanged,
    /// The settings are different.
    #[non_exhaustive]
    Changed {
        /// The phase, which is kept; a mode that has changed is entered afterwards.
        phase: Phase,
        /// While open: the rest of the opening, which is kept too.
        retry_after: Option<Duration>,
        /// How many calls of the window, or finished probes, were forgotten, because
        /// the new settings cannot hold them.
        forgotten_calls: u32,
        /// The level of the leaky bucket that was forgotten, because the new settings have
        /// none.
        forgotten_level: u32,
        /// How many failures in a row were forgotten, because the new settings do not
        /// count them.
        forgotten_consecutive_failures: u32,
    },
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self::Changed {
            phase,
            retry_after,
            forgotten_calls: calls,
            forgotten_level: level,
            forgotten_consecutive_failures: failures,
        } = self
        else {
            return f.write_str("unchanged");
        };
        write!(f, "changed, still {phase}")?;
        if let Some(wait) = retry_after {
            write!(f, " for another {wait:?}")?;
        }
        write!(f, "; forgot {calls} calls")?;
        if level > 0 {
            write!(f, " and a level of {level}")?;
        }
        if failures > 0 {
            write!(f, " and {failures} failures in a row")?;
        }
        Ok(())
    }
}

impl Engines {
    /// Puts an engine with these settings into use, and enters the mode that `mode` makes of
    /// the settings before. `make` makes a version that has taken over what the one in use
    /// hands over.
    pub(crate) fn reload(
        &self,
        settings: &Settings,
        mode: impl Fn(&Settings) -> Option<Mode>,
        make: impl Fn(&Version, &Handover) -> Result<Version, SettingError>,
    ) -> Result<Reloaded, SettingError> {
        // Told without the lock, so that a listener may reload.
        let _events = Deferred::begin();
        let _one_at_a_time = self.change();
        let old = self.in_use();
        let reloaded =
            if old.settings == *settings { Reloaded::Unchanged } else { self.replace(&old, make)? };
        if let Some(mode) = mode(&old.settings) {
            self.enter(mode);
        }
        Ok(reloaded)
    }

    fn replace(
        &self,
        old: &Found<'_>,
        make: impl Fn(&Version, &Handover) -> Result<Version, SettingError>,
    ) -> Result<Reloaded, SettingError> {
        // `None` only for one that is retired, and no other thread retires it.
        while let Some(handover) = old.engine.hand_over() {
            let before = old.engine.status().snapshot();
            let new = Arc::new(make(old, &handover)?);
            let after = new.engine.status().snapshot();
            self.name(old, &new);
            if old.engine.retire(&handover) {
                self.install(new);
                return Ok(Reloaded::between(&before, &after));
            }
        }
        Ok(Reloaded::Unchanged)
    }
}

impl Reloaded {
    /// What was forgotten between two snapshots.
    fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let failures = before.consecutive_failures.saturating_sub(after.consecutive_failures);
        Self::Changed {
            phase: after.phase,
            retry_after: after.retry_after.map(duration),
            forgotten_calls: before.tally.calls.saturating_sub(after.tally.calls),
            forgotten_level: before.tally.level.saturating_sub(after.tally.level),
            forgotten_consecutive_failures: failures,
        }
    }
}
