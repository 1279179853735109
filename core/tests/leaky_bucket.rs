//! The leaky bucket: levels, weights, and the promises of its design.

use microbreaker::{
    Breaker, CallError, Cause, Config, ConfigError, CountWindow, Leak, LeakError, LeakyBucket,
    Outcome, Phase, ShortWindow, WithSlow, clock::ManualClock, config::Field, window::Window,
};
use proptest::prelude::*;

/// A failure weighs as much as fourteen successes.
const LEAK: Leak = Leak::new(14, 1, 100);

fn leaking<W: Window>(leak: Leak, beside: W) -> Breaker<LeakyBucket<W>, fn() -> u32> {
    let config = Config::new().leaky_bucket(leak).open_for(500);
    Breaker::new(config, LeakyBucket::new(beside), || 0)
}

fn fail<W: Window>(breaker: &Breaker<W, fn() -> u32>) {
    let failed = breaker.call(|| Err::<(), _>("no answer"));
    assert_eq!(failed, Err(CallError::Failed("no answer")), "the call was made");
}

fn succeed<W: Window>(breaker: &Breaker<W, fn() -> u32>) {
    breaker.call(|| Ok::<_, ()>(())).expect("the call is made");
}

#[test]
fn failures_fill_it_and_successes_drain_it() {
    let breaker = leaking(LEAK, ());
    succeed(&breaker);
    assert_eq!(breaker.tally().level, 0);
    fail(&breaker);
    succeed(&breaker);
    assert_eq!(breaker.tally().level, 13);
    for _ in 0..20 {
        succeed(&breaker);
    }
    assert_eq!(breaker.tally().level, 0);
}

#[test]
fn it_trips_at_the_limit_and_shows_the_level_that_tripped_it() {
    let breaker = leaking(LEAK, ());
    for _ in 0..7 {
        fail(&breaker);
    }
    assert_eq!((breaker.phase(), breaker.tally().level), (Phase::Closed, 98));
    succeed(&breaker);
    fail(&breaker);
    assert_eq!((breaker.phase(), breaker.tally().level), (Phase::Open, 100));
    assert_eq!(breaker.snapshot().tally.level, 100);
}

#[test]
fn it_is_empty_again_after_a_reset_and_after_as_many_tenures_as_there_are_generations() {
    let breaker = leaking(LEAK, ());
    fail(&breaker);
    breaker.reset();
    assert_eq!(breaker.tally().level, 0);
    fail(&breaker);
    for _ in 0..256 {
        breaker.reset();
        assert_eq!(breaker.tally().level, 0);
    }
    assert_eq!(breaker.tally().level, 0);
}

