//! Two threads at an edge of a time-based window, in every schedule of a few switches: one
//! begins a tenure or ends a call, while the other begins a tenure, or none, and then makes
//! calls on both sides of the edge.
#![cfg(shuttle)]

use microbreaker::{Outcome, TimeWindow, window::Window};
use microbreaker_shuttle::moving::{BLOCK, LATEST, Operation, Shared, TURN, Trial};
use microbreaker_shuttle::{Switches, run};
use microbreaker_std::ExactTimeWindow;
use shuttle::current;

const FAIL: Operation = Operation::Call(Outcome::Failure, 0);

/// What one thread does beside the other.
const BESIDE: [Operation; 4] = [Operation::Trip, Operation::Reset, FAIL, Operation::Look];
/// What happened before, and how the other thread begins.
const TENURES: [(Option<Operation>, Option<Operation>); 4] = [
    (None, None),
    (None, Some(Operation::Reset)),
    (Some(Operation::Trip), Some(Operation::Reset)),
    (Some(FAIL), Some(Operation::Trip)),
];

/// Edges in a bucket of `bucket` ticks: its start, and the first and last multiple of 2^23.
fn check<W: Window + Send + Sync + 'static>(window: fn(Shared) -> W, bucket: u64) {
    let start = 4 * TURN + 3 * bucket;
    let first = start.next_multiple_of(BLOCK);
    let last = (start + bucket - 1) / BLOCK * BLOCK;
    for edge in [start, first, last] {
        for late in [0, LATEST] {
            for (before, tenure) in TENURES {
                for beside in BESIDE {
                    beside_an_edge(window, bucket, edge, late, before, tenure, beside);
                }
            }
        }
    }
}

/// The first thread reads the clock late at times.
fn beside_an_edge<W: Window + Send + Sync + 'static>(
    window: fn(Shared) -> W,
    bucket: u64,
    edge: u64,
    late: u64,
    before: Option<Operation>,
    tenure: Option<Operation>,
    beside: Operation,
) {
    run(Switches::new(3), move || {
        let trial = Trial::new(window, bucket, edge - 5, vec![0, late]);
        before.into_iter().for_each(|operation| trial.act(operation));
        let calls = [FAIL, Operation::Wait(10), FAIL, Operation::Look];
        trial.race([vec![beside], tenure.into_iter().chain(calls).collect()]);
        trial.act(Operation::Look);
        trial.act(Operation::Wait(2 * bucket));
        trial.act(Operation::Look);
        trial.check();
    });
}

#[test]
fn buckets_of_a_few_ticks() {
    check(|_| TimeWindow::<2>::new(), 7);
}

#[test]
fn buckets_longer_than_the_lower_bits_of_a_tick() {
    check(|_| TimeWindow::<2>::new(), (1 << 25) + 3);
}

#[test]
fn buckets_that_begin_where_the_upper_bits_change() {
    check(|_| TimeWindow::<2>::new(), 1 << 29);
}

#[test]
fn buckets_of_a_few_ticks_in_cells() {
    check(cells, 7);
}

#[test]
fn long_buckets_in_cells() {
    check(cells, (1 << 25) + 3);
}

fn cells(clock: Shared) -> impl Window + Send + Sync + 'static {
    ExactTimeWindow::<_, 2, false, _>::with(clock, || usize::from(current::me()))
}
