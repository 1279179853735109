//! What a fleet logs: its store's coming and going, and openings by others.
//!
//! In a process of its own: an event that is first met by a thread without a log can be lost
//! to those that have one.

mod log;
#[path = "../../../fleet/tests/rig/mod.rs"]
mod rig;

use std::sync::atomic::Ordering;

use metrics_exporter_prometheus::PrometheusBuilder;
use microbreaker_fleet::{Fleet, MemoryStore};
use microbreaker_std::clock::TokioClock;
use tracing::Level;
use tracing::subscriber::{set_default, with_default};

use log::Log;
use rig::flaky::Flaky;
use rig::{SECOND, World, open};

/// What a service logs as a rule: not what is for debugging.
const LEVEL: Level = Level::INFO;

#[test]
fn an_opening_by_the_fleet_says_so() {
    let log = Log::default();
    let world = World::new();
    let instances = world.instances(3);
    with_default(log.subscriber(LEVEL), || open(&world, &instances));
    let by_others = log.lines().iter().filter(|it| it.contains(r#"cause="fleet""#)).count();
    assert_eq!(by_others, 3, "{:#?}", log.lines());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_goes_and_comes_back_is_logged_once_each_and_counted() {
    let (log, recorder) = (Log::default(), PrometheusBuilder::new().build_recorder());
    let _default = set_default(log.subscriber(LEVEL));
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let store = Flaky::new(MemoryStore::new());
    let fleet = Fleet::join(store.clone(), "a").clock(TokioClock::new());
    let background = fleet.clone();
    tokio::spawn(async move { background.run(tokio::time::sleep).await });
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(log.lines(), [""; 0]);
    store.refuses.store(true, Ordering::Relaxed);
    // An hour.
    tokio::time::sleep(3_600 * SECOND).await;
    store.refuses.store(false, Ordering::Relaxed);
    tokio::time::sleep(10 * SECOND).await;
    let lines = log.lines();
    let [gone, back] = &*lines else { panic!("{lines:#?}") };
    assert!(gone.starts_with("WARN circuit breaker opened breaker=microbreaker-fleet store"));
    assert!(back.starts_with("INFO circuit breaker changed breaker=microbreaker-fleet store"));
    assert!(back.contains("to=closed"), "{back}");
    let text = recorder.handle().render();
    let of_store = r#"microbreaker_transitions_total{breaker="microbreaker-fleet store","#;
    for how in [
        r#"from="closed",to="open",cause="consecutive_failures"} 1"#,
        r#"from="half_open",to="closed",cause="probes_succeeded"} 1"#,
    ] {
        assert!(text.contains(&format!("{of_store}{how}")), "{text}");
    }
}
