//! A thread is preempted in a time-based window, and continues while another thread moves the
//! window on: at every step of the first, and every step of the second.
#![cfg(shuttle)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use microbreaker::{Breaker, Config, Outcome, Phase, TimeWindow};
use microbreaker_shuttle::{Switches, run};
use shuttle::{current, thread};

const BUCKET: u32 = 8;
const TWO_FAILURES: Config = Config::new().failures_in_window(2).open_for(100);
const SLEEPER: usize = 1;
/// Where the upper bits of the clock change.
const EDGE: u32 = 1 << 23;
/// A bucket length with which no bucket begins at the edge.
const UNEVEN: u32 = 10;
/// The start of the bucket that contains the edge.
const BELOW: u32 = EDGE - EDGE % UNEVEN;

type Subject<const BUCKETS: usize> =
    Breaker<TimeWindow<BUCKETS>, Box<dyn Fn() -> u32 + Send + Sync>>;

/// A breaker, and the ticks of its clock.
struct Bench<const BUCKETS: usize> {
    breaker: Subject<BUCKETS>,
    ticks: Arc<AtomicU32>,
}

impl<const BUCKETS: usize> Bench<BUCKETS> {
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

/// Runs `before` alone. Then one thread, the sleeper, makes a call that succeeds, while the
/// `other` makes calls that trip the breaker. The sleeper's clock is that of the other,
/// mapped by `asleep`.
fn check<const BUCKETS: usize>(
    bucket: u32,
    before: fn(&Bench<BUCKETS>),
    asleep: fn(u32) -> u32,
    other: fn(&Bench<BUCKETS>),
) {
    check_beside(bucket, before, |bench| bench.call(Outcome::Success), asleep, other);
}

/// The same, but the sleeper does something else.
fn check_beside<const BUCKETS: usize>(
    bucket: u32,
    before: fn(&Bench<BUCKETS>),
    sleeper: fn(&Bench<BUCKETS>),
    asleep: fn(u32) -> u32,
    other: fn(&Bench<BUCKETS>),
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
        let bench = Arc::new(Bench { breaker, ticks });
        before(&bench);
        let slept = bench.clone();
        let sleeper = thread::spawn(move || sleeper(&slept));
        let awake = bench.clone();
        let other = thread::spawn(move || other(&awake));
        sleeper.join().unwrap();
        other.join().unwrap();
        assert_eq!(bench.breaker.phase(), Phase::Open);
    });
    assert!(executions > 1_000, "{executions} schedules");
}

fn nothing<const BUCKETS: usize>(_: &Bench<BUCKETS>) {}

/// The sleeper begins the tenure on the other side of the edge. It wakes when the other
/// thread finds the slot that the sleeper looked at properly emptied.
#[test]
fn a_recorder_that_began_the_tenure() {
    check::<4>(
        BUCKET,
        nothing,
        |_| EDGE,
        |bench| {
            bench.call_at(EDGE - 3 * BUCKET, Outcome::Failure);
            bench.call_at(EDGE - BUCKET, Outcome::Failure);
        },
    );
}

/// The same with a recorder of the previous tenure. Generation and high bits together make
/// the tag 0, so the slots of a new window look emptied.
#[test]
fn a_recorder_of_the_tenure_before() {
    const START: u32 = u32::MAX - 100_000;
    check::<4>(
        BUCKET,
        nothing,
        |_| START,
        |bench| {
            bench.breaker.reset();
            bench.call_at(START, Outcome::Failure);
            bench.call_at(START + 2 * BUCKET, Outcome::Failure);
        },
    );
}

/// The sleeper's clock is a bucket ahead. It looks at a slot that the cursor skipped the
/// last time round, and wakes one step later, when the cursor stands there.
#[test]
fn a_recorder_that_looked_at_a_slot_of_the_last_time_round() {
    check::<3>(
        BUCKET,
        |bench| {
            bench.call_at(EDGE - 6 * BUCKET, Outcome::Success);
            bench.call_at(EDGE - 4 * BUCKET, Outcome::Success);
            bench.call_at(EDGE - 3 * BUCKET, Outcome::Success);
            bench.ticks.store(EDGE - 2 * BUCKET, Ordering::Relaxed);
        },
        |ticks| ticks + BUCKET,
        |bench| {
            bench.call(Outcome::Failure);
            bench.call_at(EDGE - BUCKET, Outcome::Failure);
        },
    );
}

