//! No change is missed: one that waits either sees it when it looks, or is told afterwards.
#![cfg(loom)]

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering};
use microbreaker::{Breaker, Config, Gate, Observer, Outcome, Outlook, Transition};
use microbreaker_loom_tests::*;

/// Whether something has changed. The waker of one that waits.
struct Told(AtomicBool);

impl Told {
    fn tell(&self) {
        self.0.swap(true, Ordering::AcqRel);
    }

    /// Whether it was told since this was last asked.
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

impl Observer for Told {
    fn transition(&self, _: &Transition) {
        self.tell();
    }

    fn admission_changed(&self, _: u8) {
        self.tell();
    }
}

type Subject = Breaker<(), Still, Told>;

const CONFIG: Config = Config::new().consecutive_failures(1).open_for(10_000);

fn open() -> Arc<Subject> {
    let breaker = Breaker::observed(CONFIG, (), Still, Told(AtomicBool::new(false)));
    breaker.trip();
    Arc::new(breaker)
}

/// Runs `change` beside one that waits for what `satisfies` it.
fn check(
    breaker: &Arc<Subject>,
    change: impl FnOnce(&Subject) + 'static,
    satisfies: fn(Outlook) -> bool,
) {
    let ((), seen) = race(breaker, change, |breaker| {
        breaker.observer().take();
        satisfies(breaker.outlook())
    });
    assert!(satisfies(breaker.outlook()));
    assert!(seen || breaker.observer().take(), "it sleeps, and nothing wakes it");
}

#[test]
fn a_transition() {
    model_with(2, || check(&open(), Breaker::reset, |outlook| outlook.room == Outlook::ALL));
}

#[test]
fn a_probe_that_is_handed_back() {
    model_with(2, || {
        let breaker = open();
        breaker.half_open().unwrap();
        let probe = breaker.try_acquire().unwrap().into_token();
        let back = move |breaker: &Subject| breaker.complete(probe, 0, None, Outcome::Ignored);
        check(&breaker, back, |outlook| outlook.room == 1);
    });
}

#[test]
fn an_opening_that_is_shorter_than_the_word_can_say() {
    model_with(2, || {
        let shorten = |breaker: &Subject| breaker.trip_for(2_001);
        check(&open(), shorten, |outlook| outlook.changes_in == Some(2_001));
    });
}
