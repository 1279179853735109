//! The time-based window with a cell for each thread: what invariants 1, 2, 5 and 7 say
//! about it.
#![cfg(loom)]

use std::cell::Cell;

use microbreaker::{Clock, Config, Phase, Tally};
use microbreaker_loom_tests::*;
use microbreaker_std::ExactTimeWindow;

/// Buckets begin at multiples of 10, and [`Still::NOW`] is one.
const TWO_FAILURES: Config = Config::new().failures_in_window(2).bucket(10).open_for(100);
/// Threads from here on have no cell of their own.
const COMMON: usize = 64;

loom::thread_local! {
    static NUMBER: Cell<usize> = Cell::new(0);
}

type Cells<C, const BUCKETS: usize> = ExactTimeWindow<C, BUCKETS>;

/// A window whose first two cells are there; the thread of a model has the first until told
/// otherwise.
fn cells<C: Clock, const BUCKETS: usize>(clock: C) -> Cells<C, BUCKETS> {
    ExactTimeWindow::with(clock, || NUMBER.with(Cell::get))
}

fn on<T>(number: usize, f: impl FnOnce() -> T) -> T {
    NUMBER.with(|own| own.set(number));
    let done = f();
    NUMBER.with(|own| own.set(0));
    done
}

#[test]
fn failures_in_two_cells() {
    model_with(2, || {
        let breaker = still(TWO_FAILURES, cells::<_, 2>(Still));
        race(&breaker, |b| on(1, || b.fail()), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn failures_in_common_cells() {
    model_with(2, || {
        let breaker = still(TWO_FAILURES, cells::<_, 1>(Still));
        race(&breaker, |b| on(COMMON, || b.fail()), |b| on(COMMON, || b.fail()));
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// Each goes on from the counts of the one before it.
#[test]
fn successes_in_common_cells() {
    model_with(2, || {
        let config = TWO_FAILURES.failures_in_window(9);
        let breaker = still(config, cells::<_, 1>(Still));
        let twice = |b: &Observed<_>| on(COMMON, || b.succeed() && b.succeed());
        race(&breaker, twice, twice);
        assert_eq!(breaker.tally(), Tally { calls: 4, ..Tally::default() });
    });
}

/// Two of three calls fail, in whichever order; never two of two.
#[test]
fn a_success_before_a_failure_is_in_the_rate() {
    model_with(3, || {
        let config = Config::new().failure_rate(67).min_calls(2).bucket(10).open_for(100);
        let breaker = still(config, cells::<_, 1>(Still));
        race(&breaker, |b| on(1, || b.succeed() && b.fail()), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}

/// A success between the two passes of a tally only makes the rate lower.
#[test]
fn a_rate_that_is_met_in_every_order() {
    model_with(2, || {
        let config = Config::new().failure_rate(60).min_calls(3).bucket(10).open_for(100);
        let breaker = still(config, cells::<_, 1>(Still));
        breaker.succeed();
        race(&breaker, |b| on(1, || b.fail()), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// Whichever buckets the clock puts the failures into, both are in the window.
#[test]
fn failures_while_a_bucket_ends() {
    model_with(2, || {
        let ticks = Ticks::at(Still::NOW);
        let (breaker, ticks) = ticking_with(TWO_FAILURES, cells::<_, 2>(ticks.clone()), ticks);
        race(
            &breaker,
            |b| on(1, || b.fail()),
            move |b| {
                ticks.advance(10);
                b.fail();
            },
        );
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// A clock of 32 bits.
struct Narrow(Ticks);

impl Clock for Narrow {
    fn now(&self) -> u32 {
        self.0.now()
    }
}

/// Whoever finds a recent tick also sees the clock that showed it, and takes it for no turn.
#[test]
fn a_call_beside_a_clock_of_32_bits_that_jumps() {
    model_with(2, || {
        let ticks = Ticks::at(Still::NOW);
        let window = cells::<_, 2>(Narrow(ticks.clone()));
        let (breaker, ticks) = ticking_with(TWO_FAILURES, window, ticks);
        race(
            &breaker,
            |b| on(1, || b.succeed()),
            move |b| {
                ticks.advance(1 << 25);
                b.succeed();
            },
        );
        assert!(breaker.tally().calls >= 1, "the one after the jump");
    });
}

/// A tally beside a thread that moves on by a bucket, over the mark that the tally needs:
/// it holds what is in the window before or after.
#[test]
fn a_tally_while_a_thread_moves_on() {
    model_with(2, || {
        let ticks = Ticks::at(Still::NOW);
        let config = TWO_FAILURES.failures_in_window(9);
        let (breaker, ticks) = ticking_with(config, cells::<_, 2>(ticks.clone()), ticks);
        on(1, || b_fail_then(&breaker, &ticks));
        let (_, tally) = race(
            &breaker,
            move |b| {
                on(1, || {
                    ticks.advance(10);
                    b.succeed()
                })
            },
            |b| b.tally(),
        );
        // One call in the first bucket, one in the second, and perhaps one in the third,
        // which pushes the first one out.
        let seen = (tally.calls, tally.failed);
        assert!(matches!(seen, (2, 2) | (1, 1) | (2, 1)), "{seen:?}");
    });
}

fn b_fail_then<const B: usize>(breaker: &Observed<Cells<Ticks, B>, Ticks>, ticks: &Ticks) {
    breaker.fail();
    ticks.advance(10);
    breaker.fail();
}

/// A thread that begins a bucket hides nothing from one that looks at the window meanwhile.
#[test]
fn a_tally_while_a_thread_comes_to_the_same_bucket() {
    model_with(2, || {
        let ticks = Ticks::at(Still::NOW);
        let config = TWO_FAILURES.failures_in_window(9);
        let (breaker, ticks) = ticking_with(config, cells::<_, 1>(ticks.clone()), ticks);
        on(1, || breaker.fail());
        ticks.advance(10);
        breaker.succeed();
        let (_, tally) = race(&breaker, |b| on(1, || b.fail()), |b| b.tally());
        let seen = (tally.calls, tally.failed);
        assert!(matches!(seen, (1, 0) | (2, 1)), "{seen:?}");
    });
}

/// A thread that begins a tenure brings nothing from the one before.
#[test]
fn a_failure_beside_a_thread_that_comes_to_the_same_tenure() {
    model_with(2, || {
        let breaker = still(TWO_FAILURES, cells::<_, 1>(Still));
        on(1, || breaker.fail());
        breaker.reset();
        race(&breaker, |b| on(1, || b.succeed()), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Closed);
        assert_eq!(breaker.tally(), Tally { calls: 2, failed: 1, ..Tally::default() });
    });
}

/// The failure of before the reset does not count after it, and none of those is lost.
#[test]
fn failures_after_a_reset_beside_one_of_before() {
    model_with(2, || {
        let breaker = still(TWO_FAILURES.failures_in_window(3), cells::<_, 1>(Still));
        let token = breaker.hold().unwrap();
        race(
            &breaker,
            move |b| on(1, || b.resume(token).failure()),
            |b| {
                b.reset();
                b.fail();
                b.fail();
            },
        );
        assert_eq!(breaker.tally().failed, 2);
        assert_eq!(breaker.phase(), Phase::Closed);
    });
}

/// Those of both threads count, whichever begins the tenure in the window.
#[test]
fn failures_that_each_find_a_new_tenure() {
    model_with(2, || {
        let breaker = still(TWO_FAILURES, cells::<_, 1>(Still));
        breaker.reset();
        race(&breaker, |b| on(1, || b.fail()), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

/// A thread that ends a call of an earlier tenure does not take the cell back to that.
#[test]
fn a_stale_failure_in_a_common_cell() {
    model_with(2, || {
        let breaker = still(TWO_FAILURES, cells::<_, 1>(Still));
        let token = breaker.hold().unwrap();
        let stale = move |b: &Observed<_>| on(COMMON, || b.resume(token).failure());
        let beside = |b: &Observed<Cells<Still, 1>>| {
            on(COMMON, || {
                b.reset();
                b.fail();
            })
        };
        race(&breaker, stale, beside);
        on(COMMON, || breaker.fail());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}
