//! Other crates. Each is set up as close as it gets to this policy: trip when at least
//! half of the last 100 calls failed, and open for an hour.

mod breaker;
mod circuitbreaker_rs;
mod failsafe;
mod recloser;
mod reliakit;
mod seatbelt;
mod tower_resilience;

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::{Contender, Reads, Scenario, Side};

const HOUR: Duration = Duration::from_secs(3_600);

/// The peers that can take part in `scenario`.
pub fn peers(scenario: Scenario) -> Vec<Contender> {
    let mut all = Vec::new();
    all.extend(failsafe::contenders(scenario));
    all.extend(recloser::contenders(scenario));
    all.extend(breaker::contenders(scenario));
    all.extend(reliakit::contenders(scenario));
    all.extend(circuitbreaker_rs::contenders(scenario));
    all.extend(seatbelt::contenders(scenario));
    all.extend(tower_resilience::contenders(scenario));
    all
}

/// The peers that can trip at the first failure, and be half-open right after.
pub fn flapping() -> Vec<Contender> {
    vec![
        failsafe::flapping(),
        breaker::flapping(),
        reliakit::flapping(),
        circuitbreaker_rs::flapping(),
    ]
}

/// The peers that guard futures.
pub fn futures() -> Vec<Contender> {
    let mut all = vec![failsafe::future(), recloser::future()];
    all.extend(breaker::contenders(Scenario::Healthy));
    all.extend(seatbelt::contenders(Scenario::Healthy));
    all
}

/// The peers that are layers around a service.
pub fn services() -> Vec<Contender> {
    let mut all = tower_resilience::contenders(Scenario::Healthy);
    all.extend(seatbelt::contenders(Scenario::Healthy));
    all
}

fn peer(
    name: &str,
    reads: Reads,
    run: impl Fn(crate::Calls<'_>) -> usize + Send + Sync + 'static,
) -> Contender {
    Contender::new(name, Side::Peer, reads, run)
}

/// What a peer reads that needs a clock only while it is open.
fn while_open(scenario: Scenario) -> Reads {
    if scenario == Scenario::Open { Reads::Precise } else { Reads::Nothing }
}

/// Runs a future that waits at most for another thread.
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        std::thread::yield_now();
    }
}
