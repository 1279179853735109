//! The time-based window: what invariants 1, 5, 7 and 10 say about it, at the edges of its
//! buckets and of its tenures.
#![cfg(loom)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use loom::thread::{self, ThreadId};
use microbreaker::{Breaker, Clock, Config, Phase, TimeWindow};
use microbreaker_loom_tests::*;

/// Buckets begin at multiples of 10, and [`Still::NOW`] is one.
const TWO_FAILURES: Config = Config::new().failures_in_window(2).bucket(10).open_for(100);

/// A breaker that trips at two failures, and the clock it reads.
fn tripping<const BUCKETS: usize>() -> (Arc<Observed<TimeWindow<BUCKETS>, Ticks>>, Ticks) {
    ticking(TWO_FAILURES, TimeWindow::new())
}

/// A breaker that no model here trips, and the clock it reads.
fn recording<const BUCKETS: usize>() -> (Arc<Observed<TimeWindow<BUCKETS>, Ticks>>, Ticks) {
    ticking(TWO_FAILURES.failures_in_window(9), TimeWindow::new())
}

#[test]
fn failures_in_one_bucket() {
    model_with(2, || {
        let breaker = still(TWO_FAILURES, TimeWindow::<2>::new());
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// Whichever buckets the clock puts the failures into, both are in the window.
#[test]
fn failures_while_a_bucket_ends() {
    model_with(2, || {
        let (breaker, ticks) = tripping::<2>();
        breaker.succeed();
        race(
            &breaker,
            |b| b.fail(),
            move |b| {
                ticks.advance(10);
                b.fail();
            },
        );
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// Each core reads a clock of its own; that of the main thread is a tick behind.
#[derive(Clone)]
struct Apart {
    main: ThreadId,
    now: Arc<AtomicU32>,
}

impl Apart {
    fn at(now: u32) -> Self {
        Self { main: thread::current().id(), now: Arc::new(now.into()) }
    }

    fn advance(&self, ticks: u32) {
        self.now.fetch_add(ticks, Ordering::Relaxed);
    }

    /// A breaker that reads this clock.
    fn breaker<const BUCKETS: usize>(
        &self,
        config: Config,
    ) -> Arc<Observed<TimeWindow<BUCKETS>, Self>> {
        let (window, journal) = (TimeWindow::new(), Journal::default());
        Arc::new(Breaker::observed(config, window, self.clone(), journal))
    }
}

impl Clock for Apart {
    fn now(&self) -> u32 {
        let behind = u32::from(thread::current().id() == self.main);
        self.now.load(Ordering::Relaxed) - behind
    }
}

/// One thread finds a bucket frozen that, by its own clock, has not ended yet.
#[test]
fn failures_at_ticks_that_are_a_bucket_apart() {
    model_with(2, || {
        let breaker = Apart::at(Still::NOW).breaker::<2>(TWO_FAILURES);
        breaker.succeed();
        race(
            &breaker,
            |b| b.fail(),
            |b| {
                b.succeed();
                b.fail();
            },
        );
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// The two buckets start on different sides of a multiple of 2^23, so neither their
/// lower nor their upper bits are equal. Whichever of the two is begun, the window
/// still holds what it held.
#[test]
fn outcomes_that_each_begin_another_bucket() {
    const BUCKET: u32 = 1 << 22;
    model_with(2, || {
        let clock = Apart::at(2 * BUCKET + 1);
        let breaker = clock.breaker::<3>(TWO_FAILURES.bucket(BUCKET));
        breaker.fail();
        clock.advance(2 * BUCKET - 1);
        race(&breaker, |b| b.fail(), |b| b.succeed());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn failures_that_each_find_the_window_over() {
    model_with(2, || {
        let (breaker, ticks) = tripping::<2>();
        breaker.fail();
        ticks.advance(100);
        race(&breaker, |b| b.fail(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn a_failure_that_is_over_counts_for_nothing() {
    model_with(2, || {
        let (breaker, ticks) = tripping::<2>();
        breaker.fail();
        ticks.advance(20);
        race(&breaker, |b| b.fail(), |b| b.succeed());
        assert_eq!(breaker.phase(), Phase::Closed);
        assert_eq!((breaker.tally().calls, breaker.tally().failed), (2, 1));
    });
}

/// It also ends: a recorder whose tenure is over does not wait for the next one.
#[test]
fn a_failure_and_a_reset_while_a_bucket_ends() {
    model_with(2, || {
        let (breaker, ticks) = tripping::<1>();
        breaker.fail();
        race(
            &breaker,
            |b| b.fail(),
            move |b| {
                b.reset();
                ticks.advance(10);
            },
        );
        let tally = breaker.tally();
        assert!(tally.failed <= 1, "{tally:?}");
    });
}

#[test]
fn a_trip_and_a_success_of_the_tenure_before() {
    model_with(2, || {
        let (breaker, ticks) = tripping::<1>();
        let old = breaker.hold().unwrap();
        race(
            &breaker,
            move |b| b.resume(old).failure(),
            move |b| {
                b.trip();
                ticks.advance(10);
            },
        );
        breaker.reset();
        assert_eq!(breaker.tally().calls, 0);
    });
}

/// A recorder sleeps while the window comes round again to the slot that it looked for.
#[test]
fn a_recorder_that_slept_through_a_window() {
    model_with(1, || {
        let (breaker, ticks) = recording::<1>();
        breaker.succeed();
        race(
            &breaker,
            |b| b.succeed(),
            move |b| {
                ticks.advance(10);
                b.succeed();
                ticks.advance(10);
                b.fail();
            },
        );
        // No time has passed since the failure.
        assert_eq!(breaker.tally().failed, 1);
    });
}

/// The same, but the slot then holds as much as before; what the recorder saw
/// in the other slots is over.
#[test]
fn a_failure_that_slept_through_a_window() {
    model_with(1, || {
        let (breaker, ticks) = tripping::<2>();
        breaker.fail();
        ticks.advance(10);
        breaker.succeed();
        race(
            &breaker,
            |b| b.fail(),
            move |b| {
                ticks.advance(10);
                b.succeed();
                ticks.advance(20);
                b.succeed();
            },
        );
        let tripped = breaker.phase() == Phase::Open;
        assert!(!tripped || breaker.tally().failed == 0, "it met nothing in the last buckets");
    });
}

/// A reader sleeps while its oldest bucket is reused.
#[test]
fn a_tally_is_of_one_moment() {
    model_with(1, || {
        let (breaker, ticks) = recording::<2>();
        breaker.succeed();
        ticks.advance(10);
        breaker.succeed();
        let (_, seen) = race(
            &breaker,
            move |b| {
                ticks.advance(10);
                b.fail();
                ticks.advance(10);
                b.fail();
                b.fail();
            },
            |b| b.tally(),
        );
        // Any two neighbours of S, S, F and FF, or what is left of them by then.
        let possible = [(2, 0), (1, 0), (0, 0), (2, 1), (1, 1), (2, 2), (3, 3)];
        assert!(possible.contains(&(seen.calls, seen.failed)), "{seen:?}");
    });
}

/// A reader sleeps while its buckets have been emptied, but the cursor has not moved yet.
#[test]
fn a_tally_beside_a_jump_is_of_one_moment() {
    model_with(2, || {
        let (breaker, ticks) = recording::<2>();
        breaker.fail();
        ticks.advance(10);
        breaker.fail();
        let (_, seen) = race(
            &breaker,
            move |b| {
                b.fail();
                ticks.advance(20);
                b.succeed();
            },
            |b| b.tally(),
        );
        // Both; both and the third; only the newer bucket, which holds two by then; none.
        assert!([2, 3, 0].contains(&seen.failed), "{seen:?}");
    });
}
