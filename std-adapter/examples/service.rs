//! A service that stays up while its upstream does not: a request that fails goes on to
//! another host, and the last good answer stands in when all have failed.
//!
//! ```sh
//! cargo run -p microbreaker-std --all-features --example service -- 10.0.0.1:80 10.0.0.2:80
//! curl 127.0.0.1:8080/rates/EUR       # asks http://10.0.0.1:80/rates/EUR, or the other
//! ```
//!
//! `/admin/dashboard` shows the breakers, `/admin/ready` is for a readiness probe, `/metrics`
//! for Prometheus. The environment variable `SETTINGS` names a file, which is read again when
//! it changes, `PROFILE` a profile in it, and `LISTEN` the address to listen on.

use axum::{Router, body::Bytes, http, http::Uri, routing::get};
use metrics_exporter_prometheus::PrometheusBuilder;
use microbreaker_std::admin::{Admin, scrape};
use microbreaker_std::{Failover, HttpResponses, LastGood, Registry, Rejected, SettingsFile};
use microbreaker_std::{TooManyRequests::Wait, clock::MonotonicClock};
use std::{env, fs, sync::Arc, time::Duration};
use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().init();
    let path = env::var("SETTINGS").unwrap_or("std-adapter/examples/service.toml".to_owned());
    let registry = Registry::of(settings(&fs::read_to_string(&path)?)?)?;
    let _watch = registry.watch(path, settings, |_| {})?;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(1)).build()?;
    let hosts = env::args().skip(1).map(|host| {
        let (breaker, client) = (registry.get(&host), client.clone());
        (breaker, service_fn(move |uri| ask(client.get(format!("http://{host}{uri}")))))
    });

    let meaning = HttpResponses::new().too_many_requests(Wait).of(|a: &Answer| (a.0, &a.1));
    let upstream = Failover::new("upstream", hosts)?.attempts(2).service();
    let upstream = upstream.classified(meaning).repeating(|uri: &Uri| Some(uri.clone()));
    let upstream = ServiceBuilder::new().load_shed().concurrency_limit(64).service(upstream);
    let last = Arc::new(LastGood::by(MonotonicClock::new(), 1_000));
    let answer = async move |uri: Uri| {
        let answer = upstream.oneshot(uri.clone()).await;
        last.or_last(uri, answer, meaning).map_err(Rejected::or_bad_gateway)
    };

    let prometheus = PrometheusBuilder::new().install_recorder()?;
    let app = Router::new()
        .route("/{*path}", get(answer))
        .route("/metrics", scrape(registry.clone(), move || prometheus.render()))
        .nest("/admin", Admin::new(registry).router());
    let address = env::var("LISTEN").unwrap_or("127.0.0.1:8080".to_owned());
    Ok(axum::serve(tokio::net::TcpListener::bind(address).await?, app).await?)
}

type Answer = (http::StatusCode, http::HeaderMap, Bytes);
async fn ask(request: reqwest::RequestBuilder) -> Result<Answer, BoxError> {
    let response = request.send().await?;
    Ok((response.status(), response.headers().clone(), response.bytes().await?))
}

fn settings(text: &str) -> Result<SettingsFile, BoxError> {
    let file = SettingsFile::read(toml::Deserializer::parse(text)?)?;
    Ok(file.in_profile(env::var("PROFILE").ok().as_deref())?)
}
