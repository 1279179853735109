//! The clock of tokio.

use microbreaker::Clock;
use tokio::time::Instant;

/// Milliseconds of tokio's clock, wrapping every 49.7 days. `tokio::time::pause` stops
/// it and `tokio::time::advance` advances it, so that tests need not wait.
///
/// Outside of a runtime it is the precise clock of the operating system.
///
/// ```
/// use microbreaker_std::{Breaker, Phase, clock::TokioClock};
/// use std::time::Duration;
///
/// #[tokio::main(flavor = "current_thread", start_paused = true)]
/// async fn main() -> Result<(), microbreaker_std::BuildError> {
///     let users = Breaker::builder("users").consecutive_failures(1);
///     let users = users.open_for(Duration::from_secs(30)).clock(TokioClock::new()).build()?;
///     users.trip();
///     tokio::time::advance(Duration::from_secs(30)).await;
///     assert_eq!(users.phase(), Phase::HalfOpen);
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    start: Instant,
}

impl TokioClock {
    /// A clock that shows 0 now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> u32 {
        // The cast wraps, as the breaker expects of a clock.
        self.start.elapsed().as_millis() as u32
    }

    fn now_64(&self) -> Option<u64> {
        Some(self.start.elapsed().as_millis() as u64)
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_shows_what_tokio_does() {
        let clock = TokioClock::new();
        let turn = 1 << 32;
        tokio::time::advance(Duration::from_millis(turn + 5)).await;
        assert_eq!((clock.now(), clock.now_64()), (5, Some(turn + 5)));
    }
}
