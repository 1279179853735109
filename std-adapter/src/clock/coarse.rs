//! The coarse clock of the operating system.

use microbreaker::Clock;

/// Milliseconds of the operating system's coarse monotonic clock, wrapping every 49.7
/// days.
///
/// It reads the time that the kernel last stored: several times faster than a precise
/// clock, but behind by up to a tick of the kernel's timer, 1 to 10 ms, or more on a
/// busy virtual machine. Use it for waits of a tenth of a second and more; if slow
/// calls are measured, `slow_after` should be that long too. All instances show the
/// same time, and one fits in a `static`:
///
/// ```
/// use microbreaker::{Breaker, Config};
/// use microbreaker_std::clock::CoarseClock;
///
/// static UPSTREAM: Breaker<(), CoarseClock> =
///     Breaker::new(Config::new().consecutive_failures(5).open_for(30_000), (), CoarseClock);
/// assert!(UPSTREAM.call(|| "42".parse::<u32>()).is_ok());
/// ```
///
/// On systems other than Linux and Android it reads the precise clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct CoarseClock;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
static CLOCK: std::sync::LazyLock<super::monotonic::MonotonicClock> =
    std::sync::LazyLock::new(super::monotonic::MonotonicClock::new);

impl Clock for CoarseClock {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[inline]
    fn now(&self) -> u32 {
        use rustix::time::{ClockId, clock_gettime};
        millis_of(clock_gettime(ClockId::MonotonicCoarse)) as u32
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[inline]
    fn now_64(&self) -> Option<u64> {
        use rustix::time::{ClockId, clock_gettime};
        Some(millis_of(clock_gettime(ClockId::MonotonicCoarse)))
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn now(&self) -> u32 {
        CLOCK.now()
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn now_64(&self) -> Option<u64> {
        CLOCK.now_64()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const fn millis_of(time: rustix::time::Timespec) -> u64 {
    (time.tv_sec as u64).wrapping_mul(1_000).wrapping_add(time.tv_nsec as u64 / 1_000_000)
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use rustix::time::Timespec;

    use super::*;

    #[test]
    fn milliseconds_are_counted_and_wrap() {
        let at = |tv_sec, tv_nsec| millis_of(Timespec { tv_sec, tv_nsec });
        assert_eq!(at(0, 999_999), 0);
        assert_eq!(at(1, 1_000_000), 1_001);
        assert_eq!(at(4_294_967, 296_000_000), 1 << 32);
        assert_eq!(at(4_294_967, 296_000_000) as u32, 0);
    }

    #[test]
    fn it_never_goes_back() {
        let first = CoarseClock.now();
        assert!(CoarseClock.now().wrapping_sub(first) < 1 << 31);
    }

    #[test]
    fn it_moves_on_and_both_readings_are_of_the_same_time() {
        let (first, first_64) = (CoarseClock.now(), CoarseClock.now_64().unwrap());
        assert!((first_64 as u32).wrapping_sub(first) < 60_000);
        while CoarseClock.now() == first {}
        while CoarseClock.now_64() == Some(first_64) {}
    }
}
