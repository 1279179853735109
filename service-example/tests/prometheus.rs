//! The alerts and the dashboard of microbreaker-std, asked of a real Prometheus about what a
//! service exports in an hour and a half, twenty minutes of it bad. The time is virtual: the
//! scrapes get timestamps, and Prometheus takes them as a backfill.
//!
//! The test is alone in its file because a process has only one recorder.

#[path = "../../fleet/tests/rig/flaky.rs"]
mod flaky;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use flaky::Flaky;
use microbreaker_fleet::{Fleet, MemoryStore};
use microbreaker_service_example::upstream::{Fault, Upstream};
use microbreaker_service_example::{metrics, service};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Clock as _, Registry};
use reqwest::{Client, Url};
use serde_json::Value;
use tower::ServiceExt;

const ALERTS: &str = include_str!("../../std-adapter/telemetry/alerts.yml");
const DASHBOARD: &str = include_str!("../../std-adapter/telemetry/dashboard.json");

/// Seconds between two scrapes.
const STEP: u64 = 15;
const MINUTE: u64 = 60;
/// When it begins, in seconds since 1970.
const START: u64 = 1_700_000_000;
const GOES_BAD: u64 = START + 10 * MINUTE;
/// Long enough after the one before for each alert to fire.
const LOSES_STORE: u64 = GOES_BAD + 16 * MINUTE;
const RECOVERS: u64 = GOES_BAD + 20 * MINUTE;
const END: u64 = RECOVERS + 60 * MINUTE;