/// The sleeper's clock is ahead, so it begins the first bucket beyond the edge. A helping
/// thread must give that bucket its own start, which is not the edge.
#[test]
fn a_recorder_that_is_ahead() {
    check::<3>(
        UNEVEN,
        |bench| {
            bench.call_at(BELOW - UNEVEN, Outcome::Failure);
            bench.ticks.store(BELOW, Ordering::Relaxed);
        },
        |ticks| ticks + UNEVEN,
        |bench| bench.call(Outcome::Failure),
    );
}

/// Two threads begin the tenure on either side of the edge. Nothing more happens until just
/// before the tick that consists of the upper bits of one and the lower bits of the other.
/// What fails then is over when its bucket is, not when that of this tick is.
#[test]
fn a_recorder_that_began_the_tenure_long_ago() {
    check::<3>(
        UNEVEN,
        |bench| bench.ticks.store(BELOW, Ordering::Relaxed),
        |ticks| ticks + UNEVEN,
        |bench| {
            bench.breaker.reset();
            bench.call_at(BELOW + EDGE - 5 * UNEVEN, Outcome::Failure);
            bench.call_at(BELOW + EDGE, Outcome::Failure);
            assert_eq!(bench.breaker.phase(), Phase::Closed);
            bench.call(Outcome::Failure);
        },
    );
}

/// The sleeper begins the window of an opening, and the other thread that of the next tenure,
/// in the same bucket. It is so long that none begins in the range of ticks that the upper
/// bits of the one give, if read in the tenure of the other.
#[test]
fn a_trip_that_begins_the_tenure_before() {
    const LONG: u32 = 1 << 29;
    /// An edge in the bucket, which is also the range just before the next bucket.
    const LATE: u32 = LONG - EDGE;
    check_beside::<2>(
        LONG,
        |bench| {
            bench.ticks.store(LATE - 5, Ordering::Relaxed);
            bench.breaker.trip();
        },
        |bench| bench.breaker.trip(),
        |ticks| ticks,
        |bench| {
            bench.breaker.reset();
            bench.call_at(LATE - 5, Outcome::Failure);
            bench.call_at(LATE + 5, Outcome::Failure);
            assert_eq!(bench.breaker.phase(), Phase::Open);
        },
    );
}

/// The bucket's length is a multiple of what the lower bits of a tick count. The sleeper wakes
/// when the cursor stands in the same slot again.
#[test]
fn a_recorder_that_slept_through_a_lap_of_long_buckets() {
    const LONG: u32 = 2 * EDGE;
    check::<1>(
        LONG,
        |bench| {
            bench.call_at(LONG + 1, Outcome::Success);
            bench.ticks.store(2 * LONG + 2, Ordering::Relaxed);
        },
        |ticks| ticks,
        |bench| {
            bench.call_at(2 * LONG + 3, Outcome::Success);
            bench.call_at(3 * LONG + 4, Outcome::Failure);
            bench.call(Outcome::Failure);
        },
    );
}

/// Nothing has happened for more than half a turn of the clock. The sleeper and the other
/// thread begin different buckets, whose starts differ in the upper bits.
#[test]
fn a_recorder_after_half_a_turn_of_the_clock() {
    const LONG: u32 = EDGE - 1;
    const START: u32 = 300 * LONG;
    check::<2>(
        LONG,
        |bench| {
            bench.call_at(10, Outcome::Success);
            bench.ticks.store(START, Ordering::Relaxed);
        },
        |_| START - 1,
        |bench| {
            bench.call(Outcome::Failure);
            bench.call_at(START + 5, Outcome::Failure);
        },
    );
}
