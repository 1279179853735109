//! Metrics of a breaker that is gone: it is in no phase any more, whatever else is published
//! meanwhile.
#![cfg(shuttle)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{
    Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use microbreaker_shuttle::{run_random, schedules};
use microbreaker_std::{Breaker, Registry};

/// How many breakers are in each phase, as last published.
#[derive(Clone, Default)]
struct Phases(Arc<Mutex<BTreeMap<String, f64>>>);

/// One of them.
struct Phase(Phases, String);

impl Phases {
    fn sum(&self) -> f64 {
        self.0.lock().unwrap().values().sum()
    }
}

impl GaugeFn for Phase {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        // Other threads may publish between any two series.
        shuttle::thread::yield_now();
        let mut phases = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        phases.insert(self.1.clone(), value);
    }
}

impl Recorder for Phases {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        if key.name() == "microbreaker_state" {
            Gauge::from_arc(Arc::new(Phase(self.clone(), key.to_string())))
        } else {
            Gauge::noop()
        }
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

type Act = fn(&Registry);

/// Runs each act on a thread of its own, and then publishes once more.
fn check(acts: &'static [Act], in_a_phase: f64) {
    let history = move || {
        let phases = Phases::default();
        // All of shuttle's threads are one of the system's.
        let _recorder = metrics::set_default_local_recorder(&phases);
        let template = Breaker::builder("template").consecutive_failures(3);
        let template = template.open_for(Duration::from_secs(1)).clock(|| 0);
        let registry = Registry::new(template).unwrap();
        _ = registry.get("users");
        registry.publish_metrics();
        let start = |act: &'static Act| {
            let registry = registry.clone();
            shuttle::thread::spawn(move || act(&registry))
        };
        let running: Vec<_> = acts.iter().map(start).collect();
        running.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(phases.sum(), in_a_phase);
        registry.publish_metrics();
        assert_eq!(phases.sum(), in_a_phase, "when all is over");
    };
    // A schedule has many steps, and few of them matter.
    run_random(schedules().min(2_000), 3, history);
}

fn remove(registry: &Registry) {
    _ = registry.remove("users");
}

#[test]
fn what_is_removed_beside_publications_is_in_no_phase() {
    check(&[remove, Registry::publish_metrics, Registry::publish_metrics], 0.0);
}

/// A handle that is left may publish too, and the last one withdraws again.
#[test]
fn what_is_removed_beside_its_own_publication_is_in_no_phase() {
    fn publish(registry: &Registry) {
        if let Some(users) = registry.find("users") {
            users.publish_metrics();
        }
    }
    check(&[remove, publish, Registry::publish_metrics], 0.0);
}

#[test]
fn what_trips_beside_publications_is_in_one_phase() {
    fn trip(registry: &Registry) {
        registry.get("users").trip();
    }
    check(&[trip, Registry::publish_metrics, Registry::publish_metrics], 1.0);
}
