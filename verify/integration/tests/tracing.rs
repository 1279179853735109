//! What a breaker logs.

mod log;

use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Registry, SettingsFile};
use tracing::Level;
use tracing::subscriber::{set_global_default, with_default};

use log::Log;

/// The lines logged while `test` runs.
fn logged(test: impl FnOnce()) -> Vec<String> {
    let log = Log::default();
    with_default(log.subscriber(Level::TRACE), test);
    log.lines()
}

#[test]
fn transitions_and_the_first_rejection_in_each_phase_are_logged() {
    let second = Duration::from_secs(1);
    let clock = PausedClock::new();
    let breaker = Breaker::builder("users").consecutive_failures(1).open_for(second);
    let breaker = breaker.last_calls(10).clock(clock.clone()).build().unwrap();
    let log = logged(|| {
        let _ = breaker.call(|| Err::<(), _>(()));
        for _ in 0..1_000 {
            let _ = breaker.call(|| Ok::<_, ()>(()));
        }
        clock.advance(second);
        breaker.call(|| Ok::<_, ()>(())).unwrap();
        breaker.force_open();
        for _ in 0..1_000 {
            let _ = breaker.call(|| Ok::<_, ()>(()));
        }
    });
    assert_eq!(
        log,
        [
            "WARN circuit breaker opened breaker=users from=closed to=open \
             cause=\"consecutive_failures\" calls=1 failed=1 retry_after=1s",
            "DEBUG circuit breaker refuses calls breaker=users phase=open retry_after=1s",
            "DEBUG circuit breaker changed breaker=users from=open to=half_open cause=\"opening_over\"",
            "INFO circuit breaker changed breaker=users from=half_open to=closed \
             cause=\"probes_succeeded\"",
            "WARN circuit breaker opened breaker=users from=closed to=forced_open cause=\"manual\" \
             calls=0 failed=0",
            "DEBUG circuit breaker refuses calls breaker=users phase=forced_open",
        ]
    );
}

/// Or the log of a service that is down for hours would say so every few seconds.
#[test]
fn while_probes_keep_failing_only_the_first_opening_is_a_warning() {
    let second = Duration::from_secs(1);
    let clock = PausedClock::new();
    let breaker = Breaker::builder("users").consecutive_failures(1).open_for(second);
    let breaker = breaker.clock(clock.clone()).build().unwrap();
    let log = logged(|| {
        for _ in 0..100 {
            let _ = breaker.call(|| Err::<(), _>(()));
            clock.advance(second);
        }
        breaker.call(|| Ok::<_, ()>(())).unwrap();
    });
    let seen: Vec<_> = log.iter().filter(|line| !line.starts_with("DEBUG")).collect();
    assert_eq!(seen.len(), 2, "{seen:#?}");
    assert!(seen[0].starts_with("WARN") && seen[1].contains("to=closed"), "{seen:#?}");
}

#[test]
fn a_dry_run_warns_once() {
    let breaker = Breaker::builder("users").consecutive_failures(1);
    let breaker = breaker.open_for(Duration::from_secs(1)).build().unwrap();
    breaker.metrics_only();
    let log = logged(|| {
        for _ in 0..10 {
            let _ = breaker.call(|| Err::<(), _>(()));
        }
    });
    assert_eq!(log.len(), 1);
    assert!(log[0].starts_with("WARN circuit breaker would have opened breaker=users"));
}

/// By a thread of its own.
#[test]
fn what_becomes_of_a_changed_file_is_logged() {
    let log = Log::default();
    set_global_default(log.subscriber(Level::INFO)).unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("logged.toml");
    let good = "[defaults]\nconsecutive_failures = 2\nopen_for = '1s'\n";
    fs::write(&path, good).unwrap();
    let template = Breaker::builder("template").consecutive_failures(1);
    let registry = Registry::new(template.open_for(Duration::from_secs(1))).unwrap();
    let (sender, told) = channel();
    let read = |text: &str| Ok(SettingsFile::read(toml::Deserializer::parse(text)?)?);
    let watch = registry.watch(&path, read, move |reloaded| {
        sender.send(reloaded.is_ok()).unwrap();
    });
    let watch = watch.unwrap();
    let change = |more| {
        fs::write(&path, format!("{good}{more}")).unwrap();
        told.recv_timeout(Duration::from_secs(20)).expect("it tells of nothing")
    };
    assert!(!change("probes = 0"));
    assert!(change("probes = 2"));
    drop(watch);
    let path = path.display();
    let [refused, reloaded] = log.lines().try_into().unwrap();
    let refusal = format!("WARN the old settings of circuit breakers hold path={path} error=");
    assert!(refused.starts_with(&refusal), "{refused}");
    assert_eq!(reloaded, format!("INFO settings of circuit breakers reloaded path={path}"));
}

#[test]
fn settings_under_a_misspelt_name_are_warned_of() {
    let template = Breaker::builder("template").consecutive_failures(1);
    let registry = Registry::new(template.open_for(Duration::from_secs(1))).unwrap();
    let settings = registry.get("search").settings().clone();
    let reload = |name: &str| {
        let overrides = [(name.to_owned(), settings.clone())];
        logged(|| drop(registry.reload(settings.clone(), overrides).unwrap()))
    };
    assert_eq!(reload("search"), [""; 0]);
    let warning = "WARN settings of circuit breakers have applied to none yet pattern=\"serach\"";
    assert_eq!(reload("serach"), [warning]);
}
