//! Two operations of one thread beside two of another: there is an order in
//! which the sequential model gives the same answers.
//! `microbreaker_model::linear` says what is weaker. loom shows what weak memory may show,
//! so the order need only keep each thread's own operations in order.
#![cfg(loom)]

use std::sync::Arc;

use microbreaker::{Command, CountWindow, Outcome, ShortWindow, TimeWindow, window::Window};
use microbreaker_loom_tests::*;
use microbreaker_model::Window as Kind;
use microbreaker_model::concurrent::{Bench, Operation, Thread};
use microbreaker_model::linear::explain;
use microbreaker_model::{ProbeTimeout, Settings};

const OPEN_FOR: u32 = 10;

/// Far more than the longest pair needs.
const MOST_STEPS: usize = 2_000;

const ACQUIRE: Operation = Operation::Acquire;
const SUCCESS: Operation = Operation::Finish(Outcome::Success);
const FAILURE: Operation = Operation::Finish(Outcome::Failure);
const SNAPSHOT: Operation = Operation::Snapshot;
const TRIP: Operation = Operation::Manual(Command::TripFor(30));
const RESET: Operation = Operation::Manual(Command::Reset);

/// What the two threads do, each of which has a call under way.
const PAIRS: [[[Operation; 2]; 2]; 9] = [
    [[FAILURE, ACQUIRE], [FAILURE, ACQUIRE]],
    [[FAILURE, SNAPSHOT], [SUCCESS, SNAPSHOT]],
    [[FAILURE, SNAPSHOT], [ACQUIRE, FAILURE]],
    [[SUCCESS, ACQUIRE], [SUCCESS, ACQUIRE]],
    [[SUCCESS, SNAPSHOT], [RESET, ACQUIRE]],
    [[FAILURE, ACQUIRE], [RESET, SNAPSHOT]],
    [[FAILURE, ACQUIRE], [TRIP, SNAPSHOT]],
    [[TRIP, ACQUIRE], [RESET, FAILURE]],
    [[SNAPSHOT, SNAPSHOT], [FAILURE, RESET]],
];

fn check<W: Window + Send + Sync + 'static>(
    settings: &Settings,
    window: fn() -> W,
    before: &'static [Operation],
) {
    for [a, b] in PAIRS {
        let settings = settings.clone();
        bounded_model(MOST_STEPS, move || trial(&settings, window(), before, a, b));
    }
}

fn trial<W: Window + Send + Sync + 'static>(
    settings: &Settings,
    window: W,
    before: &'static [Operation],
    a: [Operation; 2],
    b: [Operation; 2],
) {
    let (bench, breaker) = Bench::with(settings, window, Still::NOW);
    let breaker = Arc::new(breaker);
    let mut threads = [Thread::default(), Thread::default(), Thread::default()];
    let [main, first, second] = &mut threads;
    for operation in before {
        main.act(&breaker, *operation);
    }
    // Each thread has a call under way.
    first.act(&breaker, ACQUIRE);
    second.act(&breaker, ACQUIRE);
    let began = second.entries[0].ended;
    let [main, first, second] = threads;
    let run = |mut thread: Thread, list: [Operation; 2]| {
        move |breaker: &_| {
            for operation in list {
                thread.act(breaker, operation);
            }
            thread
        }
    };
    let (first, second) = race(&breaker, run(first, a), run(second, b));
    let mut threads = [main, first, second];
    let ended = threads.iter().flat_map(|thread| &thread.entries).map(|entry| entry.ended).max();
    let ended = ended.unwrap_or(began);
    for entry in threads[1..].iter_mut().flat_map(|thread| &mut thread.entries[1..]) {
        (entry.began, entry.ended) = (began, ended);
    }
    threads[0].act(&breaker, SNAPSHOT);
    threads[0].act(&breaker, ACQUIRE);
    threads[0].act(&breaker, FAILURE);
    threads[0].act(&breaker, SNAPSHOT);
    let threads = threads.map(|thread| thread.entries);
    explain(settings, Still::NOW, &threads, &bench.transitions())
        .unwrap_or_else(|why| panic!("{why}"));
}

fn settings() -> Settings {
    let probe_timeout = ProbeTimeout::Ticks(20);
    Settings { open_for: OPEN_FOR, probes: 2, probe_timeout, ..Settings::default() }
}

#[test]
fn failures_in_a_row() {
    let settings = Settings { consecutive_failures: Some(2), ..settings() };
    check(&settings, || (), &[]);
}

#[test]
fn probes() {
    let before =
        &[Operation::Manual(Command::Trip), Operation::Advance(OPEN_FOR), Operation::Snapshot];
    let settings = Settings { consecutive_failures: Some(2), ..settings() };
    check(&settings, || (), before);
}

#[test]
fn failures_in_the_last_two() {
    let settings = Settings { window: Kind::Count(2), failures_in_window: Some(2), ..settings() };
    check(&settings, CountWindow::<4, 1>::new, &[]);
}

#[test]
fn failures_in_the_last_two_in_one_word() {
    let settings = Settings { window: Kind::Count(2), failures_in_window: Some(2), ..settings() };
    check(&settings, ShortWindow::new, &[]);
}

#[test]
fn failures_within_a_time() {
    let window = Kind::Time { buckets: 1, ticks: OPEN_FOR };
    let settings = Settings { window, failures_in_window: Some(2), ..settings() };
    check(&settings, TimeWindow::<1>::new, &[]);
}
