//! Clocks for breakers: they count milliseconds, wrapping every 49.7 days.

#[cfg(feature = "coarse-clock")]
mod coarse;
mod monotonic;
mod paused;
mod shared;
mod ticks;
#[cfg(feature = "tokio")]
mod tokio;

pub use microbreaker::Clock;

#[cfg(feature = "coarse-clock")]
pub use self::coarse::CoarseClock;
pub use self::monotonic::MonotonicClock;
pub use self::paused::PausedClock;
pub(crate) use self::shared::SharedClock;
pub(crate) use self::ticks::duration;
pub use self::ticks::millis;
#[cfg(feature = "tokio")]
pub use self::tokio::TokioClock;
