//! A breaker as a tower layer.

use std::borrow::Cow;
use std::cell::Cell;
use std::future::{Future, Ready, pending, poll_fn, ready};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use microbreaker_std::clock::{PausedClock, TokioClock};
use microbreaker_std::settings::Abandoned;
use microbreaker_std::{
    Breaker, BreakerLayer, BreakerService, Classify, ErrorsFail, HttpResponses, Outcome, Phase,
    Registry, Rejected, by_authority, failing_if,
};
use tower::limit::ConcurrencyLimitLayer;
use tower::retry::Policy;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, load_shed, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// A service that counts how often it is polled and called. The test sets whether it is
/// ready, and what it answers.
#[derive(Clone, Default)]
struct Inner(Rc<InnerState>);

#[derive(Default)]
struct InnerState {
    polled: Cell<u32>,
    called: Cell<u32>,
    is_ready: Cell<Option<Result<(), &'static str>>>,
    answer: Cell<Option<Result<u32, &'static str>>>,
}

impl Service<()> for Inner {
    type Response = u32;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Result<u32, &'static str>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.0.polled.set(self.0.polled.get() + 1);
        self.0.is_ready.get().map_or(Poll::Pending, Poll::Ready)
    }

    fn call(&mut self, (): ()) -> Self::Future {
        self.0.called.set(self.0.called.get() + 1);
        match self.0.answer.get() {
            Some(answer) => Box::pin(ready(answer)),
            None => Box::pin(pending()),
        }
    }
}

struct Bench {
    breaker: Breaker,
    clock: PausedClock,
    inner: Inner,
    service: BreakerService<Inner>,
}

