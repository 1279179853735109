use std::future::{poll_fn, ready};
use std::sync::{Mutex, PoisonError};

use tower::{Service, service_fn};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

use super::{HOUR, finish, peer};
use crate::{Contender, Reads, Scenario, work};

/// The last 100 calls. A tower service only: each thread has a clone, and all clones
/// share one circuit.
pub(super) fn contenders(scenario: Scenario) -> Vec<Contender> {
    let layer = CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(100)
        .wait_duration_in_open(HOUR)
        .build()
        .unwrap_or_else(|error| panic!("{error:?}"));
    let service = layer.layer_fn(service_fn(|ok: bool| ready(work(ok))));
    if scenario == Scenario::Open {
        finish(service.force_open());
    }
    let service = Mutex::new(service);
    let contender = peer("tower-resilience", Reads::Precise, move |calls: crate::Calls<'_>| {
        let mut service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        calls.each(|ok| {
            finish(async {
                poll_fn(|cx| service.poll_ready(cx)).await.is_ok() && service.call(ok).await.is_ok()
            })
        })
    });
    let contender = contender.for_many_calls();
    // While it is open, threads that contend wait for a timer of tokio's.
    vec![if scenario == Scenario::Open { contender.for_one_thread() } else { contender }]
}
