//! What the exact window remembers, compared with a plain list.
#![cfg(not(target_family = "wasm"))]

use std::cell::Cell;
use std::time::Duration;

use microbreaker::{Breaker, Config, Outcome, Phase, Tally};
use microbreaker_std::clock::{Clock, PausedClock};
use microbreaker_std::{Builder, ExactTimeWindow};
use proptest::prelude::*;

const BUCKETS: u64 = 4;
const BUCKET: u64 = 5;
const TURN: u64 = 1 << 32;

/// A call that ends on a thread with an outcome, `wait` after the one before.
#[derive(Clone, Debug)]
struct Step {
    thread: usize,
    failed: bool,
    took: u32,
    wait: u64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![
        8 => 0..8_u64,
        1 => 0..2 * BUCKETS * BUCKET,
        1 => (1..4_u64, 0..40_u64).prop_map(|(turns, more)| turns * TURN - 20 + more),
    ];
    // Some have a cell of their own, and others have not.
    let thread = prop_oneof![Just(0), Just(1), Just(9), Just(64), Just(65), Just(usize::MAX)];
    let step = (thread, any::<bool>(), 0..10_u32, wait);
    let step = step.prop_map(|(thread, failed, took, wait)| Step { thread, failed, took, wait });
    prop::collection::vec(step, 1..200)
}

/// A call as the list has it.
struct Ended {
    at: u64,
    failed: bool,
    slow: bool,
}

/// Takes `steps` on a window that reads `clock`, and compares its tally with that of the list.
/// A dry run refuses nothing, and a breaker that is `closed` asks for more calls than it gets.
fn compare<C: Clock + Clone>(
    closed: bool,
    steps: &[Step],
    start: u64,
    clock: C,
    advance: impl Fn(u64),
) -> Result<(), TestCaseError> {
    let here = Cell::new(0);
    let window =
        ExactTimeWindow::<_, { BUCKETS as usize }, true, _>::with(clock.clone(), || here.get());
    let config = Config::new().failure_rate(100).slow_rate(100).slow_after(4).min_calls(1_000);
    let breaker = Breaker::new(config.bucket(BUCKET as u32).open_for(9), window, clock);
    if !closed {
        breaker.metrics_only();
    }
    let (mut now, mut list) = (start, Vec::new());
    for Step { thread, failed, took, wait } in steps {
        now += wait;
        advance(*wait);
        here.set(*thread);
        let end = if *failed { Outcome::Failure } else { Outcome::Success };
        breaker.try_acquire().unwrap().took(*took).finish(end);
        list.push(Ended { at: now, failed: *failed, slow: *took > 4 });
        let inside = || list.iter().filter(|call| now / BUCKET < call.at / BUCKET + BUCKETS);
        let expected = Tally {
            calls: inside().count() as u32,
            failed: inside().filter(|call| call.failed).count() as u32,
            slow: inside().filter(|call| call.slow).count() as u32,
            level: 0,
        };
        prop_assert_eq!(breaker.tally(), expected);
    }
    Ok(())
}

/// A clock of 32 bits.
#[derive(Clone)]
struct Wrapping(PausedClock);

impl Clock for Wrapping {
    fn now(&self) -> u32 {
        self.0.now()
    }
}

proptest! {
    /// Also after silences of whole turns of the clock.
    #[test]
    fn it_holds_what_a_list_does(steps in steps(), closed: bool) {
        let clock = PausedClock::new();
        compare(closed, &steps, 0, clock.clone(), |wait| clock.advance(Duration::from_millis(wait)))?;
    }

    /// If nobody is silent for almost a turn, also by a clock that wraps.
    #[test]
    fn it_does_across_the_wrap_of_a_clock(
        steps in steps(),
        closed: bool,
        before in 0..TURN - (1 << 17),
    ) {
        let clock = PausedClock::new();
        let ms = Duration::from_millis;
        clock.advance(ms(before));
        let most = TURN - (1 << 25);
        let shorter = steps.into_iter().map(|step| Step { wait: step.wait % most, ..step });
        let mut steps: Vec<_> = shorter.collect();
        // The window counts from the tick that it reads first.
        steps[0].wait = 0;
        let start = TURN + before;
        compare(closed, &steps, start, Wrapping(clock.clone()), |wait| clock.advance(ms(wait)))?;
    }

    /// The first reading may be just before the wrap, where another thread may be behind.
    #[test]
    fn it_does_when_the_clock_begins_just_before_its_wrap(
        steps in steps(),
        closed: bool,
        before in 1..60_u64,
    ) {
        let clock = PausedClock::new();
        let ms = Duration::from_millis;
        clock.advance(ms(TURN - before));
        let most = TURN - (1 << 25);
        let shorter = steps.into_iter().map(|step| Step { wait: step.wait % most, ..step });
        let mut steps: Vec<_> = shorter.collect();
        steps[0].wait = 0;
        let wrapping = Wrapping(clock.clone());
        compare(closed, &steps, TURN - before, wrapping, |wait| clock.advance(ms(wait)))?;
    }
}

type Ten<C> = ExactTimeWindow<C, 10>;

