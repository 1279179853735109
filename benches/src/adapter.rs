//! A breaker of microbreaker-std with metrics on, as a service uses it.

use std::time::Duration;

use microbreaker_std::Breaker;

use crate::{Contender, Reads, Scenario, Side, work};

/// The same policy as [`LAST_100`](crate::ours::LAST_100).
pub const ADAPTER: &str = "microbreaker-std, last 100, metrics on";

/// The same after other settings, 10,000 times.
pub const RELOADED: &str = "microbreaker-std, last 100, metrics on, reloaded";

/// The adapter's breaker, set up for `scenario`.
pub fn handle(scenario: Scenario) -> Contender {
    let breaker = breaker();
    let reads = if scenario == Scenario::Open {
        breaker.trip();
        Reads::Coarse
    } else {
        Reads::Nothing
    };
    contender(ADAPTER, reads, breaker)
}

/// The adapter's breaker after many reloads.
pub fn reloaded() -> Contender {
    let breaker = breaker();
    let mut settings = breaker.settings();
    for seconds in 1..=10_000 {
        settings.open_for = Some(Duration::from_secs(seconds));
        breaker.reload(&settings).expect("any such time is allowed");
    }
    contender(RELOADED, Reads::Nothing, breaker)
}

fn breaker() -> Breaker {
    let breaker = Breaker::builder("bench").failure_rate(50).min_calls(100).last_calls(100);
    let breaker = breaker.open_for(Duration::from_secs(3_600)).build();
    breaker.expect("the settings are those of the core's contender")
}

fn contender(name: &str, reads: Reads, breaker: Breaker) -> Contender {
    Contender::new(name, Side::Ours, reads, move |calls| {
        calls.each(|ok| breaker.call(|| work(ok)).is_ok())
    })
}