#[test]
fn a_failure_may_weigh_more_or_nothing() {
    let breaker = leaking(LEAK, ());
    let end = |outcome| breaker.try_acquire().unwrap().finish(outcome);
    end(Outcome::WeightedFailure(0));
    assert_eq!(breaker.tally().level, 0);
    end(Outcome::WeightedFailure(3));
    assert_eq!(breaker.tally().level, 42);
    end(Outcome::WeightedFailure(255));
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_weight_counts_once_everywhere_else() {
    let config = Config::new().failures_in_window(2).last_calls(8).open_for(500);
    let breaker = Breaker::new(config, ShortWindow::new(), || 0);
    breaker.try_acquire().unwrap().finish(Outcome::WeightedFailure(200));
    assert_eq!((breaker.phase(), breaker.tally().failed), (Phase::Closed, 1));
    breaker.try_acquire().unwrap().finish(Outcome::WeightedFailure(0));
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn the_largest_leak_does_not_overflow() {
    let most = (1 << 23) - 1;
    let breaker = leaking(Leak::new(most, most, most), ());
    breaker.try_acquire().unwrap().finish(Outcome::WeightedFailure(255));
    assert_eq!((breaker.phase(), breaker.tally().level), (Phase::Open, most));

    let breaker = leaking(Leak::new(most - 1, most, most), ());
    fail(&breaker);
    assert_eq!(breaker.tally().level, most - 1);
    succeed(&breaker);
    assert_eq!(breaker.tally().level, 0);
}

#[test]
fn other_policies_work_beside_it() {
    let config = Config::new()
        .leaky_bucket(LEAK)
        .slow_rate(50)
        .slow_after(10)
        .min_calls(2)
        .last_calls(4)
        .open_for(500);
    let clock = ManualClock::new(0);
    let window = WithSlow::new(CountWindow::<3>::new(), CountWindow::new());
    let breaker = Breaker::new(config, LeakyBucket::new(window), &clock);
    for _ in 0..2 {
        breaker.try_acquire().unwrap().took(11).success();
    }
    assert_eq!((breaker.phase(), breaker.tally().slow), (Phase::Open, 2));
}

#[test]
fn a_dry_run_reports_a_full_bucket_once_until_it_has_drained() {
    use std::cell::RefCell;

    #[derive(Default)]
    struct Reports(RefCell<Vec<Cause>>);

    impl microbreaker::Observer for Reports {
        fn would_trip(&self, cause: Cause) {
            self.0.borrow_mut().push(cause);
        }
    }

    let config = Config::new().leaky_bucket(Leak::new(50, 10, 100)).open_for(500);
    let breaker = Breaker::observed(config, LeakyBucket::new(()), || 0, Reports::default());
    breaker.metrics_only();
    let end = |outcome| breaker.try_acquire().unwrap().finish(outcome);
    let reported = || breaker.observer().0.borrow().len();
    for _ in 0..4 {
        end(Outcome::Failure);
    }
    assert_eq!((breaker.tally().level, reported()), (100, 1));
    end(Outcome::Success);
    end(Outcome::Failure);
    assert_eq!(reported(), 2);
    assert!(breaker.observer().0.borrow().iter().all(|cause| *cause == Cause::LeakyBucket));
}

// Configurations.

#[test]
fn a_leak_out_of_range_is_refused() {
    let check = |up, down, limit| {
        let config = Config::new().leaky_bucket(Leak::new(up, down, limit)).open_for(500);
        config.check::<LeakyBucket>().map_err(|error| (error.field, error.value))
    };
    assert_eq!(check(14, 1, 100), Ok(()));
    assert_eq!(check(14, 1, 0), Err((Field::LeakLimit, 0)));
    assert_eq!(check(14, 1, 1 << 23), Err((Field::LeakLimit, 1 << 23)));
    assert_eq!(check(0, 1, 100), Err((Field::LeakUp, 0)));
    assert_eq!(check(101, 1, 100), Err((Field::LeakUp, 101)));
    assert_eq!(check(14, 0, 100), Err((Field::LeakDown, 0)));
    assert_eq!(check(14, 101, 100), Err((Field::LeakDown, 101)));
}

#[test]
fn a_leak_needs_a_bucket_and_a_bucket_a_leak() {
    let leaky = Config::new().leaky_bucket(LEAK).open_for(500);
    let error = leaky.check::<()>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "leaky_bucket_limit must be 1 to 2^23 - 1, in a LeakyBucket, which needs it"
    );
    let row = Config::new().consecutive_failures(3).open_for(500);
    let error = row.check::<LeakyBucket>().unwrap_err();
    assert_eq!(error.to_string(), "leaky_bucket_limit is 0, but must be 1 to 8388607");
}

// The design.

#[test]
fn the_calls_until_a_trip_are_those_of_the_markov_chain() {
    let expected = [(0.01, 2.93e10), (0.1, 178.7), (0.2, 50.5), (0.5, 16.2), (1.0, 8.0)];
    for (failing, calls) in expected {
        let computed = LEAK.calls_until_trip(failing).unwrap();
        assert!((computed / calls - 1.0).abs() < 0.003, "{failing}: {computed}, not {calls}");
    }
    assert_eq!(LEAK.calls_until_trip(0.0), Some(f64::INFINITY));
}

/// Failures in a row are a bucket that a success empties: (1 - p^n) / ((1 - p) p^n) calls.
#[test]
fn a_bucket_that_a_success_empties_counts_failures_in_a_row() {
    for (n, p) in [(1, 0.3), (3, 0.1), (5, 0.01), (5, 0.5), (10, 0.9)] {
        let power = f64::powi(p, n);
        let expected = (1.0 - power) / ((1.0 - p) * power);
        let computed = Leak::new(1, n as u32, n as u32).calls_until_trip(p).unwrap();
        assert!((computed / expected - 1.0).abs() < 1e-9, "{n} {p}: {computed}, not {expected}");
    }
}

/// Each state's equation, solved by elimination, for all small leaks.
#[test]
fn the_calls_until_a_trip_solve_the_equations_of_the_levels() {
    for up in 1..=6 {
        for down in 1..=6 {
            for limit in up.max(down)..=24 {
                for failing in [0.05, 0.3, 0.5, 0.8, 1.0] {
                    let Some(computed) = Leak::new(up, down, limit).calls_until_trip(failing)
                    else {
                        assert!(up % down != 0 && down % up != 0);
                        continue;
                    };
                    let expected = by_elimination(up, down, limit, failing);
                    // Elimination loses digits where the calls are many.
                    if expected > 1e8 {
                        continue;
                    }
                    let off = (computed / expected - 1.0).abs();
                    assert!(off < 1e-6, "+{up}/-{down} at {limit}: {computed}, not {expected}");
                }
            }
        }
    }
}

fn by_elimination(up: u32, down: u32, limit: u32, failing: f64) -> f64 {
    let levels = limit as usize;
    // One row for each level: its coefficients, and 1.
    let mut rows: Vec<Vec<f64>> = (0..levels)
        .map(|level| {
            let mut row = vec![0.0; levels + 1];
            row[level] += 1.0;
            if level + (up as usize) < levels {
                row[level + up as usize] -= failing;
            }
            row[level.saturating_sub(down as usize)] -= 1.0 - failing;
            row[levels] = 1.0;
            row
        })
        .collect();
    for pivot in (0..levels).rev() {
        let row = rows[pivot].clone();
        for other in (0..levels).filter(|other| *other != pivot) {
            let factor = rows[other][pivot] / row[pivot];
            for (cell, of_pivot) in rows[other].iter_mut().zip(&row) {
                *cell -= factor * of_pivot;
            }
        }
    }
    rows[0][levels] / rows[0][0]
}

/// A design is a constant: no float is left for the target.
const DESIGNED: Leak = Leak::designed(0.01, 0.1, 1e6);
const PROMISE: Option<f64> = DESIGNED.calls_until_trip(0.01);

#[test]
fn a_design_keeps_its_promise_and_no_lower_limit_does() {
    assert!(PROMISE.unwrap() >= 1e6);
    for (normal, bad, calls) in [
        (0.01, 0.1, 1e6),
        (0.001, 0.01, 1e5),
        (0.05, 0.5, 1e9),
        (0.3, 0.9, 1e6),
        (0.5, 0.95, 1e4),
        (0.2, 1.0, 1e4),
    ] {
        let leak = Leak::try_designed(normal, bad, calls).unwrap();
        let (up, down, limit) = (leak.up(), leak.down(), leak.limit());
        assert!(leak.calls_until_trip(normal).unwrap() >= calls, "{leak:?}");
        let lower = Leak::new(up, down, limit - 1).calls_until_trip(normal).unwrap();
        assert!(lower < calls, "{leak:?}: {lower}");
        // The ratio of the steps is that of what a failure and a success say.
        let failure = f64::ln(bad / normal);
        let success = f64::ln((1.0 - normal) / (1.0 - bad));
        let ratio = if up > 1 { failure / success } else { success / failure };
        let step = f64::from(up.max(down));
        let empties = down == limit && ratio > step;
        assert!((ratio - step).abs() <= 0.5 || empties, "{leak:?}, ratio {ratio}");
    }
}

fn accepted(leak: Leak) -> Result<(), ConfigError> {
    Config::new().leaky_bucket(leak).open_for(500).check::<LeakyBucket>()
}

/// One success empties the bucket, or one failure fills it.
#[test]
fn a_design_of_a_low_limit_is_accepted() {
    let designed = |normal, bad, calls| {
        let leak = Leak::designed(normal, bad, calls);
        assert_eq!(accepted(leak), Ok(()), "{leak:?}");
        (leak.up(), leak.down(), leak.limit())
    };
    assert_eq!(designed(0.01, 1.0, 1e6), (1, 3, 3));
    assert_eq!(designed(0.2, 1.0, 1e4), (1, 6, 6));
    assert_eq!(designed(0.01, 0.1, 50.0), (24, 1, 24));
}

proptest! {
    /// Or it is refused, whatever was promised.
    #[test]
    fn whatever_is_designed_is_accepted_and_keeps_its_promise(
        normal in prop_oneof![0.0..1.0, (-12.0..0.0).prop_map(f64::exp)],
        bad in prop_oneof![0.0..1.0, (-9.0..0.0).prop_map(f64::exp), Just(1.0)],
        calls in (-1.0..30.0).prop_map(f64::exp),
    ) {
        let (normal, bad) = if normal < bad { (normal, bad) } else { (bad, normal) };
        if let Ok(leak) = Leak::try_designed(normal, bad, calls) {
            prop_assert_eq!(accepted(leak), Ok(()), "{:?}", leak);
            let keeps = leak.calls_until_trip(normal).expect("it is designed");
            prop_assert!(keeps >= calls, "{:?} keeps {}", leak, keeps);
        }
    }
}

#[test]
fn a_design_that_cannot_be_kept_is_refused() {
    let refusals = [
        (0.1, 0.01, 1e6, LeakError::Order),
        (0.1, 0.1, 1e6, LeakError::Order),
        (0.0, 0.1, 1e6, LeakError::Order),
        (0.1, 1.1, 1e6, LeakError::Order),
        (f64::NAN, 0.1, 1e6, LeakError::Order),
        (0.1, f64::NAN, 1e6, LeakError::Order),
        (1e-6, 1e-5, 1e6, LeakError::TooRare),
        (0.25, 0.3, 1e6, LeakError::TooClose),
        (0.4, 0.45, 1e6, LeakError::TooClose),
        (0.6, 0.65, 1e6, LeakError::TooClose),
        (0.01, 0.1, 0.0, LeakError::TooManyCalls),
        (0.01, 0.1, f64::NAN, LeakError::TooManyCalls),
        (0.01, 0.1, f64::INFINITY, LeakError::TooManyCalls),
        (0.30, 0.31, 1e300, LeakError::TooClose),
        (0.001, 0.0011, 1e9, LeakError::TooManyCalls),
    ];
    for (normal, bad, calls, error) in refusals {
        assert_eq!(Leak::try_designed(normal, bad, calls), Err(error), "{normal} {bad} {calls}");
    }
}

/// The promise, held against the breaker itself: calls until it trips, over many runs.
#[test]
fn a_simulation_agrees_with_the_promise() {
    const RUNS: u32 = 3_000;
    for (leak, failing) in [
        (LEAK, 0.1),
        (LEAK, 0.2),
        (LEAK, 0.5),
        (DESIGNED, 0.1),
        (Leak::designed(0.05, 0.5, 400.0), 0.05),
        (Leak::designed(0.3, 0.9, 400.0), 0.3),
    ] {
        let breaker = leaking(leak, ());
        let mut random = 0x5eed_u64;
        let mut calls = 0_u32;
        for _ in 0..RUNS {
            while breaker.phase() == Phase::Closed {
                calls += 1;
                if next(&mut random) < failing { fail(&breaker) } else { succeed(&breaker) }
            }
            breaker.reset();
        }
        let (simulated, promised) =
            (f64::from(calls) / f64::from(RUNS), leak.calls_until_trip(failing).unwrap());
        let off = (simulated / promised - 1.0).abs();
        assert!(off < 0.05, "{leak:?} at {failing}: {simulated}, not {promised}");
    }
}

/// A number from 0 to 1: Marsaglia's xorshift.
fn next(random: &mut u64) -> f64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    (*random >> 11) as f64 / (1_u64 << 53) as f64
}

