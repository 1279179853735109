//! A breaker of microbreaker-std with metrics on, as a service uses it.

use std::future::{poll_fn, ready};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use microbreaker_std::{Breaker, BreakerLayer, Builder};
use tower::{Layer, Service, service_fn};

use crate::peers::finish;
use crate::{Contender, Reads, Scenario, Side, work};

/// The same policy as [`LAST_100`](crate::ours::LAST_100).
pub const ADAPTER: &str = "microbreaker-std, last 100, metrics on";

/// The same after other settings, 10,000 times.
pub const RELOADED: &str = "microbreaker-std, last 100, metrics on, reloaded";

/// A rate within 10 seconds, as most services choose it.
pub const BY_TIME: &str = "microbreaker-std, 10 s, metrics on";

/// A guarded future.
pub const FUTURE: &str = "microbreaker-std, last 100, metrics on, future";

/// A guarded service.
pub const SERVICE: &str = "microbreaker-std, last 100, metrics on, layer";

/// The adapter's breakers, set up for `scenario`.
pub fn handles(scenario: Scenario) -> Vec<Contender> {
    let (last_100, by_time) = (breaker(), by_time());
    let mut reads = Reads::Nothing;
    if scenario == Scenario::Open {
        last_100.trip();
        by_time.trip();
        reads = Reads::Coarse;
    }
    vec![contender(ADAPTER, reads, last_100), contender(BY_TIME, Reads::Coarse, by_time)]
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

/// A call of a function beside one of a future.
pub fn futures() -> Vec<Contender> {
    let breaker = breaker();
    vec![
        contender(ADAPTER, Reads::Nothing, breaker.clone()),
        Contender::new(FUTURE, Side::Ours, Reads::Nothing, move |calls| {
            calls.each(|ok| finish(breaker.call_async(async { work(ok) })).is_ok())
        }),
    ]
}

/// A service of tower's inside a layer.
pub fn service() -> Contender {
    let service = BreakerLayer::new(breaker()).layer(service_fn(|ok: bool| ready(work(ok))));
    let service = Mutex::new(service);
    let contender = Contender::new(SERVICE, Side::Ours, Reads::Nothing, move |calls| {
        let mut service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        calls.each(|ok| {
            finish(async {
                poll_fn(|context| service.poll_ready(context)).await.is_ok()
                    && service.call(ok).await.is_ok()
            })
        })
    });
    contender.for_many_calls()
}

fn breaker() -> Breaker {
    let built = builder().last_calls(100).build();
    built.expect("the settings are those of the core's contender")
}

fn by_time() -> Breaker {
    let built = builder().within(Duration::from_secs(10)).build();
    built.expect("a time-based window has room for the calls")
}

fn builder() -> Builder {
    let builder = Breaker::builder("bench").failure_rate(50).min_calls(100);
    builder.open_for(Duration::from_secs(3_600))
}

fn contender(name: &str, reads: Reads, breaker: Breaker) -> Contender {
    Contender::new(name, Side::Ours, reads, move |calls| {
        calls.each(|ok| breaker.call(|| work(ok)).is_ok())
    })
}
