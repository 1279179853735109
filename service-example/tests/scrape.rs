//! What Prometheus scrapes. The test is alone in its file because a process has only one
//! recorder.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use microbreaker_service_example::upstream::{Fault, Upstream};
use microbreaker_service_example::{metrics, service};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Registry};
use tower::ServiceExt;

async fn get(app: &Router, path: &str) -> String {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_scrape_shows_the_breaker_as_it_is_now() {
    let template = Breaker::builder("template").consecutive_failures(2).measure_durations();
    let template = template.open_for(Duration::from_secs(30)).clock(PausedClock::new());
    let registry = Registry::new(template).unwrap();
    let mut upstream = Upstream::start().await.unwrap();
    let app = service::app(upstream.address(), Some(registry.get("rates")), || ())
        .merge(metrics::scraped(registry).unwrap());
    let has = |scrape: &str, line: &str| {
        assert!(scrape.lines().any(|it| it == line), "{line} is not in {scrape}");
    };

    get(&app, "/rate").await;
    let scrape = get(&app, "/metrics").await;
    has(&scrape, r#"microbreaker_state{breaker="rates",phase="closed"} 1"#);
    has(&scrape, r#"microbreaker_calls_total{breaker="rates",outcome="failure"} 0"#);

    upstream.set(Fault::Errors).await.unwrap();
    for _ in 0..3 {
        get(&app, "/rate").await;
    }
    let scrape = get(&app, "/metrics").await;
    for line in [
        r#"microbreaker_state{breaker="rates",phase="closed"} 0"#,
        r#"microbreaker_state{breaker="rates",phase="open"} 1"#,
        r#"microbreaker_retry_after_seconds{breaker="rates"} 30"#,
        r#"microbreaker_calls_total{breaker="rates",outcome="success"} 1"#,
        r#"microbreaker_calls_total{breaker="rates",outcome="failure"} 2"#,
        r#"microbreaker_rejections_total{breaker="rates"} 2"#,
        r#"microbreaker_call_duration_seconds_bucket{breaker="rates",outcome="failure",le="+Inf"} 2"#,
    ] {
        has(&scrape, line);
    }
}
