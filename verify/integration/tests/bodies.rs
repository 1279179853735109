//! Responses that are judged when their bodies have ended, from a real server.

use std::cell::Cell;
use std::future::{poll_fn, ready};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::Abandoned;
use microbreaker_std::{
    Breaker, BreakerLayer, BreakerMiddleware, ClassifyResponse, HttpResponses, Outcome, Phase,
    Registry, Rejected,
};
use reqwest::{Body, Client, Method, Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

const SECOND: Duration = Duration::from_secs(1);

/// What follows an answer's text.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Close,
    /// Nothing, for as long as the caller stays.
    Hang,
}

/// Answers one request, and returns the address to send it to.
async fn answer(text: &'static str, then: Then) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/users", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4_096]).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        if then == Then::Hang {
            let _ = stream.read(&mut [0; 1]).await;
        }
    });
    url
}

const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
const PART: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const PART_OF_CHUNKS: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n";
const CHUNKS: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
const ERROR: &str = "HTTP/1.1 500 A\r\ncontent-length: 10\r\n\r\nabc";
const NOT_FOUND: &str = "HTTP/1.1 404 A\r\ncontent-length: 10\r\n\r\nabc";
const GRPC: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ncontent-length: 10\r\n\r\nabc";

struct Bench {
    clock: PausedClock,
    breaker: Breaker,
    client: ClientWithMiddleware,
}

/// A client, guarded by a breaker that counts and does not trip.
fn bench(abandoned: Abandoned) -> Bench {
    let clock = PausedClock::new();
    let breaker = Breaker::builder("users").failures_in_window(100).last_calls(100);
    let breaker = breaker.slow_rate(100).slow_after(2 * SECOND).min_calls(100);
    let breaker = breaker.open_for(SECOND).abandoned(abandoned).clock(clock.clone());
    let breaker = breaker.build().unwrap();
    Bench { clock, client: guarded(BreakerMiddleware::new(breaker.clone())), breaker }
}

fn guarded(middleware: impl reqwest_middleware::Middleware) -> ClientWithMiddleware {
    // Ignores the environment's proxies: the upstream is on this host.
    let client = Client::builder().no_proxy().build().unwrap();
    ClientBuilder::new(client).with(middleware).build()
}

impl Bench {
    async fn get(&self, text: &'static str, then: Then) -> Response {
        self.client.get(answer(text, then).await).send().await.unwrap()
    }

    /// Calls, failed, slow.
    fn counted(&self) -> [u32; 3] {
        let tally = self.breaker.snapshot().tally;
        [tally.calls, tally.failed, tally.slow]
    }
}