/// The logarithm that a constant has to do without, against the real one.
#[test]
fn the_steps_are_the_nearest_whole_ratio() {
    for normal in (1..60).map(|percent| f64::from(percent) / 100.0) {
        for bad in (2..100).map(|percent| f64::from(percent) / 100.0) {
            let Ok(leak) = Leak::try_designed(normal, bad, 10.0) else { continue };
            let failure = f64::ln(bad / normal);
            let success = f64::ln((1.0 - normal) / (1.0 - bad));
            let (ratio, step) = if failure >= success {
                (failure / success, leak.up())
            } else {
                (success / failure, leak.down())
            };
            let step = f64::from(step);
            let empties = leak.down() == leak.limit() && ratio > step;
            assert!(ratio.round() == step || empties, "{normal}, {bad}: {ratio}");
        }
    }
}

#[test]
fn the_longest_step_is_allowed_and_a_longer_one_refused() {
    let up = |normal| Leak::try_designed(normal, 10.0 * normal, 10.0).map(Leak::up);
    assert_eq!(up(2.4945e-4), Ok(1_024));
    assert_eq!(up(2.4920e-4), Err(LeakError::TooRare));
}

#[test]
fn no_promise_is_told_where_there_is_none() {
    let leaks = [(0, 1, 9), (1, 0, 9), (1, 1, 0), (2, 3, 9), (1_025, 1, 2_000), (1, 1_025, 2_000)];
    for (up, down, limit) in leaks {
        assert_eq!(Leak::new(up, down, limit).calls_until_trip(0.5), None, "+{up}/-{down}");
    }
    assert!(Leak::new(1_024, 1, 2_000).calls_until_trip(0.5).is_some());
    assert!(Leak::new(1, 1_024, 2_000).calls_until_trip(0.5).is_some());
    for failing in [-0.1, 1.1, f64::NAN] {
        assert_eq!(LEAK.calls_until_trip(failing), None);
    }
}

#[test]
fn a_refused_design_says_what_it_must_be() {
    let text = |normal, bad, calls| Leak::try_designed(normal, bad, calls).unwrap_err().to_string();
    assert_eq!(text(0.2, 0.1, 1e6), "bad Leak: the rates must be 0 < normal < bad <= 1");
    let rare = "bad Leak: the normal rate must be so high that up is at most 1024";
    assert_eq!(text(1e-6, 1e-5, 1e6), rare);
}
