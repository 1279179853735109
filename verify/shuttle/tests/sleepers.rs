//! A thread falls asleep in a window by time and wakes while another moves the window
//! on: at every step of the one, and every step of the other.
#![cfg(shuttle)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use microbreaker::{Breaker, Config, Outcome, Phase, TimeWindow};
use microbreaker_shuttle::{Switches, run};
use shuttle::{current, thread};

const BUCKET: u32 = 8;
const TWO_FAILURES: Config = Config::new().failures_in_window(2).open_for(100);
const SLEEPER: usize = 1;
/// The upper bits change here.
const EDGE: u32 = 1 << 23;
/// A bucket length with which no bucket begins at the edge; one begins below it.
const UNEVEN: u32 = 10;
const BELOW: u32 = EDGE - EDGE % UNEVEN;

type Subject<const BUCKETS: usize> =
    Breaker<TimeWindow<BUCKETS>, Box<dyn Fn() -> u32 + Send + Sync>>;

/// A breaker, and a clock for it.
struct Beside<const BUCKETS: usize> {
    breaker: Subject<BUCKETS>,
    ticks: Arc<AtomicU32>,
}

impl<const BUCKETS: usize> Beside<BUCKETS> {
    fn call(&self, outcome: Outcome) {
        if let Ok(permit) = self.breaker.try_acquire() {
            permit.finish(outcome);
        }
    }

    fn call_at(&self, tick: u32, outcome: Outcome) {
        self.ticks.store(tick, Ordering::Relaxed);
        self.call(outcome);
    }
}

/// `before` runs alone. Then the sleeper's call succeeds, by a clock of its own that
/// depends on the other's, while the `other` thread makes calls that trip the breaker.
fn check<const BUCKETS: usize>(
    bucket: u32,
    before: fn(&Beside<BUCKETS>),
    asleep: fn(u32) -> u32,
    other: fn(&Beside<BUCKETS>),
) {
    let executions = run(Switches::new(3), move || {
        let ticks = Arc::new(AtomicU32::new(0));
        let clock = ticks.clone();
        let now = move || match (current::me().into(), clock.load(Ordering::Relaxed)) {
            (SLEEPER, ticks) => asleep(ticks),
            (_, ticks) => ticks,
        };
        let config = TWO_FAILURES.bucket(bucket);
        let breaker = Breaker::new(config, TimeWindow::new(), Box::new(now) as Box<_>);
        let beside = Arc::new(Beside { breaker, ticks });
        before(&beside);
        let slept = beside.clone();
        let sleeper = thread::spawn(move || slept.call(Outcome::Success));
        let awake = beside.clone();
        let other = thread::spawn(move || other(&awake));
        sleeper.join().unwrap();
        other.join().unwrap();
        assert_eq!(beside.breaker.phase(), Phase::Open);
    });
    assert!(executions > 1_000, "{executions} schedules");
}

fn nothing<const BUCKETS: usize>(_: &Beside<BUCKETS>) {}

/// The sleeper begins the tenure on the other side of the edge, and wakes when another
/// thread finds the slot that it looked at properly emptied.
#[test]
fn a_recorder_that_began_the_tenure() {
    check::<4>(
        BUCKET,
        nothing,
        |_| EDGE,
        |beside| {
            beside.call_at(EDGE - 3 * BUCKET, Outcome::Failure);
            beside.call_at(EDGE - BUCKET, Outcome::Failure);
        },
    );
}

/// The same with a recorder of the tenure before. Generation and high bits together
/// make the tag 0: the slots of a new window look emptied.
#[test]
fn a_recorder_of_the_tenure_before() {
    const START: u32 = u32::MAX - 100_000;
    check::<4>(
        BUCKET,
        nothing,
        |_| START,
        |beside| {
            beside.breaker.reset();
            beside.call_at(START, Outcome::Failure);
            beside.call_at(START + 2 * BUCKET, Outcome::Failure);
        },
    );
}

/// The sleeper looks at a slot that was skipped when the cursor last stood where it
/// stands, one step later, when the sleeper wakes. The sleeper's clock is a bucket
/// ahead.
#[test]
fn a_recorder_that_looked_at_a_slot_of_the_last_time_round() {
    check::<3>(
        BUCKET,
        |beside| {
            beside.call_at(EDGE - 6 * BUCKET, Outcome::Success);
            beside.call_at(EDGE - 4 * BUCKET, Outcome::Success);
            beside.call_at(EDGE - 3 * BUCKET, Outcome::Success);
            beside.ticks.store(EDGE - 2 * BUCKET, Ordering::Relaxed);
        },
        |ticks| ticks + BUCKET,
        |beside| {
            beside.call(Outcome::Failure);
            beside.call_at(EDGE - BUCKET, Outcome::Failure);
        },
    );
}

/// The sleeper's clock is ahead, so it begins the first bucket beyond the edge. A thread
/// that helps must begin that bucket where it starts, which is not at the edge.
#[test]
fn a_recorder_that_is_ahead() {
    check::<3>(
        UNEVEN,
        |beside| {
            beside.call_at(BELOW - UNEVEN, Outcome::Failure);
            beside.ticks.store(BELOW, Ordering::Relaxed);
        },
        |ticks| ticks + UNEVEN,
        |beside| beside.call(Outcome::Failure),
    );
}

/// Two threads begin the tenure, on either side of the edge, and nothing more happens
/// until just before the tick that the lower bits of one and the upper bits of the
/// other make up.
#[test]
fn a_recorder_that_began_the_tenure_long_ago() {
    check::<3>(
        UNEVEN,
        |beside| beside.ticks.store(BELOW, Ordering::Relaxed),
        |ticks| ticks + UNEVEN,
        |beside| {
            beside.breaker.reset();
            beside.call_at(BELOW + EDGE - 5, Outcome::Failure);
            beside.call_at(BELOW + EDGE + 1, Outcome::Failure);
        },
    );
}
