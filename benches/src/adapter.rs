//! A breaker of microbreaker-std with metrics on, as a service uses it.

use std::time::Duration;

use microbreaker_std::Breaker;

use crate::{Contender, Reads, Scenario, Side, work};

/// The same policy as [`LAST_100`](crate::ours::LAST_100).
pub const ADAPTER: &str = "microbreaker-std, last 100, metrics on";

/// The adapter's breaker, set up for `scenario`.
pub fn handle(scenario: Scenario) -> Contender {
    let breaker = Breaker::builder("bench").failure_rate(50).min_calls(100).last_calls(100);
    let breaker = breaker
        .open_for(Duration::from_secs(3_600))
        .build()
        .expect("the settings are those of the core's contender");
    let reads = if scenario == Scenario::Open {
        breaker.trip();
        Reads::Coarse
    } else {
        Reads::Nothing
    };
    Contender::new(ADAPTER, Side::Ours, reads, move |calls| {
        calls.each(|ok| breaker.call(|| work(ok)).is_ok())
    })
}
