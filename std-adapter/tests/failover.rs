//! Several instances of a service.

use std::future::ready;
use std::panic::catch_unwind;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{
    Breaker, CallError, ErrorsFail, Failover, Outcome, Phase, healthiest_first,
};

const SECOND: Duration = Duration::from_secs(1);

fn breaker(name: &str, failures: u32, clock: &PausedClock) -> Breaker {
    let builder = Breaker::builder(name).consecutive_failures(failures).open_for(SECOND);
    builder.clock(clock.clone()).build().unwrap()
}

/// Instances trip at the first failure, the service at the third.
fn service() -> (Failover, PausedClock) {
    let clock = PausedClock::new();
    let instances = ["a", "b"].map(|name| breaker(name, 1, &clock));
    (Failover::new(breaker("users", 3, &clock), instances), clock)
}

fn ask(service: &Failover, answer: Result<(), ()>) -> Result<String, CallError<()>> {
    service.call(|instance| answer.map(|()| instance.name().to_string()))
}

#[test]
fn backends_are_ordered_closed_first_then_by_soonest_retry() {
    let clock = PausedClock::new();
    let all =
        ["forced", "late", "soon", "due", "closed", "dry"].map(|name| breaker(name, 1, &clock));
    let [forced, late, soon, due, _, dry] = &all;
    forced.force_open();
    dry.metrics_only();
    due.trip_for(SECOND);
    clock.advance(SECOND);
    late.trip_for(3 * SECOND);
    soon.trip_for(2 * SECOND);
    let order: Vec<_> =
        healthiest_first(&all).into_iter().map(|breaker| breaker.name().to_string()).collect();
    assert_eq!(order, ["closed", "dry", "due", "soon", "late", "forced"]);
}

#[test]
fn a_failed_instance_is_skipped_and_the_service_goes_on() {
    let (service, clock) = service();
    assert_eq!(ask(&service, Ok(())), Ok("a".to_owned()));
    assert_eq!(ask(&service, Err(())), Err(CallError::Failed(())));
    assert_eq!(ask(&service, Ok(())), Ok("b".to_owned()));
    assert_eq!(service.breaker().phase(), Phase::Closed);
    clock.advance(SECOND);
    assert_eq!(ask(&service, Ok(())), Ok("b".to_owned()), "who is closed goes first");
    service.instances()[1].trip();
    assert_eq!(ask(&service, Ok(())), Ok("a".to_owned()), "the probe of the other");
}

#[test]
fn if_all_instances_refuse_the_rejection_is_that_of_the_soonest() {
    let (service, _) = service();
    service.instances()[0].trip_for(3 * SECOND);
    service.instances()[1].trip_for(2 * SECOND);
    let rejected = ask(&service, Ok(())).unwrap_err().rejected().cloned().unwrap();
    assert_eq!((&*rejected.name, rejected.retry_after), ("b", Some(2 * SECOND)));
    assert_eq!(service.breaker().snapshot().consecutive_failures, 0, "that is no failure");
}

#[test]
fn failures_of_any_instances_open_the_service() {
    let (service, _) = service();
    for _ in 0..3 {
        assert_eq!(ask(&service, Err(())), Err(CallError::Failed(())));
        service.instances().iter().for_each(Breaker::reset);
    }
    assert_eq!(service.breaker().phase(), Phase::Open);
    let rejected = ask(&service, Ok(())).unwrap_err().rejected().cloned().unwrap();
    assert_eq!(&*rejected.name, "users");
}

#[test]
fn a_demand_to_wait_opens_the_instance_alone() {
    let (service, _) = service();
    let busy = |_: &Result<(), ()>| Outcome::FailureOpenFor(9 * SECOND);
    assert!(service.call_classified(|_| Err(()), busy).is_err());
    assert_eq!(service.instances()[0].snapshot().retry_after, Some(9 * SECOND));
    assert_eq!(service.breaker().phase(), Phase::Closed);
    assert_eq!(service.breaker().snapshot().consecutive_failures, 1);
}

#[test]
fn a_panic_is_a_failure_of_both() {
    let (service, _) = service();
    let call = || service.call(|_| -> Result<(), ()> { panic!("of the call") });
    assert!(catch_unwind(call).is_err());
    assert_eq!(service.instances()[0].phase(), Phase::Open);
    assert_eq!(service.breaker().snapshot().consecutive_failures, 1);
}

#[test]
fn a_future_is_guarded_by_both() {
    let (service, _) = service();
    let call = pin!(service.call_async(|_| ready(Err::<(), _>(())), ErrorsFail));
    let polled = call.poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(Err(CallError::Failed(()))));
    assert_eq!(service.instances()[0].phase(), Phase::Open);
    assert_eq!(service.breaker().snapshot().consecutive_failures, 1);
}
