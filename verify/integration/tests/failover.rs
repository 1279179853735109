//! Failover as a tower service.

use std::future::{Ready, pending, poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::Abandoned;
use microbreaker_std::{Breaker, Failover, Instance, Outcome, Phase, Rejected};
use tower::limit::ConcurrencyLimit;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// Answers with its name, or fails. A clone is ready when the instance is, and must be asked
/// before each call.
#[derive(Clone)]
struct Upstream {
    name: &'static str,
    state: State,
    calls: Arc<AtomicU32>,
    is_ready: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Down,
    NeverReady,
    FailsToBeReady,
}

impl Service<u32> for Upstream {
    type Response = &'static str;
    type Error = BoxError;
    type Future = Ready<Result<&'static str, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.state {
            State::NeverReady => Poll::Pending,
            State::FailsToBeReady => Poll::Ready(Err("no connection".into())),
            State::Up | State::Down => {
                self.is_ready = true;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, _: u32) -> Self::Future {
        assert!(self.is_ready, "called without having been asked whether it is ready");
        self.is_ready = false;
        self.calls.fetch_add(1, Ordering::Relaxed);
        ready(if self.state == State::Up { Ok(self.name) } else { Err("down".into()) })
    }
}

fn service<const N: usize>(
    instances: [(&'static str, State); N],
) -> (Failover<Upstream>, PausedClock) {
    let clock = PausedClock::new();
    let instances = instances.map(|(name, state)| {
        let builder = Breaker::builder(name).consecutive_failures(1).open_for(SECOND);
        let breaker = builder.abandoned(Abandoned::Failed).clock(clock.clone()).build().unwrap();
        (breaker, Upstream { name, state, calls: Arc::default(), is_ready: false })
    });
    (Failover::new("users", instances).unwrap(), clock)
}

fn phase(service: &Failover<Upstream>, name: &str) -> Phase {
    let instances = service.instances();
    instances.iter().find(|it| &**it.name() == name).unwrap().breaker().phase()
}

#[tokio::test]
async fn each_request_goes_to_the_next_instance_and_asks_whether_it_is_ready() {
    let (users, _) = service([("a", State::Up), ("b", State::Up)]);
    let mut service = users.service();
    let mut answers = Vec::new();
    for n in 0..4 {
        answers.push(service.ready().await.unwrap().call(n).await.unwrap());
    }
    assert_eq!(answers, ["a", "b", "a", "b"]);
}

#[tokio::test]
async fn a_request_that_may_be_repeated_goes_on_to_the_next_instance() {
    for down in [State::Down, State::FailsToBeReady] {
        let (users, _) = service([("a", down), ("b", State::Up)]);
        let service = users.attempts(2).service().repeating(|n: &u32| Some(*n));
        for n in 0..10 {
            assert_eq!(service.clone().oneshot(n).await.unwrap(), "b");
        }
        assert_eq!(phase(&users, "a"), Phase::Open);
    }
}

#[tokio::test]
async fn a_request_is_sent_once_unless_it_may_be_repeated() {
    let (users, _) = service([("a", State::Down), ("b", State::Up)]);
    assert!(users.attempts(2).service().oneshot(1).await.is_err());
    let (users, _) = service([("a", State::Down), ("b", State::Up)]);
    let only_even = |n: &u32| n.is_multiple_of(2).then_some(*n);
    let service = users.attempts(2).service().repeating(only_even);
    assert!(service.clone().oneshot(1).await.is_err());
    users.instances()[0].breaker().reset();
    assert_eq!(service.clone().oneshot(2).await.unwrap(), "b");
}

#[tokio::test]
async fn the_classifier_decides_what_goes_on() {
    let (users, _) = service([("a", State::Down), ("b", State::Up)]);
    let nothing_fails = |_: &Result<&'static str, BoxError>| Outcome::Success;
    let service = users.attempts(2).service().repeating(|n: &u32| Some(*n));
    assert!(service.classified(nothing_fails).oneshot(1).await.is_err());
    assert_eq!(phase(&users, "a"), Phase::Closed);
}

#[tokio::test]
async fn a_refused_request_fails_with_the_rejection_of_the_soonest() {
    let (users, _) = service([("a", State::Up), ("b", State::Up)]);
    users.instances()[0].breaker().trip_for(3 * SECOND);
    users.instances()[1].breaker().trip_for(2 * SECOND);
    let error = users.service().oneshot(1).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Rejected>().unwrap().retry_after(), Some(2 * SECOND));
    let calls = |it: &Instance<Upstream>| it.callee().calls.load(Ordering::Relaxed);
    assert_eq!(users.instances().iter().map(calls).sum::<u32>(), 0);
}

/// A future that is dropped while it waits for its instance to be ready holds no probe.
#[tokio::test]
async fn a_request_that_is_dropped_while_it_waits_is_abandoned() {
    let (users, clock) = service([("a", State::NeverReady)]);
    users.instances()[0].breaker().trip();
    clock.advance(SECOND);
    {
        let mut request = pin!(users.service().oneshot(1));
        assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(users.instances()[0].in_flight(), 1);
    }
    assert_eq!(phase(&users, "a"), Phase::Open, "abandoned calls fail here");
    assert_eq!(users.instances()[0].in_flight(), 0);
}

/// A clone that was ready and not called would keep a place.
#[tokio::test]
async fn a_ready_service_that_is_not_called_takes_no_place_in_a_concurrency_limit() {
    let breaker = Breaker::builder("a").consecutive_failures(1).open_for(SECOND).build().unwrap();
    let limited = ConcurrencyLimit::new(service_fn(async |n: u32| Ok::<_, BoxError>(n)), 1);
    let users = Failover::new("users", [(breaker, BoxCloneSyncService::new(limited))]).unwrap();
    let mut kept = users.service();
    poll_fn(|context| kept.poll_ready(context)).await.unwrap();
    let mut other = pin!(users.service().oneshot(42));
    let polled = other.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(42))), "{polled:?}");
}

