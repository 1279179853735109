//! What a registry does when another thread comes in between. The other thread's step is
//! played at a reading of the clock, each in turn, or really runs beside.
#![cfg(feature = "registry")]

use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use microbreaker_std::{Breaker, Builder, Clock, Phase, Registry, Settings};

const SECOND: Duration = Duration::from_secs(1);

type Step = Box<dyn FnOnce() + Send>;

/// A clock that stands still, and at a chosen reading lets another thread have its way.
#[derive(Clone, Default)]
struct Interrupted(Arc<Mutex<Option<(usize, Step)>>>);

impl Interrupted {
    /// Performs `step` at the reading after `readings` others.
    fn after(&self, readings: usize, step: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some((readings, Box::new(step)));
    }

    /// Whether the step was performed. Forgets it if not.
    fn happened(&self) -> bool {
        self.0.lock().unwrap().take().is_none()
    }
}

impl Clock for Interrupted {
    fn now(&self) -> u32 {
        let mut planned = self.0.lock().unwrap();
        let due = match planned.take() {
            Some((0, step)) => Some(step),
            other => {
                *planned = other.map(|(readings, step)| (readings - 1, step));
                None
            }
        };
        drop(planned);
        if let Some(step) = due {
            step();
        }
        0
    }
}

fn builder(name: &str, failures: u32) -> Builder {
    Breaker::builder(name).consecutive_failures(failures).open_for(3_600 * SECOND)
}

fn registry() -> (Registry, Interrupted) {
    let clock = Interrupted::default();
    (Registry::new(builder("template", 3).clock(clock.clone())).unwrap(), clock)
}

fn failures(count: u32) -> Settings {
    Settings { consecutive_failures: Some(count), ..Settings::default() }
}

/// Performs `test` with 0, 1, ... as long as it says that the step happened.
fn at_each_reading(test: impl Fn(usize) -> bool) {
    let happened = (0..).take_while(|&readings| test(readings)).count();
    assert!(happened > 0, "no clock was read, so nothing was tested");
}

#[test]
fn of_two_that_insert_one_name_one_is_refused() {
    at_each_reading(|readings| {
        let (registry, clock) = registry();
        let (other, result) = (registry.clone(), Arc::new(Mutex::new(None)));
        let told = result.clone();
        clock.after(readings, move || {
            *told.lock().unwrap() = Some(other.insert(builder("users", 20)));
        });
        let mine = registry.insert(builder("users", 10));
        let happened = clock.happened();
        if let Some(others) = result.lock().unwrap().take() {
            let one = [&mine, &others].into_iter().filter(|result| result.is_ok()).count();
            assert_eq!(one, 1, "{mine:?} {others:?}");
        }
        if let Ok(mine) = mine {
            assert_eq!(mine.settings().consecutive_failures, Some(10), "its own settings");
        }
        happened
    });
}

#[test]
fn an_operators_word_during_an_eviction_scan_is_kept() {
    at_each_reading(|readings| {
        let (registry, clock) = registry();
        let _ = registry.get("users");
        // To look at what is open, the scan reads the clock.
        for n in 0..8 {
            registry.get(&format!("open/{n}")).trip();
        }
        let other = registry.clone();
        clock.after(readings, move || other.get("users").force_open());
        registry.evict_idle(Duration::ZERO);
        let happened = clock.happened();
        if happened {
            assert_eq!(registry.get("users").phase(), Phase::ForcedOpen, "{readings}");
        }
        happened
    });
}

#[test]
fn a_breaker_runs_with_the_settings_that_the_registry_has_for_it() {
    for round in 0..3_000 {
        let (registry, _) = registry();
        let users = registry.get("users");
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            for count in [1, 2] {
                let (registry, start) = (&registry, &start);
                scope.spawn(move || {
                    start.wait();
                    registry.override_settings("users", failures(count)).unwrap();
                });
            }
        });
        registry.remove("users").unwrap();
        assert_eq!(registry.get("users").settings(), users.settings(), "round {round}");
    }
}
