//! The series of breakers that are in a fleet.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use metrics::with_local_recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use microbreaker_fleet::{Fleet, MemoryStore};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::fleet::{Heard, StoreHealth};
use microbreaker_std::{Label, Outcome, Phase, Registry};

use crate::rig::flaky::Flaky;
use crate::rig::{Instance, SECOND, World, exchange, meet, open, template};
use crate::told::Told;

/// Runs `test` with its own recorder.
fn recorded(test: impl FnOnce(&PrometheusHandle)) {
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&recorder, || test(&recorder.handle()));
}

/// The value of a series, after a scrape of the instance.
fn value(prometheus: &PrometheusHandle, instance: &Instance, series: &str) -> f64 {
    instance.registry.publish_metrics();
    read(prometheus, series)
}

fn read(prometheus: &PrometheusHandle, series: &str) -> f64 {
    let text = prometheus.render();
    let values = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let values: Vec<_> = values.map(|value| value.parse().unwrap()).collect();
    assert_eq!(values.len(), 1, "{series} in {text}");
    values[0]
}

fn sees(what: &str) -> String {
    format!(r#"microbreaker_fleet_instances{{breaker="users",sees="{what}"}}"#)
}

const OPEN: &str = r#"microbreaker_fleet_open{breaker="users"}"#;
const AGE: &str = r#"microbreaker_fleet_age_seconds{breaker="users"}"#;
const HERE: &str = r#"microbreaker_fleet_leases{breaker="users",held="here"}"#;
const ELSEWHERE: &str = r#"microbreaker_fleet_leases{breaker="users",held="elsewhere"}"#;

#[test]
fn a_breaker_in_no_fleet_has_no_such_series() {
    recorded(|prometheus| {
        let registry = Registry::new(template().clock(PausedClock::new())).unwrap();
        drop(registry.get("users"));
        registry.publish_metrics();
        registry.remove("users");
        assert!(!prometheus.render().lines().any(|line| line.starts_with("microbreaker_fleet_")));
    });
}

#[test]
fn a_scrape_tells_what_the_others_see_and_how_old_that_is() {
    recorded(|prometheus| {
        let world = World::new();
        let instances = world.instances(10);
        meet(&world, &instances);
        // One whose own path is broken, six that get answers, and three without calls.
        instances[0].fails(4);
        for instance in &instances[1..7] {
            assert!(instance.call(Outcome::Success));
        }
        exchange(&instances[..7]);
        exchange(&instances);
        world.pass(SECOND / 2);
        let value = |series: &str| value(prometheus, &instances[1], series);
        assert_eq!(value(&sees("failing")), 1.0);
        assert_eq!(value(&sees("working")), 6.0);
        assert_eq!(value(OPEN), 0.0);
        assert_eq!(value(AGE), 0.5);
        assert_eq!([value(HERE), value(ELSEWHERE)], [0.0, 0.0]);
        let text = prometheus.render();
        assert!(text.contains("# HELP microbreaker_fleet_age_seconds How long ago"), "{text}");
    });
}

#[test]
fn a_scrape_tells_that_the_fleet_is_open_and_where_its_probes_are() {
    recorded(|prometheus| {
        let world = World::new();
        let instances = world.instances(3);
        open(&world, &instances);
        assert_eq!(value(prometheus, &instances[2], OPEN), 1.0);
        world.pass(10 * SECOND);
        exchange(&instances);
        exchange(&instances);
        let leases = |series| {
            let of = |instance| value(prometheus, instance, series);
            instances.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(leases(HERE).iter().sum::<f64>(), 1.0, "one probe for all");
        assert_eq!(leases(ELSEWHERE).iter().sum::<f64>(), 2.0, "as the two others see it");
        assert!(instances.iter().any(|instance| instance.call(Outcome::Success)));
        exchange(&instances);
        exchange(&instances);
        assert_eq!(value(prometheus, &instances[2], OPEN), 0.0);
        let closed = r#"microbreaker_transitions_total{breaker="users",from="open",to="closed",cause="fleet"}"#;
        let half = closed.replace("open", "half_open");
        let text = prometheus.render();
        assert!(text.contains(closed) || text.contains(&half), "{text}");
    });
}

/// Or an alert would go on about a view that nobody renews.
#[test]
fn what_was_heard_too_long_ago_is_withdrawn_and_so_is_a_breaker_that_is_gone() {
    recorded(|prometheus| {
        let world = World::new();
        let store = Flaky::new(world.store.clone());
        let instance = world.instance_on("a", template(), store.clone());
        drop(instance.users());
        instance.exchange();
        instance.fails(3);
        instance.exchange();
        let value = |series: &str| value(prometheus, &instance, series);
        assert_eq!(value(&sees("failing")), 1.0);
        store.refuses.store(true, Ordering::Relaxed);
        world.pass(4 * SECOND);
        assert!(instance.try_exchange().is_err());
        assert_eq!(value(&sees("failing")), 0.0);
        assert!(value(AGE).is_nan());

        store.refuses.store(false, Ordering::Relaxed);
        instance.exchange();
        assert_eq!(value(&sees("failing")), 1.0);
        instance.registry.remove("users").unwrap();
        assert_eq!(read(prometheus, &sees("failing")), 0.0);
        assert!(read(prometheus, AGE).is_nan());
    });
}

/// The store knows them, and an instance that is idle does not ask.
#[test]
fn an_idle_breaker_does_not_tell_what_it_heard_long_ago() {
    recorded(|prometheus| {
        let world = World::new();
        let instances = world.instances(2);
        meet(&world, &instances);
        instances[0].fails(3);
        exchange(&instances);
        let value = |series: &str| value(prometheus, &instances[1], series);
        assert_eq!(value(AGE), 1.0);
        for _ in 0..3 {
            world.pass(SECOND);
            exchange(&instances);
        }
        assert!(value(AGE).is_nan());
        assert_eq!(value(&sees("failing")), 0.0);
    });
}

#[test]
fn breakers_that_share_a_label_share_these_series() {
    recorded(|prometheus| {
        let world = World::new();
        let registry = Registry::new(template().clock(world.clock.clone())).unwrap();
        let registry = registry.label_with(|_| Label::Group("tenants".into()));
        let fleet = Fleet::join(world.store.clone(), "a").clock(world.clock.clone());
        fleet.registry(&registry, "*").unwrap();
        let instance = Instance { registry, fleet };
        for n in 0..40 {
            let tenant = instance.registry.get(&format!("tenant/{n}"));
            let _ = tenant.call(|| if n == 7 { Err(()) } else { Ok(()) });
        }
        instance.exchange();
        let failing = r#"microbreaker_fleet_instances{breaker="tenants",sees="failing"}"#;
        assert_eq!(value(prometheus, &instance, failing), 1.0);
        let text = prometheus.render();
        let series = text.lines().filter(|line| line.starts_with("microbreaker_fleet_open"));
        assert_eq!(series.count(), 1, "{text}");
        for n in 0..40 {
            instance.registry.remove(&format!("tenant/{n}")).unwrap();
        }
        assert_eq!(value(prometheus, &instance, failing), 0.0);
    });
}

#[test]
fn a_label_tells_the_most_that_one_of_its_breakers_has_heard() {
    recorded(|prometheus| {
        let registry = Registry::new(template().clock(PausedClock::new())).unwrap();
        let registry = registry.label_with(|_| Label::Group("tenants".into()));
        let store = StoreHealth {
            phase: Phase::Closed,
            age: SECOND,
            succeeded: 1,
            failed: 0,
            round_trip: None,
        };
        let held = [0, 1, 2, 3].map(|n| registry.get(&format!("tenant/{n}")));
        for (n, breaker) in held.iter().enumerate() {
            let mut heard = Heard::nothing(store);
            if n == 2 {
                heard.is_open = true;
                (heard.instances, heard.working, heard.failing) = (5, 3, 1);
            }
            assert!(breaker.join_fleet(Arc::new(Told(heard))));
        }
        registry.publish_metrics();
        assert_eq!(read(prometheus, r#"microbreaker_fleet_open{breaker="tenants"}"#), 1.0);
        let silent = r#"microbreaker_fleet_instances{breaker="tenants",sees="nothing"}"#;
        assert_eq!(read(prometheus, silent), 1.0);
    });
}

#[test]
fn exchanges_are_counted_by_how_they_end() {
    recorded(|prometheus| {
        let store = Flaky::new(MemoryStore::new());
        let fleet = Fleet::join(store.clone(), "a").clock(PausedClock::new());
        assert!(crate::rig::now(fleet.exchange()).is_ok());
        let counted = |outcome: &str| {
            let series = format!(r#"microbreaker_fleet_exchanges_total{{outcome="{outcome}"}}"#);
            read(prometheus, &series)
        };
        assert_eq!([counted("success"), counted("failure")], [1.0, 0.0]);
        store.refuses.store(true, Ordering::Relaxed);
        assert!(crate::rig::now(fleet.exchange()).is_err());
        store.refuses.store(false, Ordering::Relaxed);
        store.hangs.store(true, Ordering::Relaxed);
        // It is given up.
        let mut waits = Box::pin(fleet.exchange());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        drop(waits);
        assert_eq!([counted("success"), counted("failure")], [1.0, 2.0]);
        let took = "microbreaker_fleet_exchange_duration_seconds_count";
        assert_eq!(read(prometheus, &format!(r#"{took}{{outcome="failure"}}"#)), 2.0);
    });
}
