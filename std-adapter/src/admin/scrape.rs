//! What Prometheus scrapes.

use axum::routing::{MethodRouter, get};

use crate::registry::Registry;

/// A route for a scraper of metrics: publishes those of all breakers, and answers with what
/// `render` returns, such as that of a handle of `metrics-exporter-prometheus`.
///
/// ```
/// # use microbreaker_std::{Breaker, Registry, admin::scrape};
/// # fn app(registry: Registry) -> Result<axum::Router, Box<dyn std::error::Error>> {
/// let prometheus = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;
/// let app = axum::Router::new().route("/metrics", scrape(registry, move || prometheus.render()));
/// # Ok(app)
/// # }
/// ```
pub fn scrape<S: Clone + Send + Sync + 'static>(
    registry: Registry,
    render: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> MethodRouter<S> {
    get(async move || {
        registry.publish_metrics();
        render()
    })
}
