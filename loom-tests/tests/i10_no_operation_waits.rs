//! No operation waits: every loop retries only because another operation made progress.
//!
//! loom tries every schedule, including those in which a thread stops for good after any
//! of its steps while another runs on. An operation that waited for the stopped thread
//! would loop until it exceeded the bound on its steps. So here every operation meets
//! every other, in every phase, under a bound that leaves room for the retries that the
//! other's few swaps can cause, and for no more. One preemption is enough to stop a thread
//! anywhere.
//!
//! What bounds each loop:
//!
//! | loop | goes round again only after |
//! |---|---|
//! | `Word::update`, `record`, `open_manually`, `half_open`, `command`, `consistently` | another swap of the state word |
//! | `refresh`, `acquire_unhealthy`, `count_unhealthy`, `demand`, `hand_back` | the same, or its own swap |
//! | `Entered::settle` | another thread settled the state, or made a transition |
//! | `Ring::begin`, `Ring::head` | a step of the cursor, its own or another's |
//! | `CountWindow::append_success`, `append_failure`, `tally` | another outcome, a step, or a change of the quiet marker |
#![cfg(loom)]

use std::sync::Arc;

use microbreaker::{Breaker, Config, CountWindow, Outcome, Phase, Token};
use microbreaker_loom_tests::*;

/// The steps that the longest pair needs, including threads and preparation, plus a margin.
const MOST_STEPS: usize = 480;

type Tested = Observed<CountWindow<4, 1>, Ticks>;
type Operation = fn(&Tested, Token);

const OPERATIONS: [(&str, Operation); 13] = [
    ("acquire", |b, _| _ = b.hold()),
    ("success", |b, held| b.resume(held).success()),
    ("failure", |b, held| b.resume(held).failure()),
    ("failure_open_for", |b, held| b.resume(held).finish(Outcome::FailureOpenFor(100))),
    ("cancel", |b, held| drop(b.resume(held))),
    ("trip", |b, _| b.trip()),
    ("trip_for", |b, _| b.trip_for(50)),
    ("half_open", |b, _| _ = b.half_open()),
    ("reset", |b, _| b.reset()),
    ("force_open", |b, _| b.force_open()),
    ("disable", |b, _| b.disable()),
    ("phase", |b, _| _ = b.phase()),
    ("tally", |b, _| _ = b.tally()),
];

/// Every pair of operations on what `prepare` makes: a breaker and two tokens
/// for permits that are out.
fn every_pair(prepare: fn(&Tested, &Ticks) -> [Token; 2]) {
    for (i, (_, a)) in OPERATIONS.into_iter().enumerate() {
        for (_, b) in &OPERATIONS[i..] {
            let b = *b;
            bounded_model(MOST_STEPS, move || {
                let config = Config::new()
                    .consecutive_failures(2)
                    .failures_in_window(2)
                    .last_calls(2)
                    .open_for(10)
                    .probes(2)
                    .probe_timeout(20);
                let (breaker, ticks) = ticking(config, CountWindow::new());
                let [x, y] = prepare(&breaker, &ticks);
                race(&breaker, move |breaker| a(breaker, x), |breaker| b(breaker, y));
                breaker.observer().path();
            });
        }
    }
}

fn hold_two(breaker: &Tested) -> [Token; 2] {
    [breaker.hold().unwrap(), breaker.hold().unwrap()]
}

#[test]
fn closed() {
    every_pair(|breaker, _| hold_two(breaker));
}

#[test]
fn closed_and_quiet() {
    every_pair(|breaker, _| {
        for _ in 0..3 {
            breaker.succeed();
        }
        hold_two(breaker)
    });
}

#[test]
fn open() {
    every_pair(|breaker, _| {
        let held = hold_two(breaker);
        breaker.trip();
        held
    });
}

#[test]
fn open_for_an_explicit_length() {
    every_pair(|breaker, _| {
        let held = hold_two(breaker);
        breaker.trip_for(70);
        held
    });
}

#[test]
fn half_open() {
    every_pair(|breaker, ticks| {
        breaker.trip();
        ticks.advance(10);
        hold_two(breaker)
    });
}

#[test]
fn half_open_and_overdue() {
    every_pair(|breaker, ticks| {
        breaker.trip();
        ticks.advance(10);
        let held = hold_two(breaker);
        ticks.advance(25);
        held
    });
}

/// An interrupt handler that runs while an operation reads the clock, between
/// publishing a phase and publishing when it began: the handler runs to its end
/// while the interrupted operation stands still.
#[test]
fn an_interrupt_beside_another_thread() {
    model_with(2, || {
        let breaker = Arc::new_cyclic(|breaker: &std::sync::Weak<_>| {
            let breaker = breaker.clone();
            let armed = std::sync::atomic::AtomicBool::new(true);
            let clock: Box<dyn Fn() -> u32 + Send + Sync> = Box::new(move || {
                let breaker: Option<Arc<Interrupted>> = breaker.upgrade();
                if let Some(Interrupted(breaker)) = breaker.as_deref()
                    && armed.swap(false, std::sync::atomic::Ordering::Relaxed)
                {
                    assert!(breaker.hold().is_err());
                    breaker.trip_for(100);
                }
                Still::NOW
            });
            let config = Config::new().consecutive_failures(1).open_for(10);
            Interrupted(Breaker::observed(config, (), clock, Journal::default()))
        });
        let _ = race(&breaker, |b| b.0.trip(), |b| b.0.hold());
        assert_eq!(breaker.0.observer().path(), [Phase::Closed, Phase::Open]);
        assert_eq!(breaker.0.left(), Some(100));
    });
}

struct Interrupted(Observed<(), Box<dyn Fn() -> u32 + Send + Sync>>);
