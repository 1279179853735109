//! A refusal as the answer of a server.

use std::time::Duration;

use axum::response::IntoResponse;
use http_body_util::BodyExt;
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Rejected};

#[tokio::test]
async fn a_refusal_is_a_503_that_says_how_many_seconds() {
    let clock = PausedClock::new();
    let breaker = Breaker::builder("users").consecutive_failures(1).clock(clock.clone());
    let breaker = breaker.open_for(Duration::from_secs(30)).build().unwrap();
    breaker.trip();
    for (passed, seconds) in [(0, "30"), (1, "30"), (999, "29"), (28_999, "1")] {
        clock.advance(Duration::from_millis(passed));
        let response = breaker.try_acquire().unwrap_err().into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], seconds);
    }
    // How long is not known, and the name is nobody's business.
    breaker.force_open();
    let response = breaker.try_acquire().unwrap_err().into_response();
    assert_eq!((response.status().as_u16(), response.headers().get("retry-after")), (503, None));
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, "temporarily unavailable\n");

    let refusal = breaker.try_acquire().unwrap_err().into();
    assert_eq!(Rejected::or_bad_gateway(refusal).status(), 503);
}

#[tokio::test]
async fn what_else_fails_is_a_502_that_tells_nothing() {
    let response = Rejected::or_bad_gateway("no route to 10.0.0.1".into());
    assert_eq!(response.status(), 502);
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, "the upstream failed\n");
}
