use failsafe::{CircuitBreaker, Config, FailurePolicy, StateMachine, backoff, failure_policy};

use super::{HOUR, peer, while_open};
use crate::{Contender, Failed, Reads, Scenario, work};

/// Failures in a row; and its default, a moving average over 30 seconds or
/// failures in a row. It has no window by count.
pub(super) fn contenders(scenario: Scenario) -> Vec<Contender> {
    let policy = failure_policy::consecutive_failures(5, backoff::constant(HOUR));
    let in_a_row = Config::new().failure_policy(policy).build();
    vec![
        contender("failsafe, consecutive", while_open(scenario), scenario, in_a_row),
        contender("failsafe, default policy", Reads::Precise, scenario, Config::new().build()),
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
