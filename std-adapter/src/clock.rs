//! Clocks for breakers: they count milliseconds, wrapping every 49.7 days.
//!
//! A breaker reads the clock that it was given, and no other. On a target without clocks,
//! such as `wasm32-unknown-unknown`, give every breaker one: the defaults panic there. Give
//! it a [`jitter_seed`](crate::Builder::jitter_seed) too, because such a target has no
//! randomness either.
//!
//! # While the machine sleeps
//!
//! On Linux and Android [`MonotonicClock`], `CoarseClock` and `TokioClock` read
//! `CLOCK_MONOTONIC`, which stands still while a laptop or a virtual machine is suspended.
//! An opening then goes on where it was, and what is in a window by time is as old as it was
//! before. Other systems differ in this. Where the time asleep shall count, read
//! `CLOCK_BOOTTIME`:
//!
#![cfg_attr(all(feature = "coarse-clock", target_os = "linux"), doc = "```")]
#![cfg_attr(not(all(feature = "coarse-clock", target_os = "linux")), doc = "```ignore")]
//! use microbreaker_std::Breaker;
//! use rustix::time::{ClockId, clock_gettime};
//! use std::time::Duration;
//!
//! let boot_time = || {
//!     let time = clock_gettime(ClockId::Boottime);
//!     (time.tv_sec as u32).wrapping_mul(1_000).wrapping_add(time.tv_nsec as u32 / 1_000_000)
//! };
//! let users = Breaker::builder("users")
//!     .consecutive_failures(3)
//!     .open_for(Duration::from_secs(30))
//!     .clock(boot_time)
//!     .build()?;
//! # Ok::<(), microbreaker_std::BuildError>(())
//! ```

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
