//! Two operations of one thread beside two of another: there is an order in
//! which the sequential model gives the same answers. In it an operation that ended before
//! another began comes first. `microbreaker_model::linear` says what is weaker.
//!
//! *Before* is C11's happens-before: without it, a load may return a stale value however
//! long ago another thread's operation ended. So each operation acquires at its beginning
//! what every earlier one has released at its end, by swaps of one counter, which also
//! number these moments. Operations that overlap are not ordered by it.
#![cfg(loom)]

use std::sync::Arc;

use loom::sync::atomic::{AtomicU32, Ordering};
use microbreaker::{
    Command, CountWindow, Leak, LeakyBucket, Outcome, ShortWindow, TimeWindow, window::Window,
};
use microbreaker_loom_tests::*;
use microbreaker_model::Window as Kind;
use microbreaker_model::concurrent::{Bench, Operation, Subject, Thread};
use microbreaker_model::linear::explain;
use microbreaker_model::{ProbeTimeout, Settings};

const OPEN_FOR: u32 = 10;

const ACQUIRE: Operation = Operation::Acquire;
const SUCCESS: Operation = Operation::Finish(Outcome::Success);
const FAILURE: Operation = Operation::Finish(Outcome::Failure);
const SNAPSHOT: Operation = Operation::Snapshot;
const TRIP: Operation = Operation::Manual(Command::TripFor(30));
const RESET: Operation = Operation::Manual(Command::Reset);

/// What the two threads do, each of which has a call under way.
const PAIRS: [[[Operation; 2]; 2]; 10] = [
    [[FAILURE, ACQUIRE], [FAILURE, ACQUIRE]],
    [[FAILURE, SNAPSHOT], [SUCCESS, SNAPSHOT]],
    [[FAILURE, SNAPSHOT], [ACQUIRE, FAILURE]],
    [[SUCCESS, ACQUIRE], [SUCCESS, ACQUIRE]],
    [[SUCCESS, SNAPSHOT], [RESET, ACQUIRE]],
    [[FAILURE, ACQUIRE], [RESET, SNAPSHOT]],
    [[FAILURE, ACQUIRE], [TRIP, SNAPSHOT]],
    [[TRIP, ACQUIRE], [RESET, FAILURE]],
    [[SNAPSHOT, SNAPSHOT], [FAILURE, RESET]],
    [[TRIP, SNAPSHOT], [ACQUIRE, RESET]],
];

/// Counts the beginnings and ends of operations. An operation that ends before another
/// begins happens before it.
struct Order(AtomicU32);

impl Order {
    fn act<W: Window>(&self, thread: &mut Thread, breaker: &Subject<W>, operation: Operation) {
        // Acquire: pairs with the release below, of every operation that has ended by now.
        let began = self.0.fetch_add(1, Ordering::Acquire).into();
        thread.act(breaker, operation);
        let ended = self.0.fetch_add(1, Ordering::Release).into();
        if let Some(entry) = thread.entries.last_mut() {
            (entry.began, entry.ended) = (began, ended);
        }
    }
}

fn check<W: Window + Send + Sync + 'static>(
    settings: &Settings,
    window: fn() -> W,
    before: &'static [Operation],
) {
    let models = PAIRS.map(|threads| {
        let settings = settings.clone();
        move || trial(&settings, window(), before, threads)
    });
    models_with(2, models);
}

fn trial<W: Window + Send + Sync + 'static>(
    settings: &Settings,
    window: W,
    before: &[Operation],
    [a, b]: [[Operation; 2]; 2],
) {
    let (bench, breaker) = Bench::with(settings, window, Still::NOW);
    let shared = Arc::new((breaker, Order(AtomicU32::new(0))));
    let act = |thread: &mut Thread, operations: &[Operation]| {
        let (breaker, order) = &*shared;
        operations.iter().for_each(|operation| order.act(thread, breaker, *operation));
    };
    let [mut main, mut first, mut second] = [(); 3].map(|()| Thread::default());
    act(&mut main, before);
    // Each thread has a call under way.
    act(&mut first, &[ACQUIRE]);
    act(&mut second, &[ACQUIRE]);
    let run = |mut thread: Thread, operations: [Operation; 2]| {
        move |(breaker, order): &(Subject<W>, Order)| {
            for operation in operations {
                order.act(&mut thread, breaker, operation);
            }
            thread
        }
    };
    let (first, second) = race(&shared, run(first, a), run(second, b));
    act(&mut main, &[SNAPSHOT, ACQUIRE, FAILURE, SNAPSHOT]);
    let threads = [main, first, second].map(|thread| thread.entries);
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
fn a_leaky_bucket() {
    let settings = Settings { leaky_bucket: Some(Leak::new(3, 1, 5)), ..settings() };
    check(&settings, || LeakyBucket::new(()), &[]);
}

#[test]
fn failures_within_a_time() {
    let window = Kind::Time { buckets: 1, ticks: OPEN_FOR };
    let settings = Settings { window, failures_in_window: Some(2), ..settings() };
    check(&settings, TimeWindow::<1>::new, &[]);
}
