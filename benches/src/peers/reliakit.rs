use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use reliakit_circuit::RollingBreaker;

use super::{HOUR, peer};
use crate::{Calls, Contender, Reads, Scenario, work};

type Last100 = RollingBreaker<100>;

/// The last 100 calls. It must be given the time at every admission and failure, whether
/// it needs it or not. To share it takes a lock, which is not held during the call.
pub(super) fn contenders(scenario: Scenario) -> Vec<Contender> {
    let start = Instant::now();
    let precise = move || start.elapsed().as_millis() as u64;
    vec![
        bare(scenario).for_one_thread(),
        in_a_mutex("reliakit, in a mutex", Reads::Nothing, scenario, || 0),
        in_a_mutex("reliakit, in a mutex, Instant::now", Reads::Precise, scenario, precise),
    ]
}

/// See [`super::flapping`].
pub(super) fn flapping() -> Contender {
    let start = Instant::now();
    let now = move || start.elapsed().as_nanos() as u64;
    in_a_mutex("reliakit, in a mutex, Instant::now", Reads::Precise, Scenario::Flapping, now)
}

fn set_up(scenario: Scenario) -> Mutex<Last100> {
    if scenario == Scenario::Flapping {
        return Mutex::new(Last100::new(1, 0));
    }
    let mut breaker = Last100::new(50, HOUR.as_millis() as u64);
    if scenario == Scenario::Open {
        breaker.trip(0);
    }
    Mutex::new(breaker)
}

fn bare(scenario: Scenario) -> Contender {
    let breaker = set_up(scenario);
    peer("reliakit, not shared, no clock", Reads::Nothing, move |calls: Calls<'_>| {
        let mut breaker = breaker.lock().unwrap_or_else(PoisonError::into_inner);
        calls.each(|ok| {
            breaker.allow(0) && {
                let ok = work(ok).is_ok();
                if ok {
                    breaker.on_success()
                } else {
                    breaker.on_failure(0)
                }
                ok
            }
        })
    })
}

fn in_a_mutex(
    name: &str,
    reads: Reads,
    scenario: Scenario,
    now: impl Fn() -> u64 + Send + Sync + 'static,
) -> Contender {
    let breaker = set_up(scenario);
    peer(name, reads, move |calls: Calls<'_>| {
        let lock = || breaker.lock().unwrap_or_else(PoisonError::into_inner);
        calls.each(|ok| {
            lock().allow(now()) && {
                let ok = work(ok).is_ok();
                if ok {
                    lock().on_success()
                } else {
                    lock().on_failure(now())
                }
                ok
            }
        })
    })
}
