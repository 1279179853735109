//! A breaker that was given a clock reads no other. `cargo xtask wasm` runs this where there
//! is none: any other reading panics.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use microbreaker_std::clock::{Clock, PausedClock};
use microbreaker_std::{Breaker, Builder, CallError, Event, Phase, Settings};

const SECOND: Duration = Duration::from_secs(1);

fn builder(clock: impl Clock + Send + Sync + 'static) -> Builder {
    Breaker::builder("users")
        .consecutive_failures(2)
        .failure_rate(50)
        .min_calls(2)
        .slow_rate(50)
        .slow_after(SECOND)
        .within(10 * SECOND)
        .open_for(SECOND)
        .jitter(20)
        .clock(clock)
}

fn fail(breaker: &Breaker) {
    let failed = breaker.call(|| Err::<(), _>("no answer"));
    assert_eq!(failed, Err(CallError::Failed("no answer")));
}

#[test]
fn it_trips_and_recovers() {
    let clock = PausedClock::new();
    let heard = Arc::new(Mutex::new(Vec::<Event>::new()));
    let listener = heard.clone();
    let breaker = builder(clock.clone())
        .on_event(move |event| listener.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    clock.advance(3 * SECOND);
    fail(&breaker);
    fail(&breaker);
    assert_eq!(breaker.phase(), Phase::Open);
    let rejected = breaker.call(|| Ok::<_, ()>(42)).unwrap_err();
    assert!(matches!(rejected, CallError::Rejected(why) if why.retry_after() >= Some(SECOND)));
    clock.advance(2 * SECOND);
    assert_eq!(breaker.call(|| Ok::<_, ()>(42)), Ok(42));
    assert_eq!(breaker.phase(), Phase::Closed);
    let heard = heard.lock().unwrap();
    let heard: Vec<_> = heard.iter().map(|event| (event.sequence, event.at)).collect();
    assert_eq!(heard, [(1, 3 * SECOND), (2, 5 * SECOND), (3, 5 * SECOND)]);
}

#[test]
fn it_may_be_a_function() {
    assert_eq!(builder(|| 7).build().unwrap().phase(), Phase::Closed);
}

#[cfg(feature = "last-good")]
#[test]
fn the_last_good_value_ages_by_it() {
    use microbreaker_std::LastGood;
    let clock = PausedClock::new();
    let breaker = builder(clock.clone()).build().unwrap();
    let last = LastGood::of(&breaker, 1).no_older_than(SECOND);
    let fail = || Err::<u32, _>(());
    assert_eq!(breaker.call_or_last(&last, (), || Ok::<_, ()>(42)), Ok(42));
    clock.advance(SECOND);
    assert_eq!(breaker.call_or_last(&last, (), fail), Ok(42));
    clock.advance(SECOND);
    assert!(breaker.call_or_last(&last, (), fail).is_err());
}

#[test]
fn it_lasts_across_reloads() {
    let clock = PausedClock::new();
    let breaker = builder(clock.clone()).build().unwrap();
    clock.advance(SECOND);
    breaker.trip();
    let settings =
        Settings { open_for: Some(SECOND), consecutive_failures: Some(1), ..Settings::default() };
    breaker.reload(&settings).unwrap();
    clock.advance(2 * SECOND);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
}

#[cfg(feature = "metrics")]
#[test]
fn durations_are_measured_by_it() {
    let breaker = builder(PausedClock::new()).measure_durations().build().unwrap();
    fail(&breaker);
    breaker.try_acquire().unwrap().success();
    breaker.publish_metrics();
    assert_eq!(breaker.counts().failures, 1);
}

#[cfg(feature = "registry")]
#[test]
fn a_registry_reads_it_too() {
    let clock = PausedClock::new();
    let registry = microbreaker_std::Registry::new(builder(clock.clone())).unwrap();
    let users = registry.get("users");
    fail(&users);
    fail(&users);
    clock.advance(2 * SECOND);
    assert_eq!(registry.get("users").phase(), Phase::HalfOpen);
    assert!(registry.remove("users").is_some());
}

#[cfg(feature = "stream")]
#[test]
fn events_are_a_stream() {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use tokio_stream::Stream;

    let breaker = builder(PausedClock::new()).build().unwrap();
    let mut events = pin!(breaker.events());
    breaker.trip();
    let next = events.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(next, Poll::Ready(Some(Ok(Event { sequence: 1, .. })))));
}

#[cfg(feature = "http")]
#[test]
fn the_date_of_a_response_tells_how_long_to_wait() {
    use http::header::{DATE, HeaderMap, RETRY_AFTER};
    use microbreaker_std::{HttpResponses, Outcome};

    let header = |text: &str| text.parse().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, header("Thu, 01 Jan 1970 00:01:00 GMT"));
    let outcome =
        |headers: &_| HttpResponses::new().outcome(http::StatusCode::SERVICE_UNAVAILABLE, headers);
    assert_eq!(outcome(&headers), Outcome::Failure);
    headers.insert(DATE, header("Thu, 01 Jan 1970 00:00:20 GMT"));
    assert_eq!(outcome(&headers), Outcome::FailureOpenFor(40 * SECOND));
}