/// A minute of health at a hundred calls a millisecond, and then 13 ms in which all fail: at
/// most 0.13 % of the calls of the last ten seconds.
#[test]
fn a_blip_among_a_million_calls_is_no_rate_of_ten_percent() {
    let clock = PausedClock::new();
    let config = Config::new().failure_rate(10).min_calls(100).bucket(1_000).open_for(5_000);
    let breaker = Breaker::new(config, Ten::new(clock.clone()), clock.clone());
    let for_ms = |millis, outcome| {
        for _ in 0..millis {
            for _ in 0..100 {
                breaker.try_acquire().unwrap().finish(outcome);
            }
            clock.advance(Duration::from_millis(1));
        }
    };
    for_ms(15_000, Outcome::Success);
    for_ms(13, Outcome::Failure);
    assert_eq!(breaker.phase(), Phase::Closed);
    let tally = breaker.tally();
    assert_eq!((tally.calls, tally.failed), (901_300, 1_300));
}

#[test]
fn a_million_calls_can_be_asked_for_and_a_rate_of_one_in_two_thousand() {
    let clock = PausedClock::new();
    let config = Config::new().failure_ratio(1, 2_000).min_calls(1_000_000).bucket(1_000);
    let breaker = Breaker::new(config.open_for(5_000), Ten::new(clock.clone()), clock);
    let call =
        |count, outcome| (0..count).for_each(|_| breaker.try_acquire().unwrap().finish(outcome));
    call(500, Outcome::Failure);
    call(999_499, Outcome::Success);
    assert_eq!(breaker.phase(), Phase::Closed);
    call(1, Outcome::Failure);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_success_counts_in_the_tenure_in_which_it_ended() {
    let clock = PausedClock::new();
    let config = Config::new().failures_in_window(2).bucket(1_000).open_for(1);
    let breaker = Breaker::new(config, Ten::new(clock.clone()), clock);
    for _ in 0..3 {
        for calls in 1..4 {
            breaker.try_acquire().unwrap().success();
            assert_eq!(breaker.tally().calls, calls);
        }
        breaker.reset();
    }
}

/// More of them than the generation of a breaker tells apart.
#[test]
fn tenures_of_one_window_are_told_apart() {
    let clock = PausedClock::new();
    let config = Config::new().failures_in_window(2).bucket(60_000).open_for(1);
    let here = Cell::new(1);
    let window = ExactTimeWindow::<_, 1, false, _>::with(clock.clone(), || here.get());
    let breaker = Breaker::new(config, window, clock);
    breaker.try_acquire().unwrap().failure();
    here.set(0);
    for _ in 0..1_024 {
        breaker.reset();
        assert_eq!(breaker.tally(), Tally::default());
        breaker.try_acquire().unwrap().failure();
        assert_eq!(breaker.phase(), Phase::Closed);
    }
}

/// Also if nobody calls in any of them, so that the generation comes round to the first.
#[test]
fn tenures_without_calls_are_told_apart() {
    let clock = PausedClock::new();
    let config = Config::new().failures_in_window(2).bucket(60_000).open_for(1);
    let breaker = Breaker::new(config, ExactTimeWindow::<_, 1>::new(clock.clone()), clock);
    breaker.try_acquire().unwrap().failure();
    for _ in 0..1_024 {
        breaker.reset();
        assert_eq!(breaker.tally(), Tally::default());
    }
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.phase(), Phase::Closed);
}

/// Exact totals of what many threads do at once, more of them than have a cell.
#[test]
fn threads_lose_nothing() {
    const THREADS: u32 = 100;
    const CALLS: u32 = 1_000;
    let clock = PausedClock::new();
    let config = Config::new().failure_rate(100).bucket(1_000).open_for(5_000);
    let breaker = Breaker::new(config, Ten::new(clock.clone()), clock);
    breaker.metrics_only();
    let everyone = std::sync::Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                everyone.wait();
                for call in 0..CALLS {
                    let end = if call % 10 == 0 { Outcome::Failure } else { Outcome::Success };
                    breaker.try_acquire().unwrap().finish(end);
                }
                everyone.wait();
            });
        }
    });
    let tally = breaker.tally();
    assert_eq!((tally.calls, tally.failed), (THREADS * CALLS, THREADS * CALLS / 10));
}

const SECOND: Duration = Duration::from_secs(1);

/// A handle with a window of ten seconds.
fn handle(clock: &PausedClock, set: impl FnOnce(Builder) -> Builder) -> microbreaker_std::Breaker {
    let builder = microbreaker_std::Breaker::builder("upstream").within(10 * SECOND);
    set(builder.open_for(5 * SECOND).clock(clock.clone())).build().unwrap()
}

#[test]
fn a_handle_does_not_open_at_less_than_a_percent_of_a_million_calls() {
    let clock = PausedClock::new();
    let breaker = handle(&clock, |builder| builder.failure_rate(1).min_calls(500_000));
    // One of 125, evenly: 0.8 percent.
    for call in 1..=1_000_000 {
        let permit = breaker.try_acquire().unwrap();
        if call % 125 == 0 { permit.failure() } else { permit.success() }
    }
    assert_eq!(breaker.phase(), Phase::Closed);
    assert_eq!(breaker.snapshot().tally.calls, 1_000_000);
}

#[test]
fn a_handle_forgets_what_is_a_whole_turn_of_milliseconds_ago() {
    let clock = PausedClock::new();
    let breaker = handle(&clock, |builder| builder.failure_rate(50).min_calls(2));
    breaker.try_acquire().unwrap().failure();
    clock.advance(Duration::from_millis(TURN));
    breaker.try_acquire().unwrap().failure();
    assert_eq!(breaker.phase(), Phase::Closed);
    assert_eq!(breaker.snapshot().tally.calls, 1);
}
