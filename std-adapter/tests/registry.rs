//! Breakers by name.
#![cfg(feature = "registry")]

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::Mode;
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

/// Whether or not there is a breaker yet whose name matches.
#[test]
fn an_invalid_override_by_pattern_is_refused_under_its_pattern() {
    let (registry, _) = registry();
    let error = registry.override_settings("users/*", failures(0)).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("circuit breaker \"users/*\": consecutive_failures is 0"), "{text}");
    assert_eq!(registry.get("users/a").settings().consecutive_failures, Some(3));
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
fn as_many_idle_breakers_stay_as_are_allowed() {
    let (registry, clock) = registry();
    let registry = registry.most_idle(100);
    for n in 0..100 {
        let _ = registry.get(&n.to_string());
    }
    let held = Breaker::builder("held").settings(failures(3)).open_for(SECOND).clock(clock);
    let held = registry.insert(held).unwrap();
    assert_eq!(registry.list().len(), 101);
    drop(held);
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

#[test]
fn an_operators_word_survives_eviction() {
    let (registry, clock) = registry();
    let registry = registry.most_idle(1_000);
    registry.get("forced").force_open();
    registry.get("disabled").disable();
    registry.get("watched").metrics_only();
    for n in 0..3_000 {
        let _ = registry.get(&n.to_string());
        clock.advance(Duration::from_millis(1));
    }
    registry.evict_idle(Duration::ZERO);
    assert_eq!(names(&registry.list()), ["disabled", "forced", "watched"]);
    assert_eq!(registry.get("forced").phase(), Phase::ForcedOpen);
    assert_eq!(registry.get("disabled").phase(), Phase::Disabled);
    assert_eq!(registry.get("watched").phase(), Phase::MetricsOnly);
    registry.get("forced").reset();
    assert_eq!(registry.evict_idle(Duration::ZERO), 1, "it may go once it is taken back");
}

#[test]
fn a_mode_by_pattern_holds_for_breakers_that_are_built_later() {
    let (registry, _) = registry();
    let users = registry.get("users/a");
    registry.set_mode("*", Some(Mode::Disabled)).unwrap();
    registry.set_mode("users/*", Some(Mode::ForcedOpen)).unwrap();
    let phases = || ["users/a", "users/b", "orders"].map(|name| registry.get(name).phase());
    assert_eq!(phases(), [Phase::ForcedOpen, Phase::ForcedOpen, Phase::Disabled]);
    drop(users);
    assert_eq!(registry.evict_idle(Duration::ZERO), 3, "they come back the same");
    assert_eq!(phases(), [Phase::ForcedOpen, Phase::ForcedOpen, Phase::Disabled]);
    registry.reload(Settings { open_for: Some(SECOND), ..failures(9) }, []).unwrap();
    assert_eq!(phases(), [Phase::ForcedOpen, Phase::ForcedOpen, Phase::Disabled]);

    registry.set_mode("users/b", Some(Mode::Closed)).unwrap();
    assert_eq!(phases(), [Phase::ForcedOpen, Phase::Closed, Phase::Disabled]);
    registry.set_mode("users/*", None).unwrap();
    assert_eq!(phases(), [Phase::Closed, Phase::Closed, Phase::Disabled], "not as `*` says");
    registry.set_mode("*", None).unwrap();
    assert_eq!(phases(), [Phase::Closed; 3]);
    assert_eq!(registry.get("new").phase(), Phase::Closed);
}

#[test]
fn the_latest_mode_holds_whatever_its_pattern() {
    let (registry, _) = registry();
    registry.set_mode("users/a", Some(Mode::ForcedOpen)).unwrap();
    registry.set_mode("?????/*", Some(Mode::Disabled)).unwrap();
    registry.set_mode("*a", Some(Mode::MetricsOnly)).unwrap();
    assert_eq!(registry.get("users/a").phase(), Phase::MetricsOnly);
    assert_eq!(registry.get("users/b").phase(), Phase::Disabled);
    registry.set_mode("*/a", None).unwrap();
    assert_eq!(registry.get("users/a").phase(), Phase::Closed);
    assert_eq!(registry.get("a").phase(), Phase::MetricsOnly);
}

#[test]
fn a_mode_leaves_an_operators_later_word_on_one_breaker() {
    let (registry, _) = registry();
    registry.set_mode("*", Some(Mode::Disabled)).unwrap();
    registry.get("users").reset();
    assert_eq!(registry.evict_idle(Duration::ZERO), 0, "it would come back disabled");
    assert_eq!(registry.get("users").phase(), Phase::Closed);
}

#[test]
fn an_open_breaker_stays_open_when_its_mode_is_to_be_closed() {
    let (registry, _) = registry();
    registry.get("users").trip();
    registry.set_mode("*", Some(Mode::Closed)).unwrap();
    assert_eq!(registry.get("users").phase(), Phase::Open);
}

#[test]
fn settings_can_set_a_mode() {
    let (registry, _) = registry();
    let disabled = Settings { mode: Some(Mode::Disabled), ..Settings::default() };
    let users = registry.get("users/a");
    registry.override_settings("users/*", disabled.clone()).unwrap();
    assert_eq!(
        (users.phase(), registry.get("users/b").phase()),
        (Phase::Disabled, Phase::Disabled)
    );
    registry.set_mode("users/*", Some(Mode::MetricsOnly)).unwrap();
    assert_eq!(users.phase(), Phase::MetricsOnly, "an operator's word comes first");
    registry.set_mode("*", None).unwrap();
    assert_eq!(users.phase(), Phase::Disabled);
    registry.override_settings("users/*", Settings::default()).unwrap();
    assert_eq!(users.phase(), Phase::Closed);
    assert_eq!(
        Breaker::builder("a").settings(disabled.over(&users.settings())).build().unwrap().phase(),
        Phase::Disabled
    );
}

/// Or a listener that asks the registry for a breaker would wait for itself.
#[test]
fn a_listener_may_use_the_registry_while_a_mode_is_set() {
    let (registry, _) = registry();
    let (of_listener, heard) = (registry.clone(), Arc::new(Mutex::new(Vec::new())));
    let to = heard.clone();
    registry.on_event(move |event| {
        let new = of_listener.get("new").phase();
        of_listener.override_settings("newer", failures(2)).unwrap();
        to.lock().unwrap().push((event.snapshot.phase, new));
    });
    let _ = (registry.get("a"), registry.get("b"));
    registry.set_mode("?", Some(Mode::ForcedOpen)).unwrap();
    assert_eq!(*heard.lock().unwrap(), [(Phase::ForcedOpen, Phase::Closed); 2]);
}

#[test]
fn what_is_built_in_a_mode_tells_nobody() {
    let (registry, _) = registry();
    let heard = Arc::new(AtomicBool::new(false));
    let to = heard.clone();
    registry.on_event(move |_| to.store(true, Ordering::Relaxed));
    registry.set_mode("*", Some(Mode::ForcedOpen)).unwrap();
    let _ = registry.get("users");
    assert!(!heard.load(Ordering::Relaxed));
}

/// Otherwise live breakers lose their windows to dead names, and a host that fails is never
/// refused.
#[test]
fn an_opening_long_over_and_long_unasked_is_idle() {
    let (registry, clock) = registry();
    let registry = registry.most_idle(100);
    for n in 0..100 {
        registry.get(&format!("dead/{n}")).trip();
    }
    clock.advance(3_600 * SECOND);
    for n in 0..50 {
        let live = registry.get(&format!("live/{n}"));
        let _ = live.call(|| Err::<(), _>(()));
        clock.advance(SECOND);
    }
    let live = registry.matching("live/*");
    assert_eq!(live.len(), 50);
    assert!(live.iter().all(|it| it.snapshot().consecutive_failures == 1), "they forgot nothing");
    drop(live);
    let rest = registry.list().len();
    registry.get("short").trip();
    registry.get("long").trip_for(70 * SECOND);
    clock.advance(60 * SECOND);
    assert_eq!(registry.evict_idle(60 * SECOND), rest + 1, "all but what is still open");
    assert_eq!(names(&registry.list()), ["long"]);
    clock.advance(10 * SECOND);
    assert_eq!(registry.evict_idle(60 * SECOND), 1);
}

/// Otherwise names that fail on purpose could keep all others from ever tripping.
#[test]
fn open_breakers_leave_room_for_others() {
    let (registry, clock) = registry();
    let registry = registry.most_idle(100);
    for n in 0..100 {
        registry.get(&format!("open/{n:02}")).trip_for(3_600 * SECOND);
        clock.advance(SECOND);
    }
    for _ in 0..3 {
        for n in 0..40 {
            let _ = registry.get(&format!("live/{n}")).call(|| Err::<(), _>(()));
            clock.advance(SECOND);
        }
    }
    let live = registry.matching("live/*");
    assert_eq!(live.len(), 40);
    assert!(live.iter().all(|it| it.phase() != Phase::Closed), "three failures in a row");
    let kept = registry.find("open/99").map(|it| it.phase());
    assert_eq!(kept, Some(Phase::Open), "the latest");
    assert!(registry.find("open/00").is_none(), "the one least recently asked for");
}

#[test]
fn long_names_and_patterns_are_bounded() {
    let (registry, _) = registry();
    let long = "x".repeat(60_000);
    registry.get(&long).trip();
    assert_eq!(registry.get(&long).phase(), Phase::Open, "the same");
    assert!(registry.find(&long).unwrap().name().len() <= 256);
    assert_eq!(registry.get(&(long.clone() + "y")).phase(), Phase::Closed, "another");
    assert_eq!(registry.remove(&long).unwrap().phase(), Phase::Open);
    assert!(registry.insert(template(&PausedClock::new())).is_ok());
    let error = registry.insert(Breaker::builder(&*long).settings(failures(3)).open_for(SECOND));
    assert!(error.unwrap_err().to_string().ends_with("must be at most 256 bytes long"));
    let longest = Breaker::builder(&long[..256]).settings(failures(3)).open_for(SECOND);
    assert!(registry.insert(longest).is_ok());
    let stars = "*".repeat(300);
    assert_eq!(registry.matching(&stars).len(), 0);
    for error in [
        registry.set_mode(&stars, None).unwrap_err(),
        registry.override_settings(&stars, failures(3)).unwrap_err(),
        registry.reload(failures(3), [(stars.clone(), failures(3))]).unwrap_err(),
    ] {
        assert_eq!(
            error.problem.to_string(),
            "pattern is 300 bytes, but must be at most 256 bytes"
        );
    }
}

/// Two patterns that work alone may not work together.
#[test]
fn no_breaker_is_built_from_settings_that_were_not_checked() {
    let (registry, _) = registry();
    let by_count = Settings { last_calls: Some(5), ..Settings::default() };
    let needs_more = Settings {
        failure_rate: Some(50),
        last_calls: Some(20),
        min_calls: Some(10),
        ..Settings::default()
    };
    registry.override_settings("users/*", by_count.clone()).unwrap();
    registry.override_settings("*/abcdefg", needs_more.clone()).unwrap();
    assert_eq!(registry.get("users/abcdefg").settings().min_calls, Some(10));
    let less = Settings { min_calls: Some(7), failure_rate: Some(50), ..Settings::default() };
    assert!(registry.override_settings("users/b", less.clone()).is_err(), "5 calls are too few");
    registry.override_settings("orders", Settings { last_calls: Some(9), ..less }).unwrap();
    assert!(
        registry
            .override_settings(
                "orders",
                Settings {
                    last_calls: Some(5),
                    min_calls: Some(7),
                    failure_rate: Some(50),
                    ..by_count
                }
            )
            .is_err()
    );
}

#[test]
fn the_service_is_unready_while_a_critical_breaker_is_open_and_ready_for_its_probe() {
    let clock = PausedClock::new();
    let template = Breaker::builder("template").consecutive_failures(1).clock(clock.clone());
    let second = Duration::from_secs(1);
    let registry = Registry::new(template.open_for(second)).unwrap();
    let critical = Settings { critical: Some(true), ..Settings::default() };
    registry.override_settings("db/*", critical).unwrap();
    let [main, replica, search] = ["db/main", "db/replica", "search"].map(|it| registry.get(it));
    search.force_open();
    assert_eq!(registry.health().to_string(), "ready");
    replica.force_open();
    main.trip();
    let text = "not ready: db/main is open for another 1s, db/replica is forced_open";
    assert_eq!(registry.health().to_string(), text);
    replica.reset();
    clock.advance(second);
    assert!(registry.health().is_ready(), "a request has to be the probe");
    let probe = main.try_acquire().unwrap();
    assert!(registry.health().is_ready(), "while the probe is out");
    probe.failure();
    assert!(!registry.health().is_ready());
    main.disable();
    assert!(registry.health().is_ready(), "it admits every call");
}

#[test]
fn while_only_a_check_may_probe_the_service_is_not_ready() {
    let clock = PausedClock::new();
    let template = Breaker::builder("template").consecutive_failures(1).clock(clock.clone());
    let second = Duration::from_secs(1);
    let registry = Registry::new(template.open_for(second)).unwrap();
    let critical = Settings { critical: Some(true), ..Settings::default() };
    registry.override_settings("*", critical).unwrap();
    let database = registry.get("data\nbase");
    {
        let check = pin!(database.probe_with(|_| pending::<()>(), pending::<Result<(), ()>>));
        assert!(check.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    // Dropped, it leaves probes to requests.
    database.trip();
    clock.advance(second);
    assert!(registry.health().is_ready());

    let mut check = pin!(database.probe_with(|_| pending::<()>(), pending::<Result<(), ()>>));
    assert!(check.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(database.try_acquire().is_err());
    assert!(!registry.health().is_ready());
    assert_eq!(registry.health().to_string(), "not ready: data\\nbase is half_open for another 1s");
}
