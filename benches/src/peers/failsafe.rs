use std::time::Duration;

use failsafe::{CircuitBreaker, Config, FailurePolicy, StateMachine, backoff, failure_policy};

use super::{HOUR, finish, peer, while_open};
use crate::{Contender, Failed, Reads, Scenario, work};

/// Failures in a row; and its default policy, a moving average over 30 seconds or
/// failures in a row, with another open period. It has no count-based window.
pub(super) fn contenders(scenario: Scenario) -> Vec<Contender> {
    let in_a_row = || failure_policy::consecutive_failures(5, backoff::constant(HOUR));
    let window = Duration::from_secs(30);
    let rate = failure_policy::success_rate_over_time_window;
    let default = rate(0.8, 5, window, backoff::constant(HOUR)).or_else(in_a_row());
    let with = |policy| Config::new().failure_policy(policy).build();
    let default = Config::new().failure_policy(default).build();
    vec![
        contender("failsafe, consecutive", while_open(scenario), scenario, with(in_a_row())),
        contender("failsafe, default policy", Reads::Precise, scenario, default),
    ]
}

fn contender<P: FailurePolicy + Send + 'static>(
    name: &str,
    reads: Reads,
    scenario: Scenario,
    breaker: StateMachine<P, ()>,
) -> Contender {
    if scenario == Scenario::Open {
        for _ in 0..5 {
            let _ = breaker.call(|| Err::<(), _>(Failed));
        }
    }
    peer(name, reads, move |calls| calls.each(|ok| breaker.call(|| work(ok)).is_ok()))
}

/// See [`super::futures`].
pub(super) fn future() -> Contender {
    let policy = failure_policy::consecutive_failures(5, backoff::constant(HOUR));
    let breaker = Config::new().failure_policy(policy).build();
    peer("failsafe, consecutive", Reads::Nothing, move |calls| {
        calls.each(|ok| {
            finish(failsafe::futures::CircuitBreaker::call(&breaker, async { work(ok) })).is_ok()
        })
    })
}

/// See [`super::flapping`].
pub(super) fn flapping() -> Contender {
    let policy = failure_policy::consecutive_failures(1, backoff::constant(Duration::ZERO));
    let breaker = Config::new().failure_policy(policy).build();
    contender("failsafe, consecutive", Reads::Precise, Scenario::Flapping, breaker)
}
