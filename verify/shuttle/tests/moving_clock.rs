//! Random histories of time-based windows whose clock moves: between operations and during
//! them, by a tick or by most of a turn, past the edges at which something in the window's
//! words wraps; each thread may read it late. Tenures begin beside the calls.
#![cfg(shuttle)]

use microbreaker::{FailureWindow, Outcome, TimeWindow, WithSlow, window::Window};
use microbreaker_shuttle::moving::{BLOCK, LATEST, Operation, Shared, TURN, Trial};
use microbreaker_shuttle::{run_random, schedules};
use microbreaker_std::ExactTimeWindow;
use shuttle::current;
use shuttle::rand::{Rng, thread_rng};

/// The lengths of a bucket.
const LENGTHS: [u64; 7] = [1, 7, 1_000, BLOCK, BLOCK + 10, (1 << 25) + 3, 1 << 29];
/// The main thread, and those of two races.
const MOST_THREADS: usize = 7;

/// What threads do; the more often an operation is listed, the more often they do it.
const OPERATIONS: [Option<Operation>; 16] = [
    Some(Operation::Call(Outcome::Failure, 0)),
    Some(Operation::Call(Outcome::Failure, 0)),
    Some(Operation::Call(Outcome::Failure, 0)),
    Some(Operation::Call(Outcome::Failure, 1)),
    Some(Operation::Call(Outcome::Failure, 1)),
    Some(Operation::Call(Outcome::Success, 0)),
    Some(Operation::Call(Outcome::Success, 1)),
    Some(Operation::Look),
    Some(Operation::Look),
    Some(Operation::Trip),
    Some(Operation::Trip),
    Some(Operation::Reset),
    Some(Operation::Reset),
    // Waits.
    None,
    None,
    None,
];

fn pick<T: Copy, const N: usize>(of: [T; N]) -> T {
    of[thread_rng().gen_range(0..N)]
}

/// A tick close to an edge, some turns after the first.
fn some_start(bucket: u64) -> u64 {
    let edge = pick([BLOCK, bucket, bucket * LATEST, TURN / 2]);
    let edge = 4 * TURN + edge * thread_rng().gen_range(0..4);
    let before = pick([0, 1, 100, LATEST, bucket, BLOCK]);
    edge + pick([0, 1]) - before
}

/// How long to wait: about a bucket, to an edge, or most of a turn of the clock.
fn some_ticks(now: u64, bucket: u64) -> u64 {
    let edge = pick([0, 1, 3, 60]) * BLOCK + BLOCK - now % BLOCK;
    let long = pick([LATEST, TURN / 2, TURN - bucket]);
    pick([1, bucket - 1, bucket, bucket + 1, 2 * bucket, edge - 1, edge, long])
}

fn history<W: Window + Send + Sync + 'static>(window: fn(Shared) -> W) {
    let bucket = pick(LENGTHS);
    let late = (0..MOST_THREADS).map(|_| pick([0, 0, 1, 100, LATEST])).collect();
    let trial = Trial::new(window, bucket, some_start(bucket), late);
    let wait = || Operation::Wait(some_ticks(trial.now(), bucket));
    let some = |most| {
        let count = thread_rng().gen_range(1..=most);
        (0..count).map(|_| pick(OPERATIONS).unwrap_or_else(wait)).collect::<Vec<_>>()
    };
    some(3).into_iter().for_each(|operation| trial.act(operation));
    for _ in 0..2 {
        let threads = thread_rng().gen_range(2..=3);
        trial.race((0..threads).map(|_| some(4)));
        trial.act(Operation::Look);
        trial.act(wait());
        trial.act(Operation::Look);
    }
    trial.check();
}

fn check<W: Window + Send + Sync + 'static>(window: fn(Shared) -> W) {
    run_random(schedules(), 3, move || history(window));
}

#[test]
fn one_bucket() {
    check(|_| TimeWindow::<1>::new());
}

#[test]
fn three_buckets() {
    check(|_| TimeWindow::<3>::new());
}

#[test]
fn two_buckets_of_failures() {
    check(|_| FailureWindow::<2>::new());
}

#[test]
fn two_buckets_of_failures_and_of_slow_calls() {
    check(|_| WithSlow::new(TimeWindow::<2>::new(), TimeWindow::new()));
}

/// With a cell for each thread.
#[test]
fn three_buckets_in_cells() {
    type Cells = ExactTimeWindow<Shared, 3, false>;
    check(|clock| Cells::with(clock, || usize::from(current::me())));
}

/// With cells that threads borrow from each other.
#[test]
fn two_buckets_in_common_cells() {
    check(|clock| ExactTimeWindow::<Shared, 2, false>::with(clock, || usize::MAX));
}
