//! A breaker for each host, made from a template: one host has settings of its own, and
//! all get new settings while in use.
//!
//! `cargo run -p microbreaker-std --features registry --example registry`

use std::collections::BTreeMap;
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Phase, Registry, Settings};

const SECOND: Duration = Duration::from_secs(1);

fn show(registry: &Registry) {
    for breaker in registry.list() {
        let failures = breaker.settings().consecutive_failures.unwrap_or_default();
        println!("  {:<10} {:<10} trips at {failures} failures", breaker.name(), breaker.phase());
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = PausedClock::new();
    let defaults = Settings {
        consecutive_failures: Some(2),
        open_for: Some(30 * SECOND),
        ..Settings::default()
    };
    let template = Breaker::builder("template").settings(defaults.clone());
    let registry = Registry::new(template.clock(clock.clone()))?;
    let patient = Settings { consecutive_failures: Some(10), ..Settings::default() };
    registry.override_settings("db/reports", patient.clone())?;

    for host in ["db/users", "db/reports", "search"] {
        for _ in 0..2 {
            let _ = registry.get(host).call(|| Err::<(), _>("timed out"));
        }
    }
    println!("after two failures each:");
    show(&registry);
    assert_eq!(registry.get("db/users").phase(), Phase::Open);
    assert_eq!(registry.get("db/reports").phase(), Phase::Closed);

    // A settings file has changed, say. An open breaker stays open for the time left.
    clock.advance(10 * SECOND);
    let stricter = Settings { consecutive_failures: Some(1), ..defaults };
    let overrides = BTreeMap::from([("db/reports".to_owned(), patient)]);
    registry.reload(stricter, overrides)?;
    println!("with other defaults:");
    show(&registry);
    assert_eq!(registry.get("search").snapshot().retry_after, Some(20 * SECOND));

    for breaker in registry.matching("db/*") {
        breaker.reset();
    }
    println!("the databases reset by hand:");
    show(&registry);
    let open: Vec<_> = registry.list().into_iter().filter(|b| b.phase() == Phase::Open).collect();
    assert_eq!(open.len(), 1);
    Ok(())
}
