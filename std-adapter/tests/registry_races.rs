//! What a registry does when another thread comes in between. The other thread's step is
//! played at a reading of the clock, each in turn, or really runs beside.
#![cfg(feature = "registry")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use microbreaker_std::settings::Mode;

use microbreaker_std::{Breaker, Builder, Clock, Phase, Registry, Settings};

const SECOND: Duration = Duration::from_secs(1);

type Step = Box<dyn FnOnce() + Send>;

/// A clock that stands still until it is set, and at a chosen reading lets another thread
/// have its way.
#[derive(Clone, Default)]
struct Interrupted(Arc<Mutex<Option<(usize, Step)>>>, Arc<AtomicU32>);

impl Interrupted {
    /// Performs `step` at the reading after `readings` others.
    fn after(&self, readings: usize, step: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some((readings, Box::new(step)));
    }

    fn set(&self, time: Duration) {
        self.1.store(time.as_millis() as u32, Ordering::Relaxed);
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
        self.1.load(Ordering::Relaxed)
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

/// What to do at a reading: lets another thread perform `action`. If that has to wait for
/// this thread, it is performed later.
fn beside(action: impl FnOnce() + Send + 'static, ended: &Ended) -> impl FnOnce() + Send + 'static {
    let ended = ended.clone();
    move || {
        let (done, is_done) = channel();
        let other = thread::spawn(move || {
            action();
            let _ = done.send(());
        });
        let _ = is_done.recv_timeout(Duration::from_millis(20));
        *ended.0.lock().unwrap() = Some(other);
    }
}

/// The other thread.
#[derive(Clone, Default)]
struct Ended(Arc<Mutex<Option<thread::JoinHandle<()>>>>);

impl Ended {
    fn wait(&self) {
        let other = self.0.lock().unwrap().take();
        other.map_or(Ok(()), thread::JoinHandle::join).unwrap();
    }
}

/// Performs `test` with 0, 1, ... as long as it says that the step happened.
fn at_each_reading(test: impl Fn(usize) -> bool) {
    let happened = (0..).take_while(|&readings| test(readings)).count();
    assert!(happened > 0, "no clock was read, so nothing was tested");
}

#[test]
fn a_breaker_that_is_asked_for_while_it_is_found_idle_stays() {
    at_each_reading(|readings| {
        let (registry, clock) = registry();
        let _ = registry.get("users");
        clock.set(SECOND);
        let (other, ended) = (registry.clone(), Ended::default());
        clock.after(readings, beside(move || drop(other.get("users")), &ended));
        registry.evict_idle(SECOND);
        let happened = clock.happened();
        ended.wait();
        assert!(!happened || registry.find("users").is_some());
        happened
    });
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

/// A breaker `users` whose opening is over, so that to evict it the clock is read.
fn over() -> (Registry, Interrupted) {
    let (registry, clock) = registry();
    registry.get("users").trip();
    clock.set(3_601 * SECOND);
    (registry, clock)
}

#[test]
fn who_asks_for_a_breaker_during_its_eviction_gets_one_that_stays() {
    at_each_reading(|readings| {
        let (registry, clock) = over();
        let (other, ended) = (registry.clone(), Ended::default());
        let (keep, kept) = channel();
        clock.after(readings, beside(move || keep.send(other.get("users")).unwrap(), &ended));
        registry.evict_idle(Duration::ZERO);
        let happened = clock.happened();
        ended.wait();
        if happened {
            registry.get("users").force_open();
            assert_eq!(kept.recv().unwrap().phase(), Phase::ForcedOpen, "{readings}");
        }
        happened
    });
}

#[test]
fn a_panic_during_an_eviction_leaves_the_breaker_there() {
    at_each_reading(|readings| {
        let (registry, clock) = over();
        clock.after(readings, || panic!("on purpose"));
        let evicted = catch_unwind(AssertUnwindSafe(|| registry.evict_idle(Duration::ZERO)));
        let happened = clock.happened();
        assert_eq!(evicted.ok(), if happened { None } else { Some(1) });
        assert_eq!(registry.find("users").is_some(), happened, "{readings}");
        happened
    });
}

#[test]
fn a_mode_that_was_set_last_is_the_mode_of_all() {
    at_each_reading(|readings| {
        let (registry, clock) = registry();
        for n in 0..8 {
            registry.get(&format!("open/{n}")).trip();
        }
        let (other, ended) = (registry.clone(), Ended::default());
        let disable = move || other.set_mode("*", Some(Mode::Disabled)).unwrap();
        clock.after(readings, beside(disable, &ended));
        // Whether that means a change, the clock says.
        registry.set_mode("*", Some(Mode::Closed)).unwrap();
        let happened = clock.happened();
        ended.wait();
        if happened {
            assert_eq!(registry.get("new").phase(), Phase::Disabled);
            let phases: Vec<_> = registry.list().iter().map(Breaker::phase).collect();
            assert_eq!(phases, [Phase::Disabled; 9], "{readings}");
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