#[tokio::test]
async fn a_response_counts_when_its_body_has_ended() {
    for whole in [WHOLE, CHUNKS] {
        let bench = bench(Abandoned::Ignored);
        let response = bench.get(whole, Then::Hang).await;
        assert_eq!(bench.counted(), [0, 0, 0]);
        assert_eq!(response.text().await.unwrap(), "abc");
        assert_eq!(bench.counted(), [1, 0, 0]);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_failure() {
    for part in [PART, PART_OF_CHUNKS] {
        let bench = bench(Abandoned::Ignored);
        let response = bench.get(part, Then::Close).await;
        assert!(response.text().await.is_err());
        assert_eq!(bench.counted(), [1, 1, 0]);
    }
}

#[tokio::test]
async fn the_time_of_a_call_lasts_until_the_end() {
    let bench = bench(Abandoned::Ignored);
    let mut response = bench.get(WHOLE, Then::Hang).await;
    bench.clock.advance(3 * SECOND);
    while response.chunk().await.unwrap().is_some() {}
    assert_eq!(bench.counted(), [1, 0, 1]);
}

#[tokio::test]
async fn a_caller_that_leaves_a_hanging_body_abandons_the_call() {
    for (abandoned, counted) in [
        (Abandoned::Ignored, [0, 0, 0]),
        (Abandoned::Failed, [1, 1, 1]),
        (Abandoned::ByTime, [1, 0, 1]),
    ] {
        let bench = bench(abandoned);
        let mut response = bench.get(PART, Then::Hang).await;
        assert_eq!(response.chunk().await.unwrap().unwrap(), "abc");
        bench.clock.advance(5 * SECOND);
        assert_eq!(bench.counted(), [0, 0, 0]);
        drop(response);
        assert_eq!(bench.counted(), counted, "{abandoned:?}");
    }
}

/// However short the wait: there is no `slow_after` that would tell.
#[tokio::test]
async fn a_caller_that_leaves_while_it_waits_for_more_abandons_the_call() {
    for (abandoned, counted) in [(Abandoned::Ignored, [0, 0, 0]), (Abandoned::Failed, [1, 1, 0])] {
        let bench = bench(abandoned);
        let mut response = bench.get(PART, Then::Hang).await;
        assert_eq!(response.chunk().await.unwrap().unwrap(), "abc");
        assert!(response.chunk().now_or_never().is_none());
        drop(response);
        assert_eq!(bench.counted(), counted, "{abandoned:?}");
    }
}

#[tokio::test]
async fn a_body_known_to_be_over_need_not_be_read() {
    let bench = bench(Abandoned::Failed);
    let _empty = bench.get(EMPTY, Then::Hang).await;
    assert_eq!(bench.counted(), [1, 0, 0], "before it is dropped");
    // All of it has arrived, and nobody asked for what follows.
    let mut response = bench.get(WHOLE, Then::Hang).await;
    response.chunk().await.unwrap().unwrap();
    assert_eq!(bench.counted(), [2, 0, 0]);
}

/// A body that panics, and then is over.
#[derive(Default)]
struct Panics(bool);

impl http_body::Body for Panics {
    type Data = &'static [u8];
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<http_body::Frame<Self::Data>>>> {
        self.0 = true;
        panic!("on purpose");
    }

    fn is_end_stream(&self) -> bool {
        self.0
    }
}

#[tokio::test]
async fn a_body_that_panics_is_a_failure() {
    let bench = bench(Abandoned::Ignored);
    let upstream = tower::service_fn(|()| {
        ready(Ok::<_, tower::BoxError>(http::Response::new(Panics::default())))
    });
    let layer = BreakerLayer::new(bench.breaker.clone());
    let service = layer.judged_at_end(HttpResponses::new()).layer(upstream);
    let mut response = service.oneshot(()).await.unwrap();
    let read = tokio::spawn(async move { response.frame().await.is_some() });
    assert!(read.await.unwrap_err().is_panic());
    assert_eq!(bench.counted(), [1, 1, 0]);
}

/// A body whose end arrives when nobody asks.
struct EndsUnasked(Rc<Cell<bool>>);

impl http_body::Body for EndsUnasked {
    type Data = &'static [u8];
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<http_body::Frame<Self::Data>>>> {
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.0.get()
    }
}

#[tokio::test]
async fn a_body_that_ended_unasked_is_not_abandoned() {
    for (has_ended, counted) in [(true, [1, 0, 0]), (false, [1, 1, 1])] {
        let bench = bench(Abandoned::Failed);
        let end = Rc::new(Cell::new(false));
        let body = Cell::new(Some(EndsUnasked(end.clone())));
        let upstream = tower::service_fn(|()| {
            ready(Ok::<_, tower::BoxError>(http::Response::new(body.take().unwrap())))
        });
        let layer = BreakerLayer::new(bench.breaker.clone());
        let mut service = layer.judged_at_end(HttpResponses::new()).layer(upstream);
        let response = service.ready().await.unwrap().call(()).await.unwrap();
        bench.clock.advance(if has_ended { SECOND } else { 5 * SECOND });
        end.set(has_ended);
        drop(response);
        assert_eq!(bench.counted(), counted);
    }
}

#[tokio::test]
async fn a_guarded_body_says_how_much_is_left() {
    let bench = bench(Abandoned::Failed);
    let upstream = tower::service_fn(|()| {
        ready(Ok::<_, tower::BoxError>(http::Response::new(Full::new(&b"abc"[..]))))
    });
    let layer = BreakerLayer::new(bench.breaker.clone());
    let service = layer.judged_at_end(HttpResponses::new()).layer(upstream);
    let mut body = Box::pin(service.oneshot(()).await.unwrap().into_body());
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false));
    body.frame().await.unwrap().unwrap();
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
}

