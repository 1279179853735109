//! What striped windows remember, compared with one window and with plain lists.

use std::cell::Cell;
use std::collections::VecDeque;

use microbreaker::{
    Breaker, Config, CountWindow, Outcome, Phase, Tally, TimeWindow, WithSlow, clock::ManualClock,
    window::Window,
};
use microbreaker_std::Striped;
use proptest::prelude::*;

const STRIPES: usize = 3;
const LAST: usize = 5;

/// A call that ends on a stripe with an outcome, `ticks` after the one before.
#[derive(Clone, Copy, Debug)]
struct Step {
    stripe: usize,
    failed: bool,
    took: u32,
    ticks: u32,
}

fn steps(stripes: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = (0..stripes, any::<bool>(), 0..10_u32, 0..8_u32);
    let step = step.prop_map(|(stripe, failed, took, ticks)| Step { stripe, failed, took, ticks });
    prop::collection::vec(step, 1..200)
}

/// A window that records calls in the stripe given by `here`.
fn stripes<W: Window>(
    make: impl Fn() -> W,
    here: &Cell<usize>,
) -> Striped<W, Box<dyn Fn() -> usize + '_>> {
    Striped::with(STRIPES, make, Box::new(|| here.get()))
}

fn take<W: Window>(breaker: &Breaker<W, &'static ManualClock>, step: Step) {
    if let Ok(permit) = breaker.try_acquire() {
        let end = if step.failed { Outcome::Failure } else { Outcome::Success };
        permit.took(step.took).finish(end);
    }
}

fn clock() -> &'static ManualClock {
    Box::leak(Box::new(ManualClock::new(0)))
}

/// Takes `steps` on a breaker with one window and on a breaker with stripes; the two
/// must not differ.
fn the_same<W: Window>(
    config: Config,
    make: impl Fn() -> W,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let (clock, here) = (clock(), Cell::new(0));
    let one = Breaker::new(config, make(), clock);
    let many = Breaker::new(config, stripes(make, &here), clock);
    for &step in steps {
        clock.advance(step.ticks);
        here.set(step.stripe);
        take(&one, step);
        take(&many, step);
        prop_assert_eq!(one.phase(), many.phase());
        prop_assert_eq!(one.tally(), many.tally());
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_window_by_time_is_the_same_in_stripes(steps in steps(STRIPES)) {
        let config = Config::new().failure_rate(60).min_calls(4).bucket(4).open_for(9);
        the_same(config, TimeWindow::<4>::new, &steps)?;
        let make = || WithSlow::new(TimeWindow::<4>::new(), TimeWindow::new());
        the_same(config.slow_rate(70).slow_after(4), make, &steps)?;
    }

    #[test]
    fn a_window_by_count_is_the_same_while_all_calls_end_on_one_stripe(steps in steps(1)) {
        let config = Config::new().failures_in_window(3).last_calls(5).open_for(9);
        the_same(config, CountWindow::<5, 2>::new, &steps)?;
    }

    /// So it holds at least the last N calls of all, and at most N of each stripe.
    #[test]
    fn a_window_by_count_has_the_last_calls_of_each_stripe(steps in steps(STRIPES)) {
        let (clock, here) = (clock(), Cell::new(0));
        let config = Config::new().failures_in_window(5).last_calls(LAST as u32).open_for(9);
        let breaker = Breaker::new(config, stripes(CountWindow::<5, 2>::new, &here), clock);
        // Never refuses, so every call is recorded.
        breaker.metrics_only();
        let mut lists = vec![VecDeque::new(); STRIPES];
        for &step in &steps {
            here.set(step.stripe);
            take(&breaker, step);
            let list = &mut lists[step.stripe];
            list.push_back(step.failed);
            if list.len() > LAST {
                list.pop_front();
            }
            let all = lists.iter().flatten();
            let failed = all.clone().filter(|failed| **failed).count() as u32;
            let expected = Tally { calls: all.count() as u32, failed, slow: 0, level: 0 };
            prop_assert_eq!(breaker.tally(), expected);
        }
    }
}

#[test]
fn a_failure_on_one_stripe_counts_those_on_others() {
    let (clock, here) = (clock(), Cell::new(0));
    let config = Config::new().failures_in_window(3).last_calls(5).open_for(9);
    let breaker = Breaker::new(config, stripes(CountWindow::<3>::new, &here), clock);
    let failure = Step { stripe: 0, failed: true, took: 0, ticks: 0 };
    for stripe in 0..STRIPES {
        assert_eq!(breaker.phase(), Phase::Closed);
        here.set(stripe);
        take(&breaker, failure);
    }
    assert_eq!(breaker.phase(), Phase::Open);
}

/// More of them than the generation of a breaker tells apart.
#[test]
fn tenures_without_calls_are_told_apart() {
    let config = Config::new().failures_in_window(2).last_calls(5).open_for(9);
    let here = Cell::new(1);
    let breaker = Breaker::new(config, stripes(CountWindow::<5, 2>::new, &here), clock());
    breaker.try_acquire().unwrap().failure();
    for _ in 0..1_024 {
        breaker.reset();
        assert_eq!(breaker.tally(), Tally::default());
    }
}

#[test]
fn a_stripe_out_of_range_maps_to_an_existing_one() {
    let config = Config::new().failures_in_window(1).last_calls(5).open_for(9);
    let window = Striped::with(0, CountWindow::<3>::new, || usize::MAX);
    let breaker = Breaker::new(config, window, clock());
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn threads_share_what_they_record() {
    let config = Config::new().failures_in_window(8).last_calls(8).open_for(9);
    let breaker = Breaker::new(config, Striped::new(CountWindow::<3>::new), clock());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| breaker.try_acquire().unwrap().failure());
        }
    });
    assert_eq!(breaker.phase(), Phase::Open);
}
