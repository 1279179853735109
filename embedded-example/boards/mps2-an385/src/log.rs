//! Transitions in the log.

use defmt::info;
use microbreaker::{Observer, Transition};

/// Logs each transition of the breaker with this name.
pub struct Log(pub &'static str);

impl Observer for Log {
    fn transition(&self, transition: &Transition) {
        info!("{}: {} -> {}, {}", self.0, transition.from, transition.to, transition.cause);
    }
}
