//! Breakers by name.
#![cfg(feature = "registry")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, Builder, Phase, Registry, Reloaded, Settings};

const SECOND: Duration = Duration::from_secs(1);

fn template(clock: &PausedClock) -> Builder {
    Breaker::builder("template").consecutive_failures(3).open_for(10 * SECOND).clock(clock.clone())
}

fn registry() -> (Registry, PausedClock) {
    let clock = PausedClock::new();
    (Registry::new(template(&clock)).unwrap(), clock)
}

fn failures(count: u32) -> Settings {
    Settings { consecutive_failures: Some(count), ..Settings::default() }
}

fn names(breakers: &[Breaker]) -> Vec<&str> {
    breakers.iter().map(|breaker| &**breaker.name()).collect()
}

#[test]
fn a_breaker_is_built_once_and_shared() {
    let (registry, _) = registry();
    assert!(registry.find("users").is_none());
    registry.get("users").trip();
    assert_eq!(registry.clone().get("users").phase(), Phase::Open);
    assert_eq!(registry.get("orders").phase(), Phase::Closed);
}

#[test]
fn time_starts_when_a_breaker_is_built_not_its_template() {
    let (registry, clock) = registry();
    clock.advance(SECOND);
    assert_eq!(registry.get("users").snapshot().in_phase_for, Duration::ZERO);
}

#[test]
fn racing_threads_get_the_same_breaker() {
    let (registry, _) = registry();
    let get_all = || (0..1_000).map(|key| registry.get(&key.to_string())).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let others = [scope.spawn(get_all), scope.spawn(get_all)];
        get_all().iter().for_each(Breaker::trip);
        for breakers in others {
            let breakers = breakers.join().unwrap();
            assert!(breakers.iter().all(|breaker| breaker.phase() == Phase::Open));
        }
    });
}

#[test]
fn an_invalid_template_is_refused() {
    let error = Registry::new(template(&PausedClock::new()).probes(0)).unwrap_err();
    assert_eq!(error.to_string(), "circuit breaker \"template\": probes is 0, but must be 1 to 31");
}

#[test]
fn overrides_take_precedence_over_the_template() {
    let (registry, _) = registry();
    let before = registry.get("search");
    registry.override_settings("search", failures(50)).unwrap();
    registry.override_settings("payments", failures(1)).unwrap();
    assert_eq!(before.settings().consecutive_failures, Some(50), "also of one that exists");
    let payments = registry.get("payments");
    assert_eq!(payments.settings().consecutive_failures, Some(1));
    assert_eq!(payments.settings().open_for, Some(10 * SECOND), "the rest is the template's");
    assert_eq!(registry.get("users").settings().consecutive_failures, Some(3));
}

#[test]
fn an_invalid_override_changes_nothing() {
    let (registry, _) = registry();
    registry.override_settings("users", failures(5)).unwrap();
    let error = registry.override_settings("users", failures(0)).unwrap_err();
    assert!(error.to_string().starts_with("circuit breaker \"users\": consecutive_failures is 0"));
    assert_eq!(registry.get("users").settings().consecutive_failures, Some(5));
}

#[test]
fn an_overriding_window_replaces_that_of_the_template() {
    let builder = template(&PausedClock::new()).failure_rate(50).within(SECOND).striped(true);
    let registry = Registry::new(builder).unwrap();
    let by_count = Settings { last_calls: Some(10), ..Settings::default() };
    registry.override_settings("users", by_count).unwrap();
    let settings = registry.get("users").settings().clone();
    assert_eq!((settings.within, settings.last_calls), (None, Some(10)));
    assert_eq!(registry.get("orders").settings().striped, Some(true));
}