/// As by default.
#[tokio::test]
async fn an_unread_body_is_abandoned_unless_the_head_says_enough() {
    #[derive(Clone)]
    struct ByHead;

    impl ClassifyResponse for ByHead {
        fn head(&self, _: StatusCode, _: &HeaderMap) -> ControlFlow<Outcome, Outcome> {
            ControlFlow::Continue(Outcome::Success)
        }
    }

    let bench = bench(Abandoned::Failed);
    let upstream = tower::service_fn(|()| {
        ready(Ok::<_, tower::BoxError>(http::Response::new(Full::new(&b"abc"[..]))))
    });
    let layer = BreakerLayer::new(bench.breaker.clone());
    let service = layer.judged_at_end(ByHead).layer(upstream);
    drop(service.oneshot(()).await.unwrap());
    assert_eq!(bench.counted(), [1, 1, 0]);
}

#[tokio::test]
async fn a_failure_by_its_status_needs_no_body() {
    let bench = bench(Abandoned::Ignored);
    drop(bench.get(ERROR, Then::Hang).await);
    assert_eq!(bench.counted(), [1, 1, 0]);
}

#[tokio::test]
async fn an_answer_in_time_needs_no_body_either() {
    for abandoned in [Abandoned::Ignored, Abandoned::Failed, Abandoned::ByTime] {
        let bench = bench(abandoned);
        drop(bench.get(PART, Then::Hang).await);
        assert_eq!(bench.counted(), [1, 0, 0], "{abandoned:?}");
        let mut response = bench.get(NOT_FOUND, Then::Hang).await;
        assert_eq!(response.chunk().await.unwrap().unwrap(), "abc");
        drop(response);
        assert_eq!(bench.counted(), [2, 0, 0], "{abandoned:?}");
    }
}

#[tokio::test]
async fn callers_that_look_at_the_status_alone_count_all_calls() {
    let Bench { breaker, client, .. } = bench(Abandoned::Ignored);
    for n in 0..40 {
        let text = if n % 20 == 0 { ERROR } else { PART };
        let sent = client.post(answer(text, Then::Hang).await).send().await.unwrap();
        assert_eq!(sent.error_for_status().is_err(), n % 20 == 0);
    }
    let tally = breaker.snapshot().tally;
    assert_eq!((tally.calls, tally.failed), (40, 2));
}

#[tokio::test]
async fn unread_answers_close_a_half_open_breaker() {
    let Bench { breaker, client, .. } = bench(Abandoned::Ignored);
    breaker.trip();
    breaker.half_open().unwrap();
    drop(client.get(answer(NOT_FOUND, Then::Hang).await).send().await.unwrap());
    assert_eq!(breaker.phase(), Phase::Closed);
}

/// What it is, the trailers would have said.
#[tokio::test]
async fn a_call_of_grpc_that_is_left_is_abandoned() {
    let bench = bench(Abandoned::Failed);
    drop(bench.get(GRPC, Then::Hang).await);
    assert_eq!(bench.counted(), [1, 1, 0]);
}

