//! The alerts and the dashboard query only series that exist. `promtool test rules` checks
//! that the alerts fire when they should.

use std::collections::BTreeSet;
use std::time::Duration;

use metrics::with_local_recorder;
use metrics_exporter_prometheus::PrometheusBuilder;
use microbreaker_fleet::{Fleet, MemoryStore};
use microbreaker_std::Breaker;

const ALERTS: &str = include_str!("../../../std-adapter/telemetry/alerts.yml");
const DASHBOARD: &str = include_str!("../../../std-adapter/telemetry/dashboard.json");

/// A scrape of a breaker with everything measured, in a fleet.
fn scrape() -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&recorder, || {
        let breaker = Breaker::builder("users").consecutive_failures(1);
        let breaker = breaker.open_for(Duration::from_secs(1)).measure_durations();
        let breaker = breaker.build().unwrap();
        let fleet = Fleet::join(MemoryStore::new(), "a");
        assert!(fleet.breaker(&breaker));
        futures_util::FutureExt::now_or_never(fleet.exchange()).unwrap().unwrap();
        breaker.metrics_only();
        let _ = breaker.call(|| Err::<(), _>(()));
        breaker.publish_metrics();
    });
    recorder.handle().render()
}

/// The series names in `text`, found by the prefix that all of them share.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    let starts = text.match_indices("microbreaker_").map(|(at, _)| &text[at..]);
    starts.map(|rest| &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())]).collect()
}

/// The phases in `text`: what is quoted after `phase=` or `phase=~`.
fn phases(text: &str) -> BTreeSet<&str> {
    let after = text.split("phase=").skip(1);
    let quoted = after.map(|rest| rest.trim_start_matches(['~', '\\', '"']));
    quoted.flat_map(|rest| rest[..rest.find(['\\', '"']).unwrap()].split('|')).collect()
}

#[test]
fn alerts_and_dashboard_use_only_existing_series_and_phases() {
    let scrape = scrape();
    for text in [ALERTS, DASHBOARD] {
        assert!(names(text).len() > 3 && phases(text).len() > 3);
        let unknown: Vec<_> = names(text).difference(&names(&scrape)).copied().collect();
        assert_eq!(unknown, [""; 0]);
        let unknown: Vec<_> = phases(text).difference(&phases(&scrape)).copied().collect();
        assert_eq!(unknown, [""; 0]);
    }
}

#[test]
fn every_series_is_in_the_dashboard() {
    let (scrape, shown) = (scrape(), names(DASHBOARD));
    // For a histogram, the sum and the count are enough.
    let measured = names(&scrape).into_iter().filter(|it| !it.ends_with("_duration_seconds"));
    let missing: Vec<_> = measured.filter(|name| !shown.contains(name)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_dashboard_is_json() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    assert_eq!(dashboard["uid"], "microbreaker");
}
