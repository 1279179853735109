//! Durations as ticks, and back: a tick is a millisecond.

use std::time::Duration;

/// `duration` in the ticks of these clocks: milliseconds, rounded up so that no wait is
/// cut short. `u32::MAX`, which every configuration refuses, if it does not fit.
#[must_use]
pub const fn millis(duration: Duration) -> u32 {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    if millis > u32::MAX as u128 { u32::MAX } else { millis as u32 }
}

/// `ticks` as a duration.
pub(crate) fn duration(ticks: u32) -> Duration {
    Duration::from_millis(ticks.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up_and_never_wrap() {
        assert_eq!(millis(Duration::ZERO), 0);
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::from_secs(30)), 30_000);
        assert_eq!(millis(Duration::MAX), u32::MAX);
    }
}
