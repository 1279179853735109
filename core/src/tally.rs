//! Counts of outcomes, and the record that is added to them.

/// What a window holds: counts of outcomes.
///
/// ```
/// use microbreaker::{Breaker, Config, CountWindow, clock::ManualClock};
///
/// let config = Config::new().failure_rate(50).min_calls(4).last_calls(10).open_for(100);
/// let sensor = Breaker::new(config, CountWindow::<3>::new(), ManualClock::new(0));
/// let _ = sensor.call(|| Ok::<_, ()>(21));
/// let _ = sensor.call(|| Err::<u8, _>("no answer"));
/// let tally = sensor.tally();
/// assert_eq!((tally.calls, tally.failed), (2, 1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tally {
    /// Outcomes in the window.
    pub calls: u32,
    /// Outcomes that were failures.
    pub failed: u32,
    /// Outcomes of slow calls, if slow calls are watched.
    pub slow: u32,
    /// The level of the leaky bucket, if there is one.
    pub level: u32,
}

/// What a window records about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The call failed.
    pub failed: bool,
    /// The call was slow.
    pub slow: bool,
    /// As how many failures it counts in a leaky bucket, if it failed.
    pub weight: u8,
}

impl Record {
    #[inline]
    pub(crate) const fn counts_against(self) -> bool {
        self.failed || self.slow
    }
}