#[tokio::test]
async fn a_response_keeps_its_address_and_headers() {
    let bench = bench(Abandoned::Ignored);
    let url = answer("HTTP/1.1 404 A\r\nx-y: z\r\ncontent-length: 0\r\n\r\n", Then::Hang).await;
    let response = bench.client.get(&url).send().await.unwrap();
    assert_eq!((response.url().as_str(), response.status().as_u16()), (&*url, 404));
    assert_eq!(response.headers()["x-y"], "z");
    assert!(response.remote_addr().is_some());
}

#[tokio::test]
async fn a_refused_request_is_not_sent() {
    let bench = bench(Abandoned::Ignored);
    bench.breaker.force_open();
    // Nothing listens there.
    let refused = bench.client.get("http://127.0.0.1:1").send().await.unwrap_err();
    let reqwest_middleware::Error::Middleware(refused) = refused else { panic!("{refused}") };
    let refused = refused.downcast_ref::<Rejected>().unwrap();
    assert_eq!((refused.name(), refused.phase()), ("users", Phase::ForcedOpen));
    assert_eq!(bench.counted(), [0, 0, 0]);
}

#[tokio::test]
async fn a_client_with_a_breaker_for_each_host() {
    let template = Breaker::builder("template").consecutive_failures(1).open_for(SECOND);
    let registry = Registry::new(template).unwrap();
    let client = guarded(BreakerMiddleware::for_each_host(registry.clone()));
    let bad = answer(ERROR, Then::Close).await;
    client.get(&bad).send().await.unwrap();
    assert!(client.get(&bad).send().await.unwrap_err().is_middleware());
    let good = answer(WHOLE, Then::Close).await;
    assert_eq!(client.get(&good).send().await.unwrap().text().await.unwrap(), "abc");
    let hosts = [bad, good].map(|url| url["http://".len()..].trim_end_matches("/users").to_owned());
    assert_eq!(registry.find(&hosts[0]).unwrap().phase(), Phase::Open);
    assert_eq!(registry.find(&hosts[1]).unwrap().phase(), Phase::Closed);
}

#[tokio::test]
async fn requests_without_a_host_share_a_breaker() {
    let template = Breaker::builder("template").consecutive_failures(1).open_for(SECOND);
    let registry = Registry::new(template).unwrap();
    let client = guarded(BreakerMiddleware::for_each_host(registry.clone()));
    let request = Request::new(Method::GET, "file:///etc/hosts".parse().unwrap());
    assert!(client.execute(request).await.is_err());
    assert!(registry.find("no authority").is_some() && registry.find("").is_none());
}

/// The layer does the same on any tower service, here reqwest's own.
#[tokio::test]
async fn the_layer_judges_at_the_end_too() {
    let Bench { breaker, .. } = bench(Abandoned::Ignored);
    let mut service = ServiceBuilder::new()
        .layer(BreakerLayer::new(breaker.clone()).judged_at_end(HttpResponses::new()))
        .map_response(http::Response::<Body>::from)
        .service(Client::builder().no_proxy().build().unwrap());
    for (text, failed) in [(WHOLE, 0), (PART, 1)] {
        breaker.reset();
        let url = answer(text, Then::Close).await.parse().unwrap();
        let request = Request::new(Method::GET, url);
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(breaker.snapshot().tally.calls, 0);
        assert_eq!(response.into_body().collect().await.is_err(), failed == 1);
        let tally = breaker.snapshot().tally;
        assert_eq!((tally.calls, tally.failed), (1, failed));
    }
}

/// 100 callers that wait 5 seconds and leave say that the service is slow.
#[tokio::test]
async fn callers_that_leave_early_have_seen_a_slow_service() {
    let Bench { clock, breaker, client } = bench(Abandoned::ByTime);
    let url = answer("", Then::Hang).await;
    for n in 0..100 {
        let mut request = pin!(client.get(&url).send());
        // Each is sent, and nobody answers.
        poll_fn(|context| {
            assert!(request.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        clock.advance(5 * SECOND);
        assert_eq!(breaker.snapshot().tally.slow, n);
    }
    assert_eq!(breaker.phase(), Phase::Open);
}