async fn get(app: &Router, path: &str) -> String {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

/// Scrapes a service while its upstream goes bad and recovers, as OpenMetrics with timestamps.
/// While it is bad, a dry run would trip, and somebody forces a breaker open and forgets it.
/// Another instance of its fleet notices nothing, until the store is away.
async fn scrapes() -> String {
    let clock = PausedClock::new();
    let template = Breaker::builder("template")
        .failure_rate(50)
        .slow_rate(80)
        .slow_after(Duration::from_secs(1))
        .min_calls(5)
        .last_calls(20)
        .open_for(2 * Duration::from_secs(STEP))
        .measure_durations()
        .clock(clock.clone());
    let (registry, other) = (Registry::new(template.clone()).unwrap(), Registry::new(template));
    let other = other.unwrap();
    let ticks = clock.clone();
    let store = Flaky::new(MemoryStore::with_clock(move || ticks.now().into()));
    let join = |registry: &Registry, name: &str| {
        let fleet = Fleet::join(store.clone(), name).interval(Duration::from_secs(STEP));
        let fleet = fleet.clock(clock.clone());
        fleet.registry(registry, "shared").unwrap();
        (fleet, registry.get("shared"))
    };
    let instances = [join(&registry, "a"), join(&other, "b")];
    let [rates, dry, forgotten] = ["rates", "dry", "forgotten"].map(|name| registry.get(name));
    dry.metrics_only();
    let mut upstream = Upstream::start().await.unwrap();
    let app = service::app(upstream.address(), Some(rates.clone()), || ())
        .merge(metrics::scraped(registry).unwrap());

    let mut scrapes = String::new();
    for now in (START..=END).step_by(STEP as usize) {
        match now {
            GOES_BAD => {
                upstream.set(Fault::Errors).await.unwrap();
                forgotten.force_open();
                // One that began before, and ends after the trip.
                let late = rates.try_acquire_owned().unwrap();
                rates.trip();
                late.success();
            }
            LOSES_STORE => store.refuses.store(true, Ordering::Relaxed),
            RECOVERS => {
                upstream.set(Fault::None).await.unwrap();
                store.refuses.store(false, Ordering::Relaxed);
            }
            _ => {}
        }
        for (fleet, _) in &instances {
            let _ = fleet.exchange().await;
        }
        for line in get(&app, "/metrics").await.lines().filter(|it| !it.starts_with('#')) {
            if !line.is_empty() {
                writeln!(scrapes, "{line} {now}").unwrap();
            }
        }
        let is_bad = (GOES_BAD..RECOVERS).contains(&now);
        for _ in 0..4 {
            get(&app, "/rate").await;
            let _ = dry.call(|| if is_bad { Err(()) } else { Ok(()) });
            let [(_, here), (_, there)] = &instances;
            let _ = here.call(|| if is_bad { Err(()) } else { Ok(()) });
            let _ = there.call(|| Ok::<_, ()>(()));
        }
        clock.advance(Duration::from_secs(STEP));
    }
    scrapes + "# EOF\n"
}

/// A `prometheus` on a free port of the loopback. Killed when it is dropped.
struct Prometheus {
    process: Child,
    client: Client,
    url: String,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Prometheus {
    async fn of(scrapes: &str) -> Self {
        const MISSING: &str = "it is not there: install the package prometheus";
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prometheus");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("scrapes"), scrapes).unwrap();
        fs::write(folder.join("prometheus.yml"), "").unwrap();
        let filled = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics", "scrapes", "data"])
            .current_dir(&folder)
            .stdout(Stdio::null())
            .status()
            .expect(MISSING);
        assert!(filled.success(), "promtool does not take the scrapes");

        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut process = Command::new("prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .args(["--storage.tsdb.retention.time=100y", "--log.level=error"])
            .arg(format!("--web.listen-address={address}"))
            .current_dir(&folder)
            .spawn()
            .expect(MISSING);
        let client = Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{address}");
        let deadline = Instant::now() + Duration::from_secs(60);
        let is_ready = async || {
            let answer = client.get(format!("{url}/-/ready")).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        };
        while !is_ready().await {
            assert_eq!(process.try_wait().unwrap(), None, "prometheus has ended");
            assert!(Instant::now() < deadline, "prometheus is not ready at {address}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { process, client, url }
    }

    /// The data that an address of the API answers with.
    async fn data(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let url = Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), query).unwrap();
        let answer = self.client.get(url).send().await.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["status"], "success", "{query:?}: {answer}");
        answer["data"].take()
    }

    /// How many series the query returns at this time.
    async fn count(&self, query: &str, at: u64) -> usize {
        let data = self.data("query", &[("query", query), ("time", &at.to_string())]).await;
        data["result"].as_array().unwrap().len()
    }

    /// Whether an alert fires in this time: whether its query returns one series for as long
    /// as it must have `held`.
    async fn fires(&self, query: &str, held: u64, [from, to]: [u64; 2]) -> bool {
        let (start, end, step) = (from.to_string(), to.to_string(), STEP.to_string());
        let range = [("query", query), ("start", &start), ("end", &end), ("step", &step)];
        let data = self.data("query_range", &range).await;
        let mut series = data["result"].as_array().unwrap().iter();
        series.any(|series| {
            let values = series["values"].as_array().unwrap();
            let times: Vec<_> = values.iter().map(|value| value[0].as_u64().unwrap()).collect();
            let gapless = times.chunk_by(|a, b| b - a == STEP);
            gapless.map(|times| times[times.len() - 1] - times[0]).any(|lasted| lasted >= held)
        })
    }
}

/// The queries of the dashboard.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// The selectors in a query, each alternative of a phase by itself.
fn selectors(query: &str) -> BTreeSet<String> {
    let starts = query.match_indices("microbreaker_").map(|(at, _)| &query[at..]);
    let selectors = starts.map(|rest| {
        let name = rest.find(|c: char| c != '_' && !c.is_ascii_lowercase()).unwrap_or(rest.len());
        let labels = if rest[name..].starts_with('{') { rest.find('}').unwrap() + 1 } else { name };
        &rest[..labels]
    });
    let alternatives = selectors.flat_map(|selector| match selector.split_once("=~\"") {
        Some((before, values)) => {
            let (values, after) = values.split_once('"').unwrap();
            values.split('|').map(|value| format!("{before}=\"{value}\"{after}")).collect()
        }
        None => vec![selector.to_owned()],
    });
    alternatives.collect()
}

#[tokio::test]
async fn every_query_returns_data_and_every_alert_fires_when_it_should() {
    let prometheus = Prometheus::of(&scrapes().await).await;
    let (healthy, bad) = (GOES_BAD - STEP, RECOVERS - STEP);

    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let of_series = ("match[]", "microbreaker_state");
    let variable = &dashboard["templating"]["list"][1];
    assert_eq!(variable["query"]["query"], "label_values(microbreaker_state, breaker)");
    let names = prometheus.data("label/breaker/values", &[of_series]).await;
    assert_eq!(names, serde_json::json!(["dry", "forgotten", "rates", "shared"]));
    let queries = queries(&dashboard);
    assert!(queries.len() > 10, "{queries:?}");
    for query in queries {
        let asked = query.replace("$breaker", "(dry|forgotten|rates|shared)");
        let asked = asked.replace("$__rate_interval", "1m");
        assert_ne!(prometheus.count(&asked, bad).await, 0, "no data in the dashboard: {asked}");
    }

    let rules: Value = serde_yaml_ng::from_str(ALERTS).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    for rule in rules {
        let (alert, query) = (rule["alert"].as_str().unwrap(), rule["expr"].as_str().unwrap());
        for selector in selectors(query) {
            assert_ne!(prometheus.count(&selector, bad).await, 0, "no data in {alert}: {selector}");
        }
        let held = rule["for"].as_str().map_or("0s", |held| held);
        let held = humantime::parse_duration(held).unwrap().as_secs();
        assert!(prometheus.fires(query, held, [GOES_BAD, END]).await, "{alert} is silent");
        assert!(!prometheus.fires(query, held, [START, healthy]).await, "{alert} cries wolf");
        // Whoever forced a breaker open has still not thought of it.
        if alert != "CircuitBreakerOverridden" {
            assert_eq!(prometheus.count(query, END).await, 0, "{alert} does not end");
        }
    }
}