#[test]
fn an_inserted_breaker_follows_its_own_builder() {
    let (registry, clock) = registry();
    registry.override_settings("payments", failures(2)).unwrap();
    let (own, heard) = (PausedClock::new(), Arc::new(Mutex::new(Vec::new())));
    let (to, to_all) = (heard.clone(), heard.clone());
    let builder = Breaker::builder("payments").consecutive_failures(1).open_for(SECOND);
    let builder = builder.clock(own.clone()).on_event(move |_| to.lock().unwrap().push("own"));
    let payments = registry.insert(builder).unwrap();
    registry.on_event(move |_| to_all.lock().unwrap().push("all"));
    assert_eq!(payments.settings().consecutive_failures, Some(2), "what is overridden");
    assert_eq!(payments.settings().open_for, Some(SECOND), "the rest is its own");
    assert_eq!(names(&registry.list()), ["payments"]);

    registry.get("payments").trip();
    assert_eq!(*heard.lock().unwrap(), ["own", "all"]);
    clock.advance(SECOND);
    assert_eq!(payments.phase(), Phase::Open, "it has a clock of its own");
    own.advance(SECOND);
    assert_eq!(payments.phase(), Phase::HalfOpen);

    // When idle it is evicted like any other, and rebuilt from the same builder.
    payments.reset();
    drop(payments);
    assert_eq!(registry.evict_idle(Duration::ZERO), 1);
    assert_eq!(registry.get("payments").settings().open_for, Some(SECOND));
}

#[test]
fn an_inserted_breaker_keeps_its_own_settings_through_a_reload() {
    let (registry, _) = registry();
    let payments = Breaker::builder("payments").consecutive_failures(1).open_for(SECOND);
    let payments = registry.insert(payments).unwrap();
    let template = Settings { open_for: Some(20 * SECOND), ..failures(4) };
    registry.reload(template.clone(), []).unwrap();
    assert_eq!(payments.settings(), &Settings { open_for: Some(SECOND), ..failures(1) });
    assert_eq!(registry.get("users").settings(), &template);
    registry.reload(template, [("payments".to_owned(), failures(9))]).unwrap();
    assert_eq!(payments.settings(), &Settings { open_for: Some(SECOND), ..failures(9) });
}

#[test]
fn a_breaker_with_a_taken_name_or_invalid_settings_is_not_inserted() {
    let (registry, _) = registry();
    let users = registry.get("users");
    let builder = |name| Breaker::builder(name).settings(failures(50)).open_for(SECOND);
    assert_eq!(
        registry.insert(builder("users")).unwrap_err().to_string(),
        "circuit breaker \"users\": name is \"users\", but must be one that the registry has no \
         breaker of"
    );
    users.trip();
    assert_eq!(registry.get("users").phase(), Phase::Open, "still the same");
    assert!(registry.insert(builder("orders").probes(0)).is_err());
    assert_eq!(registry.get("orders").settings().consecutive_failures, Some(3));

    // Once it is removed, its name is free.
    registry.remove("users").unwrap();
    let users = registry.insert(builder("users")).unwrap();
    assert_eq!(users.settings().consecutive_failures, Some(50));
}

#[test]
fn breakers_are_listed_and_controlled_by_pattern() {
    let (registry, _) = registry();
    for name in ["users/b", "orders/a", "users/a"] {
        let _ = registry.get(name);
    }
    assert_eq!(names(&registry.list()), ["orders/a", "users/a", "users/b"]);
    for breaker in registry.matching("users/*") {
        breaker.force_open();
    }
    assert_eq!(registry.get("users/a").phase(), Phase::ForcedOpen);
    assert_eq!(registry.get("orders/a").phase(), Phase::Closed);
    assert_eq!(names(&registry.matching("users/?")), ["users/a", "users/b"]);
    assert_eq!(names(&registry.matching("users")), [""; 0]);
}

#[test]
fn a_removed_breaker_is_built_anew_the_next_time() {
    let (registry, _) = registry();
    registry.get("users").trip();
    assert_eq!(registry.remove("users").unwrap().phase(), Phase::Open);
    assert!(registry.remove("users").is_none());
    assert_eq!(registry.get("users").phase(), Phase::Closed);
}

