use std::time::Duration;

use circuitbreaker_rs::{CircuitBreaker, DefaultPolicy};

use super::{HOUR, peer};
use crate::{Contender, Failed, Reads, Scenario, work};

/// The rate since the start: it has no window.
pub(super) fn contenders(scenario: Scenario) -> Vec<Contender> {
    let breaker = CircuitBreaker::<DefaultPolicy, Failed>::builder()
        .failure_threshold(0.5)
        .min_throughput(100)
        .consecutive_failures(100)
        .cooldown(HOUR)
        .build();
    if scenario == Scenario::Open {
        breaker.force_open();
    }
    vec![peer("circuitbreaker-rs", Reads::Precise, move |calls| {
        calls.each(|ok| breaker.call(|| work(ok)).is_ok())
    })]
}

/// See [`super::flapping`].
pub(super) fn flapping() -> Contender {
    let breaker = CircuitBreaker::<DefaultPolicy, Failed>::builder()
        .consecutive_failures(1)
        .consecutive_successes(1)
        .cooldown(Duration::ZERO)
        .build();
    peer("circuitbreaker-rs", Reads::Precise, move |calls| {
        calls.each(|ok| breaker.call(|| work(ok)).is_ok())
    })
}
