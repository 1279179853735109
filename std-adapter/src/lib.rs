#![deny(missing_docs)]
//! The [`microbreaker`] circuit breaker for `std`: a monotonic clock, and a
//! call that tells a panic from a failure.
//!
//! ```
//! use microbreaker::{Breaker, Config};
//! use microbreaker_std::{MonotonicClock, millis};
//! use std::{sync::LazyLock, time::Duration};
//!
//! static UPSTREAM: LazyLock<Breaker<(), MonotonicClock>> = LazyLock::new(|| {
//!     let config = Config::new()
//!         .consecutive_failures(5)
//!         .open_for(millis(Duration::from_secs(30)));
//!     Breaker::new(config, (), MonotonicClock::new())
//! });
//!
//! let answer = UPSTREAM.call(|| "42".parse::<u32>());
//! assert_eq!(answer.unwrap(), 42);
//! ```

mod clock;

pub use clock::{MonotonicClock, millis};
pub use microbreaker::*;