#[test]
fn only_idle_breakers_are_evicted() {
    let (registry, clock) = registry();
    let held = registry.get("held");
    registry.get("open").trip_for(Duration::from_secs(3_600));
    let _ = (registry.get("old"), registry.get("asked"));
    clock.advance(60 * SECOND);
    let _ = (registry.get("young"), registry.get("asked"));
    assert_eq!(registry.evict_idle(60 * SECOND), 1);
    assert_eq!(names(&registry.list()), ["asked", "held", "open", "young"]);
    drop(held);
    assert_eq!(registry.evict_idle(60 * SECOND), 1);
    assert_eq!(names(&registry.list()), ["asked", "open", "young"]);
}

/// Otherwise a breaker in use could not be listed, controlled or reloaded.
#[test]
fn a_breaker_requested_during_its_eviction_stays() {
    let (registry, _) = registry();
    let done = AtomicBool::new(false);
    let lost = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                registry.evict_idle(Duration::ZERO);
            }
        });
        let is_lost = |_: &u32| {
            let held = registry.get("users");
            held.force_open();
            let is_same = registry.get("users").phase() == Phase::ForcedOpen;
            held.reset();
            !is_same
        };
        let lost = (0..100_000).filter(is_lost).count();
        done.store(true, Ordering::Relaxed);
        lost
    });
    assert_eq!(lost, 0);
}

/// Without eviction, anyone who can make up names can exhaust the memory.
#[test]
fn endless_new_names_do_not_fill_the_memory() {
    let (registry, clock) = registry();
    let registry = registry.most_idle(100);
    registry.get("open").trip_for(Duration::from_secs(3_600));
    let held = registry.get("held");
    let mut most = 0;
    for n in 0..100_000 {
        let _ = registry.get(&n.to_string());
        clock.advance(Duration::from_millis(1));
        if n % 97 == 0 {
            most = most.max(registry.list().len());
        }
    }
    assert!(most <= 112, "{most} breakers, where 100 and one that is held are allowed");
    assert_eq!(registry.find("open").unwrap().phase(), Phase::Open, "what is open goes last");
    held.trip();
    assert_eq!(registry.get("held").phase(), Phase::Open, "what is held stays");
}

#[test]
fn held_breakers_take_no_room_from_idle_ones() {
    let (registry, _) = registry();
    let registry = registry.most_idle(100);
    let held: Vec<_> = (0..300).map(|n| registry.get(&format!("held/{n}"))).collect();
    for n in 0..100 {
        let _ = registry.get(&n.to_string());
    }
    assert_eq!(registry.list().len(), 400);
    drop(held);
}

#[test]
fn new_settings_reach_every_breaker() {
    let (registry, _) = registry();
    registry.override_settings("search", failures(50)).unwrap();
    let (users, search) = (registry.get("users"), registry.get("search"));
    let settings = Settings { open_for: Some(SECOND), ..failures(4) };
    let overrides = [("users".to_owned(), failures(3))];
    let outcome = registry.reload(settings.clone(), overrides).unwrap();
    assert_eq!(outcome.len(), 2);
    assert!(outcome.iter().all(|(_, reloaded)| *reloaded != Reloaded::Unchanged));
    assert_eq!(users.settings().consecutive_failures, Some(3));
    assert_eq!(users.settings().open_for, Some(SECOND));
    assert_eq!(search.settings(), &settings);
    assert_eq!(registry.get("new").settings(), &settings);
}

#[test]
fn invalid_new_settings_reach_no_breaker() {
    let (registry, _) = registry();
    let users = registry.get("users");
    let good = users.settings().clone();
    assert!(registry.reload(failures(4), []).is_err(), "open_for is missing");
    let overrides = [("users".to_owned(), failures(0))];
    assert!(
        registry.reload(Settings { open_for: Some(SECOND), ..good.clone() }, overrides).is_err()
    );
    assert_eq!(users.settings(), &good);
    assert_eq!(registry.get("orders").settings(), &good);
}

#[test]
fn one_listener_hears_of_all_breakers() {
    let (registry, _) = registry();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let to = heard.clone();
    let _ = registry.get("orders");
    registry.on_event(move |event| to.lock().unwrap().push(event.name.clone()));
    registry.get("users").trip();
    registry.get("orders").trip();
    assert_eq!(*heard.lock().unwrap(), ["users".into(), "orders".into()]);
}
