use recloser::{AsyncRecloser, Recloser};

use super::{HOUR, finish, peer, while_open};
use crate::{Contender, Failed, Reads, Scenario, work};

/// The last 100 calls.
pub(super) fn contenders(scenario: Scenario) -> Vec<Contender> {
    let breaker = Recloser::custom().error_rate(0.5).closed_len(100).open_wait(HOUR).build();
    if scenario == Scenario::Open {
        // It does not trip before its window is full.
        for _ in 0..101 {
            let _ = breaker.call(|| Err::<(), _>(Failed));
        }
    }
    vec![peer("recloser", while_open(scenario), move |calls| {
        calls.each(|ok| breaker.call(|| work(ok)).is_ok())
    })]
}

/// See [`super::futures`].
pub(super) fn future() -> Contender {
    let breaker = Recloser::custom().error_rate(0.5).closed_len(100).open_wait(HOUR).build();
    let breaker = AsyncRecloser::from(breaker);
    peer("recloser", Reads::Nothing, move |calls| {
        calls.each(|ok| finish(breaker.call(async { work(ok) })).is_ok())
    })
}