/// A service that is ready and answers 42, behind a breaker that trips at the first
/// failure.
fn bench() -> Bench {
    let clock = PausedClock::new();
    let breaker = Breaker::builder("users").consecutive_failures(1).open_for(SECOND);
    let breaker = breaker.clock(clock.clone()).build().unwrap();
    let inner = Inner::default();
    inner.0.is_ready.set(Some(Ok(())));
    inner.0.answer.set(Some(Ok(42)));
    let service = BreakerLayer::new(breaker.clone()).layer(inner.clone());
    Bench { breaker, clock, inner, service }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn poll_ready(service: &mut BreakerService<Inner>) -> Poll<Result<(), BoxError>> {
    service.poll_ready(&mut context())
}

fn request(service: &mut BreakerService<Inner>) -> Poll<Result<u32, BoxError>> {
    assert!(matches!(poll_ready(service), Poll::Ready(Ok(()))));
    Box::pin(service.call(())).as_mut().poll(&mut context())
}

fn is_rejected(answer: &Poll<Result<u32, BoxError>>) -> bool {
    matches!(answer, Poll::Ready(Err(error)) if error.is::<Rejected>())
}

#[test]
fn while_open_the_inner_service_is_neither_polled_nor_called() {
    let Bench { breaker, inner, mut service, .. } = bench();
    breaker.trip();
    for _ in 0..10 {
        assert!(is_rejected(&request(&mut service)));
    }
    assert_eq!((inner.0.polled.get(), inner.0.called.get()), (0, 0));
    assert_eq!(breaker.counts().rejections, 10, "the breaker counts all of them");
}

#[test]
fn errors_open_it_and_clones_share_it() {
    let Bench { breaker, inner, service, .. } = bench();
    inner.0.answer.set(Some(Err("no answer")));
    let answer = request(&mut service.clone());
    assert!(matches!(answer, Poll::Ready(Err(error)) if error.to_string() == "no answer"));
    assert_eq!(breaker.phase(), Phase::Open);
    assert!(is_rejected(&request(&mut service.clone())));
}

#[test]
fn it_waits_for_the_inner_service_only_while_it_admits() {
    let Bench { breaker, inner, mut service, .. } = bench();
    inner.0.is_ready.set(None);
    assert!(poll_ready(&mut service).is_pending());
    breaker.trip();
    assert!(is_rejected(&request(&mut service)), "at once, though the inner service is not ready");
}

/// Only a service that was ready may be called, even if the breaker admits calls by then.
#[test]
fn a_service_that_was_not_polled_is_not_called() {
    let Bench { breaker, clock, inner, mut service } = bench();
    breaker.trip();
    assert!(poll_ready(&mut service).is_ready());
    clock.advance(SECOND);
    assert!(is_rejected(&Box::pin(service.call(())).as_mut().poll(&mut context())));
    assert_eq!(inner.0.called.get(), 0);
    assert!(matches!(request(&mut service), Poll::Ready(Ok(42))), "the next one is the probe");
}

#[test]
fn a_service_that_was_ready_is_not_called_if_it_has_opened_since() {
    let Bench { breaker, inner, mut service, .. } = bench();
    assert!(poll_ready(&mut service).is_ready());
    breaker.trip();
    assert!(is_rejected(&Box::pin(service.call(())).as_mut().poll(&mut context())));
    assert_eq!(inner.0.called.get(), 0);
}

#[test]
fn a_service_that_was_ready_is_not_waited_for_if_it_has_opened_since() {
    let Bench { breaker, inner, mut service, .. } = bench();
    assert!(poll_ready(&mut service).is_ready());
    inner.0.is_ready.set(None);
    breaker.trip();
    assert!(is_rejected(&request(&mut service)));
}

#[test]
fn being_ready_holds_no_probe() {
    let Bench { breaker, clock, service, .. } = bench();
    breaker.trip();
    clock.advance(SECOND);
    let mut idle = service.clone();
    assert!(poll_ready(&mut idle).is_ready());
    assert!(matches!(request(&mut service.clone()), Poll::Ready(Ok(42))));
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_service_that_cannot_become_ready_has_failed() {
    let Bench { breaker, inner, mut service, .. } = bench();
    inner.0.is_ready.set(Some(Err("not connected")));
    assert!(matches!(poll_ready(&mut service), Poll::Ready(Err(_))));
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
#[should_panic(expected = "poll_ready must return ready")]
fn calling_without_polling_panics() {
    let Bench { mut service, .. } = bench();
    drop(service.call(()));
}

#[test]
fn a_clone_must_be_polled_itself() {
    let Bench { mut service, .. } = bench();
    assert!(poll_ready(&mut service).is_ready());
    let caught = catch_unwind(AssertUnwindSafe(|| drop(service.clone().call(()))));
    assert!(caught.is_err());
}

#[test]
fn a_dropped_request_hands_its_probe_back() {
    let Bench { breaker, clock, inner, mut service } = bench();
    breaker.trip();
    clock.advance(SECOND);
    inner.0.answer.set(None);
    assert!(request(&mut service).is_pending());
    inner.0.answer.set(Some(Ok(42)));
    assert!(matches!(request(&mut service), Poll::Ready(Ok(42))));
    assert_eq!(breaker.phase(), Phase::Closed);
}

/// Polls a request once; the service must be ready.
fn ask<S: Service<()>>(mut service: S) {
    assert!(service.poll_ready(&mut context()).is_ready());
    let _ = Box::pin(service.call(())).as_mut().poll(&mut context()).is_ready();
}

#[test]
fn a_panicking_service_has_failed() {
    let Bench { breaker, .. } = bench();
    let layer = BreakerLayer::new(breaker.clone());
    let in_call = tower::service_fn(|()| -> Ready<Result<u32, BoxError>> { panic!("in call") });
    let in_future = tower::service_fn(|()| {
        poll_fn(|_| -> Poll<Result<u32, BoxError>> { panic!("in the future") })
    });
    assert!(catch_unwind(AssertUnwindSafe(|| ask(layer.layer(in_call)))).is_err());
    assert_eq!(breaker.phase(), Phase::Open);
    breaker.reset();
    assert!(catch_unwind(AssertUnwindSafe(|| ask(layer.layer(in_future)))).is_err());
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn responses_and_errors_are_classified() {
    let Bench { breaker, inner, .. } = bench();
    let odd_answers_fail = |result: &Result<u32, &str>| match result {
        Ok(answer) if answer % 2 == 1 => Outcome::Failure,
        _ => Outcome::Success,
    };
    let layer = BreakerLayer::new(breaker.clone()).classified(odd_answers_fail);
    for (answer, phase) in
        [(Err("whatever"), Phase::Closed), (Ok(42), Phase::Closed), (Ok(43), Phase::Open)]
    {
        inner.0.answer.set(Some(answer));
        ask(layer.layer(inner.clone()));
        assert_eq!(breaker.phase(), phase, "after {answer:?}");
    }
}

#[test]
fn http_responses_are_classified_by_their_status() {
    let Bench { breaker, .. } = bench();
    let layer = BreakerLayer::new(breaker.clone()).classified(HttpResponses::new());
    for (status, phase) in [(404, Phase::Closed), (500, Phase::Open)] {
        let respond = move |()| {
            let response = http::Response::builder().status(status).body(()).unwrap();
            ready(Ok::<_, BoxError>(response))
        };
        ask(layer.layer(tower::service_fn(respond)));
        assert_eq!(breaker.phase(), phase, "after {status}");
    }
}

/// The phase after one call of a service that answers so, with a cloned layer and service.
fn phase_after<T, C>(answer: fn() -> io::Result<T>, classify: C) -> Phase
where
    C: Classify<T, io::Error> + Clone,
{
    let Bench { breaker, .. } = bench();
    let layer = BreakerLayer::new(breaker.clone()).classified(classify).clone();
    ask(layer.layer(tower::service_fn(move |()| ready(answer()))).clone());
    breaker.phase()
}

#[test]
fn the_classifiers_of_the_crate_go_into_a_layer() {
    let missing = || Err::<(), _>(io::ErrorKind::NotFound.into());
    let failing = failing_if(|error: &io::Error| error.kind() != io::ErrorKind::NotFound);
    assert_eq!(phase_after(missing, ErrorsFail), Phase::Open);
    assert_eq!(phase_after(missing, failing), Phase::Closed);
    assert_eq!(phase_after(|| Err::<(), _>(io::ErrorKind::TimedOut.into()), failing), Phase::Open);

    type Answer = (StatusCode, HeaderMap);
    let read = HttpResponses::new().of(|(status, headers): &Answer| (*status, headers));
    assert_eq!(phase_after(|| Ok((StatusCode::NOT_FOUND, HeaderMap::new())), read), Phase::Closed);
    assert_eq!(phase_after(|| Ok((StatusCode::BAD_GATEWAY, HeaderMap::new())), read), Phase::Open);
}

/// Retries failures at once, but not calls that the breaker refused, because it would refuse
/// them again.
#[derive(Clone)]
struct TwoMoreAttempts(u32);

impl Policy<(), u32, BoxError> for TwoMoreAttempts {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut (), result: &mut Result<u32, BoxError>) -> Option<Ready<()>> {
        let error = result.as_ref().err()?;
        if self.0 == 0 || error.is::<Rejected>() {
            return None;
        }
        self.0 -= 1;
        Some(ready(()))
    }

    fn clone_request(&mut self, (): &()) -> Option<()> {
        Some(())
    }
}

/// The order of the layers matters:
///
/// - The timeout is inside the breaker, which sees a hanging call as a failure.
/// - The breaker is inside the retries: it counts each attempt, and once it is open there
///   are no more.
/// - The limit is outermost: a call keeps its place between two attempts. A call that is
///   shed has not failed, so the breaker must not hear of it.
#[tokio::test(start_paused = true)]
async fn with_timeout_retry_limit_and_load_shedding() {
    let breaker = Breaker::builder("users")
        .consecutive_failures(2)
        .open_for(10 * SECOND)
        .clock(TokioClock::new())
        .build()
        .unwrap();
    let calls = Rc::new(Cell::new(0));
    let hangs = Rc::new(Cell::new(true));
    let upstream = {
        let (calls, hangs) = (calls.clone(), hangs.clone());
        tower::service_fn(move |()| {
            calls.set(calls.get() + 1);
            let hangs = hangs.get();
            async move {
                if hangs {
                    pending::<()>().await;
                }
                Ok::<u32, BoxError>(42)
            }
        })
    };
    let service = ServiceBuilder::new()
        .load_shed()
        .concurrency_limit(1)
        .retry(TwoMoreAttempts(2))
        .layer(BreakerLayer::new(breaker.clone()))
        .timeout(SECOND)
        .service(upstream);

    // Two attempts time out, and the third is refused.
    let first = service.clone().oneshot(());
    // Meanwhile there is no room for another call.
    let second = async {
        tokio::time::sleep(SECOND / 2).await;
        service.clone().oneshot(()).await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.unwrap_err().is::<Rejected>());
    assert!(second.unwrap_err().is::<load_shed::error::Overloaded>());
    assert_eq!(calls.get(), 2);
    assert_eq!(breaker.phase(), Phase::Open);

    // While open: refused at once, and the service is not called.
    let before = tokio::time::Instant::now();
    assert!(service.clone().oneshot(()).await.unwrap_err().is::<Rejected>());
    assert_eq!((calls.get(), before.elapsed()), (2, Duration::ZERO));

    // A probe that hangs opens the breaker again, and is not retried.
    tokio::time::advance(10 * SECOND).await;
    assert!(service.clone().oneshot(()).await.unwrap_err().is::<Rejected>());
    assert_eq!(calls.get(), 3);

    hangs.set(false);
    breaker.ready(tokio::time::sleep).await;
    assert_eq!(service.oneshot(()).await.unwrap(), 42);
    assert_eq!(breaker.phase(), Phase::Closed);
}

/// Shows why to avoid the opposite order.
#[tokio::test(start_paused = true)]
async fn a_timeout_outside_the_breaker_only_abandons_the_call() {
    let breaker = Breaker::builder("users").consecutive_failures(1).open_for(SECOND);
    let breaker = breaker.clock(TokioClock::new()).build().unwrap();
    let service = ServiceBuilder::new()
        .timeout(SECOND)
        .layer(BreakerLayer::new(breaker.clone()))
        .service(tower::service_fn(|()| pending::<Result<u32, BoxError>>()));
    assert!(service.oneshot(()).await.unwrap_err().is::<timeout::error::Elapsed>());
    assert_eq!(breaker.phase(), Phase::Closed);
}

/// A limit inside the breaker, which is not where it belongs: there, calls that it sheds
/// count as failures. But a refusal keeps no place in it.
#[test]
fn a_refusal_gives_its_place_in_an_inner_limit_back() {
    let Bench { breaker, inner, .. } = bench();
    let layers = (BreakerLayer::new(breaker.clone()), ConcurrencyLimitLayer::new(1));
    let service = layers.layer(inner);

    // Refused when called, after it had taken the place.
    let mut refused = service.clone();
    assert!(refused.poll_ready(&mut context()).is_ready());
    breaker.trip();
    assert!(is_rejected(&pin!(refused.call(())).poll(&mut context())));
    breaker.reset();
    let mut other = service.clone();
    assert!(other.poll_ready(&mut context()).is_ready(), "the place is free");

    // Refused while it queued for the place.
    assert!(refused.poll_ready(&mut context()).is_pending());
    breaker.trip();
    assert!(refused.poll_ready(&mut context()).is_ready());
    assert!(is_rejected(&pin!(refused.call(())).poll(&mut context())));
    breaker.reset();
    drop(other);
    assert!(service.clone().poll_ready(&mut context()).is_ready(), "nobody is before it");
}

#[test]
fn asking_again_while_open_gives_the_place_back() {
    let Bench { breaker, inner, .. } = bench();
    let layers = (BreakerLayer::new(breaker.clone()), ConcurrencyLimitLayer::new(1));
    let service = layers.layer(inner);
    let mut refused = service.clone();
    assert!(refused.poll_ready(&mut context()).is_ready());
    breaker.trip();
    assert!(refused.poll_ready(&mut context()).is_ready());
    breaker.reset();
    assert!(service.clone().poll_ready(&mut context()).is_ready());
}

/// A request for one of two hosts, which it also fails or not.
type Host = (&'static str, Result<u32, &'static str>);

fn by_host() -> (Registry, impl Service<Host, Response = u32, Error = BoxError> + Clone) {
    let template = Breaker::builder("template").consecutive_failures(1).open_for(SECOND);
    let registry = Registry::new(template.clock(PausedClock::new())).unwrap().most_idle(10);
    let layer = BreakerLayer::keyed(registry.clone(), |host: &Host| Cow::Borrowed(host.0));
    let upstream = tower::service_fn(|(_, answer): Host| ready(answer));
    (registry, (layer, ConcurrencyLimitLayer::new(1)).layer(upstream))
}

fn ask_host<S: Service<Host, Response = u32>>(
    service: &mut S,
    host: Host,
) -> Result<u32, S::Error> {
    assert!(service.poll_ready(&mut context()).is_ready());
    match pin!(service.call(host)).poll(&mut context()) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it answers at once"),
    }
}

#[test]
fn each_host_has_a_breaker_in_one_layer() {
    let (registry, mut service) = by_host();
    assert!(ask_host(&mut service, ("a", Err("down"))).is_err());
    let refused = ask_host(&mut service, ("a", Ok(1))).unwrap_err();
    assert_eq!(refused.downcast_ref::<Rejected>().unwrap().name(), "a");
    // The refused one keeps no place.
    assert_eq!(ask_host(&mut service.clone(), ("b", Ok(2))).unwrap(), 2);
    assert_eq!(registry.get("a").phase(), Phase::Open);
    assert_eq!(registry.get("b").phase(), Phase::Closed);
}

/// Keys come from outside.
#[test]
fn keys_are_bounded() {
    let (registry, mut service) = by_host();
    for n in 0..1_000 {
        let key = format!("{n}{}", "x".repeat(10_000)).leak();
        assert_eq!(ask_host(&mut service, (key, Ok(1))).unwrap(), 1);
    }
    let list = registry.list();
    assert!(list.len() <= 11, "{}", list.len());
    assert!(list.iter().all(|breaker| breaker.name().len() <= 256));
}

#[test]
fn by_authority_is_a_key() {
    let template = Breaker::builder("template").consecutive_failures(1).open_for(SECOND);
    let registry = Registry::new(template).unwrap();
    let layer = BreakerLayer::keyed(registry.clone(), by_authority::<()>);
    let layer = layer.judged_at_end(HttpResponses::new());
    let upstream = tower::service_fn(|_: http::Request<()>| {
        let down = http::Response::builder().status(502).body(String::new());
        ready(Ok::<_, BoxError>(down.unwrap()))
    });
    let mut service = layer.layer(upstream);
    assert!(service.poll_ready(&mut context()).is_ready());
    let request = http::Request::get("http://Users.internal/42").body(()).unwrap();
    assert!(pin!(service.call(request)).poll(&mut context()).is_ready());
    assert_eq!(registry.find("users.internal").unwrap().phase(), Phase::Open);
}

/// 100 callers that wait 5 seconds and leave say that the service is slow.
#[test]
fn callers_that_leave_early_have_seen_a_slow_service() {
    let clock = PausedClock::new();
    let breaker = Breaker::builder("users").slow_rate(100).slow_after(2 * SECOND).min_calls(100);
    let breaker = breaker.last_calls(100).open_for(60 * SECOND).abandoned(Abandoned::ByTime);
    let breaker = breaker.clock(clock.clone()).build().unwrap();
    let hanging = tower::service_fn(|()| pending::<Result<u32, BoxError>>());
    let service = BreakerLayer::new(breaker.clone()).layer(hanging);
    let leave = || {
        let mut service = service.clone();
        assert!(service.poll_ready(&mut context()).is_ready());
        let mut request = pin!(service.call(()));
        assert!(request.as_mut().poll(&mut context()).is_pending());
        clock.advance(5 * SECOND);
    };
    for slow in 0..100 {
        assert_eq!(breaker.snapshot().tally.slow, slow);
        leave();
    }
    assert_eq!(breaker.phase(), Phase::Open);

    // A probe that was given up has failed.
    clock.advance(60 * SECOND);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    leave();
    assert_eq!(breaker.phase(), Phase::Open);
}