#[tokio::test]
async fn a_panic_in_the_instance_is_a_failure() {
    let breaker = Breaker::builder("a").consecutive_failures(1).open_for(SECOND).build().unwrap();
    let panics = service_fn(|_: u32| async {
        if true {
            panic!("of the call");
        }
        pending::<Result<(), BoxError>>().await
    });
    let users = Failover::new("users", [(breaker, panics)]).unwrap();
    let request = tokio::spawn(users.service().oneshot(1));
    assert!(request.await.unwrap_err().is_panic());
    assert_eq!(users.instances()[0].breaker().phase(), Phase::Open);
}

/// Whatever panics for a request: the instance's clone, its readiness, its call, or the copy of
/// the request.
#[tokio::test]
async fn a_panic_in_any_part_of_an_attempt_is_a_failure() {
    #[derive(Clone, Copy, PartialEq)]
    enum Part {
        Clone,
        Ready,
        Call,
        Copy,
    }

    struct Panics(Part);

    impl Clone for Panics {
        fn clone(&self) -> Self {
            assert!(self.0 != Part::Clone, "of the clone");
            Self(self.0)
        }
    }

    impl Service<u32> for Panics {
        type Response = ();
        type Error = BoxError;
        type Future = Ready<Result<(), BoxError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            assert!(self.0 != Part::Ready, "of the readiness");
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: u32) -> Self::Future {
            assert!(self.0 != Part::Call, "of the call");
            ready(Ok(()))
        }
    }

    for part in [Part::Clone, Part::Ready, Part::Call, Part::Copy] {
        let breaker = Breaker::builder("a").consecutive_failures(1).open_for(SECOND).build();
        let users = Failover::new("users", [(breaker.unwrap(), Panics(part))]).unwrap();
        let service = users.attempts(2).service().repeating(move |n: &u32| {
            assert!(part != Part::Copy, "of the copy");
            Some(*n)
        });
        let request = tokio::spawn(async move { service.oneshot(1).await });
        assert!(request.await.unwrap_err().is_panic());
        assert_eq!(users.instances()[0].breaker().phase(), Phase::Open);
    }
}

#[tokio::test]
async fn an_attempt_has_ended_before_the_next_one_begins() {
    let breaker = |name| Breaker::builder(name).consecutive_failures(9).open_for(SECOND).build();
    let in_flight = Arc::new(std::sync::OnceLock::<Failover<_>>::new());
    let seen = in_flight.clone();
    let upstream = service_fn(move |_: u32| {
        let users = seen.get().unwrap();
        let all: usize = users.instances().iter().map(Instance::in_flight).sum();
        ready(Err::<(), BoxError>(format!("{all} in flight").into()))
    });
    let instances = ["a", "b", "c"]
        .map(|name| (breaker(name).unwrap(), BoxCloneSyncService::new(upstream.clone())));
    let users = in_flight.get_or_init(|| Failover::new("users", instances).unwrap());
    let service = users.attempts(3).service().repeating(|n: &u32| Some(*n));
    assert_eq!(service.oneshot(1).await.unwrap_err().to_string(), "1 in flight");
}

#[tokio::test]
async fn a_request_is_copied_only_if_it_may_go_on() {
    for (attempts, copied) in [(1, 0), (2, 1), (3, 2)] {
        let (users, _) = service([("a", State::Down), ("b", State::Down), ("c", State::Down)]);
        let copies = Arc::new(AtomicU32::new(0));
        let counted = copies.clone();
        let service = users.attempts(attempts).service().repeating(move |n: &u32| {
            counted.fetch_add(1, Ordering::Relaxed);
            Some(*n)
        });
        assert!(service.oneshot(1).await.is_err());
        assert_eq!(copies.load(Ordering::Relaxed), copied, "{attempts} attempts");
    }
}

#[tokio::test]
async fn an_instance_that_is_added_gets_requests() {
    let (users, _) = service([("a", State::Up)]);
    let mut service = users.service();
    let breaker = Breaker::builder("b").consecutive_failures(1).open_for(SECOND).build().unwrap();
    let (calls, is_ready) = (Arc::default(), false);
    users.add((breaker, Upstream { name: "b", state: State::Up, calls, is_ready })).unwrap();
    users.remove("a");
    assert_eq!(service.ready().await.unwrap().call(1).await.unwrap(), "b");
}
