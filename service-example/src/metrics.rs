//! What Prometheus scrapes.

use axum::Router;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
use microbreaker_std::Registry;
use microbreaker_std::admin::scrape;

/// The buckets for the durations of calls, in seconds, up to twice the timeout of an
/// attempt.
const BUCKETS: [f64; 8] = [0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5];

/// `GET /metrics`: the breakers of `registry`, as they are at each scrape.
///
/// # Errors
///
/// If this process already has a recorder.
pub fn scraped(registry: Registry) -> Result<Router, BuildError> {
    let durations = Matcher::Suffix("duration_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(durations, &BUCKETS)?;
    let prometheus = builder.install_recorder()?;
    let render = move || {
        prometheus.run_upkeep();
        prometheus.render()
    };
    Ok(Router::new().route("/metrics", scrape(registry, render)))
}
