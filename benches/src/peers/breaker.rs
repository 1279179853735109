use std::time::Duration;

use breaker::{BackoffStrategy, CircuitBreaker, CircuitBreakerConfig};

use super::{HOUR, finish, peer, while_open};
use crate::{Contender, Reads, Scenario, work};

/// The last 100 calls. Async only.
pub(super) fn contenders(scenario: Scenario) -> Vec<Contender> {
    let config = CircuitBreakerConfig::builder()
        .failure_rate_threshold(0.5)
        .consecutive_failures(u32::MAX)
        .sliding_window_size(100)
        .backoff(BackoffStrategy::Fixed(HOUR))
        .build();
    let breaker = CircuitBreaker::new(config);
    if scenario == Scenario::Open {
        breaker.trip();
    }
    vec![peer("breaker", while_open(scenario), move |calls| {
        calls.each(|ok| finish(breaker.call(|| async move { work(ok) })).is_ok())
    })]
}

/// See [`super::flapping`].
pub(super) fn flapping() -> Contender {
    let config = CircuitBreakerConfig::builder()
        .failure_rate_threshold(0.0)
        .consecutive_failures(1)
        .success_threshold(1)
        .backoff(BackoffStrategy::Fixed(Duration::ZERO))
        .build();
    let breaker = CircuitBreaker::new(config);
    peer("breaker", Reads::Precise, move |calls| {
        calls.each(|ok| finish(breaker.call(|| async move { work(ok) })).is_ok())
    })
}
