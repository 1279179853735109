//! tokio's clock.

use microbreaker::Clock;
use tokio::time::Instant;

/// Milliseconds of tokio's clock, which `tokio::time::pause` stops and
/// `tokio::time::advance` moves on, so that tests need not wait.
///
/// Outside of a runtime it is the clock of the operating system.
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
        // Wrapping is what the breaker expects of a clock.
        self.start.elapsed().as_millis() as u32
    }
}
