//! The kind of window that settings ask for.

use microbreaker::config::Field;

use super::Settings;
use super::error::SettingError;

/// The kind of window that settings ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowKind {
    None,
    Count { slow: bool },
    Time { slow: bool },
    Failures,
}

impl Settings {
    pub(crate) fn window(&self) -> WindowKind {
        let rated = self.failure_rate.is_some() || self.failure_ratio.is_some();
        let slow =
            self.slow_rate.is_some() || self.slow_ratio.is_some() || self.slow_after.is_some();
        let failures_only = !slow && !rated && self.min_calls.unwrap_or(1) == 1;
        match (self.last_calls, self.within) {
            (None, None) => WindowKind::None,
            (Some(_), _) => WindowKind::Count { slow },
            (None, Some(_)) if failures_only => WindowKind::Failures,
            (None, Some(_)) => WindowKind::Time { slow },
        }
    }

    /// Whether a window of `other` settings can be used with these, as it is.
    pub(crate) fn can_hold_window_of(&self, other: &Self) -> bool {
        // A window that is full may be marked as such; a longer one would not be.
        let calls = self.last_calls <= other.last_calls;
        self.window() == other.window() && self.within == other.within && calls
    }

    /// Checks what the core cannot explain well, because it does not know of two windows.
    pub(super) fn check_window(&self) -> Result<(), SettingError> {
        if self.last_calls.is_some() && self.within.is_some() {
            let allowed = "left out where last_calls is set: there is one window";
            return Err(self.refuse(Field::Bucket, allowed));
        }
        if self.striped == Some(true) && self.within.is_none() {
            return Err(SettingError {
                setting: "striped",
                value: "true".to_owned(),
                allowed: "left out where the window is not by time: within".to_owned(),
            });
        }
        if self.last_calls.is_some() || self.within.is_some() {
            return Ok(());
        }
        let in_window = [
            (Field::FailuresInWindow, self.failures_in_window.is_some()),
            (Field::FailureRate, self.failure_rate.is_some() || self.failure_ratio.is_some()),
            (Field::SlowRate, self.slow_rate.is_some() || self.slow_ratio.is_some()),
        ];
        match in_window.into_iter().find(|(_, is_set)| *is_set) {
            Some((field, _)) => {
                Err(self.refuse(field, "set together with a window: last_calls or within"))
            }
            None => Ok(()),
        }
    }
}
