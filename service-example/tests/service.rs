//! What users of the service see while its upstream is down.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use microbreaker_service_example::service::{self, TIMEOUT};
use microbreaker_service_example::upstream::{Fault, Upstream};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Phase};
use tower::ServiceExt;

const OPEN_FOR: Duration = Duration::from_secs(30);

/// A breaker that trips at the third failure in a row.
fn breaker(clock: &PausedClock) -> Breaker {
    let breaker = Breaker::builder("rates").consecutive_failures(3).open_for(OPEN_FOR);
    breaker.clock(clock.clone()).build().unwrap()
}

async fn get(app: &Router) -> Response<Body> {
    let request = Request::builder().uri("/rate").body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap()
}

/// The status, how fresh the answer is, and the answer.
async fn rate(app: &Router) -> (u16, String, String) {
    let response = get(app).await;
    let status = response.status().as_u16();
    let freshness = response.headers().get(service::ANSWER);
    let freshness = freshness.map_or("none", |value| value.to_str().unwrap()).to_owned();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, freshness, String::from_utf8(body.to_vec()).unwrap())
}

fn answer(freshness: &str) -> (u16, String, String) {
    (200, freshness.to_owned(), "1.0830".to_owned())
}

async fn users_get_the_last_rate(fault: Fault) {
    let clock = PausedClock::new();
    let breaker = breaker(&clock);
    let mut upstream = Upstream::start().await.unwrap();
    let app = service::app(upstream.address(), Some(breaker.clone()), || ());
    assert_eq!(rate(&app).await, answer("fresh"));

    upstream.set(fault).await.unwrap();
    let mut asked = 0;
    while breaker.phase() == Phase::Closed {
        assert!(asked < 3, "three failures in a row should have opened it");
        assert_eq!(rate(&app).await, answer("cached"), "{fault:?}");
        asked += 1;
    }
    let before = upstream.asked();
    for _ in 0..20 {
        assert_eq!(rate(&app).await, answer("cached"), "{fault:?}");
    }
    assert_eq!(upstream.asked(), before, "nothing is sent while open");

    upstream.set(Fault::None).await.unwrap();
    clock.advance(OPEN_FOR);
    assert_eq!(rate(&app).await, answer("fresh"), "the probe");
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[tokio::test]
async fn users_get_the_last_rate_while_the_upstream_answers_with_errors() {
    users_get_the_last_rate(Fault::Errors).await;
}

#[tokio::test]
async fn users_get_the_last_rate_while_the_upstream_is_slow() {
    users_get_the_last_rate(Fault::Slow(1_000 * TIMEOUT)).await;
}

#[tokio::test]
async fn users_get_the_last_rate_while_the_upstream_hangs() {
    users_get_the_last_rate(Fault::Hangs).await;
}

#[tokio::test]
async fn users_get_the_last_rate_while_the_upstream_refuses_connections() {
    users_get_the_last_rate(Fault::Refuses).await;
}

#[tokio::test]
async fn without_a_last_good_rate_users_are_told_when_to_retry() {
    let breaker = breaker(&PausedClock::new());
    breaker.trip();
    let upstream = Upstream::start().await.unwrap();
    let app = service::app(upstream.address(), Some(breaker), || ());
    let response = get(&app).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"30".parse().unwrap())
    );
    assert_eq!(upstream.asked(), 0);
}

/// Users do not see an occasional error, because a failed attempt is retried, within a
/// budget.
#[tokio::test]
async fn a_failed_attempt_is_retried_once_within_the_budget() {
    let upstream = {
        let mut upstream = Upstream::start().await.unwrap();
        upstream.set(Fault::Errors).await.unwrap();
        upstream
    };
    let app = service::app(upstream.address(), None, || ());
    let _ = rate(&app).await;
    assert_eq!(upstream.asked(), 2);
    for _ in 0..100 {
        let _ = rate(&app).await;
    }
    let asked = upstream.asked();
    assert!((101..120).contains(&asked), "{asked} attempts of 101 requests");
}
