//! Mistakes found in circuit breakers that are in use, which this one does not make.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Barrier, Mutex};
use std::thread;

use microbreaker::{
    Breaker, CallError, Cause, Config, CountWindow, Counters, Observer, Outcome, Phase, Token,
    Transition,
    clock::{ManualClock, STEP_BACK},
    config::Field,
    window::Window,
};

/// The tick at which tests start; far from 0, so that a tick that was never set would
/// show.
const START: u32 = 1_000_000;

/// Enough for the last 100.
type Last100 = CountWindow<{ CountWindow::<2>::words_for(100) }>;
type Observed<'a, W> = Breaker<W, &'a ManualClock, Counters>;

fn breaker<W: Window>(config: Config, window: W, clock: &ManualClock) -> Observed<'_, W> {
    Breaker::observed(config, window, clock, Counters::new())
}

/// Trips at the first failure, for 100 ticks.
const TOUCHY: Config = Config::new().consecutive_failures(1).open_for(100);

/// A `TOUCHY` breaker whose opening has just ended.
fn due(config: Config, clock: &ManualClock) -> Observed<'_, ()> {
    let breaker = breaker(config, (), clock);
    fail(&breaker);
    assert_eq!(breaker.phase(), Phase::Open);
    clock.advance(100);
    breaker
}

fn succeed<W: Window>(breaker: &Observed<'_, W>) {
    breaker.try_acquire().unwrap().success();
}

fn fail<W: Window>(breaker: &Observed<'_, W>) {
    breaker.try_acquire().unwrap().failure();
}

fn retry_after<W: Window>(breaker: &Observed<'_, W>) -> Option<u32> {
    breaker.try_acquire().unwrap_err().retry_after
}

// Windows.

#[test]
fn a_sliding_window_slides() {
    let clock = ManualClock::new(START);
    let config = Config::new().failures_in_window(5).last_calls(100).open_for(100);
    let breaker = breaker(config, Last100::new(), &clock);
    for _ in 0..100_000 {
        succeed(&breaker);
    }
    for _ in 0..4 {
        fail(&breaker);
        assert_eq!(breaker.phase(), Phase::Closed);
    }
    fail(&breaker);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_window_policy_sees_its_first_window() {
    let clock = ManualClock::new(START);
    let config = Config::new().failures_in_window(3).last_calls(100).open_for(100);
    let breaker = breaker(config, Last100::new(), &clock);
    // After the start, and after each recovery.
    for _ in 0..5 {
        for _ in 0..3 {
            assert_eq!(breaker.phase(), Phase::Closed);
            fail(&breaker);
        }
        assert_eq!(breaker.phase(), Phase::Open);
        clock.advance(100);
        succeed(&breaker);
    }
}

#[test]
fn a_window_of_100_needs_100_failures() {
    let last_100 = Config::new().last_calls(100).open_for(100);
    for config in [last_100.failures_in_window(100), last_100.failure_rate(100).min_calls(100)] {
        let clock = ManualClock::new(START);
        let breaker = breaker(config, Last100::new(), &clock);
        for _ in 0..99 {
            fail(&breaker);
        }
        assert_eq!(breaker.phase(), Phase::Closed);
        fail(&breaker);
        assert_eq!(breaker.phase(), Phase::Open);
    }
}

#[test]
fn a_failure_leaves_the_window_after_exactly_100_calls() {
    let clock = ManualClock::new(START);
    let config = Config::new().failures_in_window(2).last_calls(100).open_for(100);
    for between in [98, 99] {
        let breaker = breaker(config, Last100::new(), &clock);
        fail(&breaker);
        for _ in 0..between {
            succeed(&breaker);
        }
        fail(&breaker);
        assert_eq!(breaker.phase() == Phase::Open, between == 98);
    }
}

#[test]
fn min_calls_counts_before_the_window_is_full() {
    let clock = ManualClock::new(START);
    let config = Config::new().failure_rate(50).min_calls(4).last_calls(100).open_for(100);
    let breaker = breaker(config, Last100::new(), &clock);
    for _ in 0..3 {
        fail(&breaker);
        assert_eq!(breaker.phase(), Phase::Closed, "fewer than 4 calls");
    }
    fail(&breaker);
    assert_eq!(breaker.phase(), Phase::Open);
}

#[test]
fn a_success_never_trips() {
    let clock = ManualClock::new(START);
    let config = Config::new().failure_rate(50).min_calls(4).last_calls(100).open_for(100);
    let breaker = breaker(config, Last100::new(), &clock);
    for _ in 0..3 {
        fail(&breaker);
    }
    // Now 3 of 4 have failed, but the fourth call succeeded.
    succeed(&breaker);
    assert_eq!(breaker.phase(), Phase::Closed);
    fail(&breaker);
    assert_eq!(breaker.phase(), Phase::Open);
}

// Half-open.

#[test]
fn half_open_limits_probes() {
    let clock = ManualClock::new(START);
    let breaker = due(TOUCHY.probes(3), &clock);
    let probes = [(); 3].map(|()| breaker.try_acquire().unwrap());
    for _ in 0..10 {
        assert_eq!(breaker.try_acquire().unwrap_err().phase, Phase::HalfOpen);
    }
    // A success does not make room for a fourth probe.
    let [first, ..] = probes;
    first.success();
    assert!(breaker.try_acquire().is_err());
}

#[test]
fn a_hung_probe_does_not_wedge() {
    let clock = ManualClock::new(START);
    let breaker = due(TOUCHY.probe_timeout(30), &clock);
    let hung = breaker.try_acquire().unwrap().into_token();
    clock.advance(29);
    assert_eq!(retry_after(&breaker), Some(1));
    clock.advance(1);
    assert_eq!(breaker.phase(), Phase::Open);
    // The opening counts from the deadline, whenever a call notices it.
    clock.advance(40);
    assert_eq!(retry_after(&breaker), Some(60));
    clock.advance(60);
    succeed(&breaker);
    assert_eq!(breaker.phase(), Phase::Closed);
    breaker.resume(hung).failure();
    assert_eq!(breaker.phase(), Phase::Closed, "it reported too late");
}

#[test]
fn a_hung_probe_does_not_wedge_even_if_no_call_follows() {
    let clock = ManualClock::new(START);
    let breaker = due(TOUCHY.probe_timeout(30), &clock);
    let _hung = breaker.try_acquire().unwrap().into_token();
    clock.advance(30 + 100);
    assert_eq!(breaker.phase(), Phase::HalfOpen, "the opening that began at the deadline is over");
    succeed(&breaker);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_cancelled_probe_does_not_wedge() {
    let clock = ManualClock::new(START);
    let breaker = due(TOUCHY.no_probe_timeout(), &clock);
    for _ in 0..100 {
        drop(breaker.try_acquire().unwrap());
        breaker.try_acquire().unwrap().ignore();
    }
    assert_eq!(breaker.phase(), Phase::HalfOpen, "nothing was learnt");
    succeed(&breaker);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_panicking_probe_does_not_wedge() {
    let clock = ManualClock::new(START);
    let breaker = due(TOUCHY.no_probe_timeout(), &clock);
    let call = || breaker.call(|| -> Result<(), ()> { panic!("the probe") });
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(breaker.phase(), Phase::Open, "unwinding is a failure");
    assert_eq!(breaker.observer().counts().failures, 2);
    clock.advance(100);
    succeed(&breaker);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn more_successes_than_probes_are_refused() {
    let error = TOUCHY.probes(2).successes(3).check::<()>().unwrap_err();
    assert_eq!(error.field, Field::Successes);
}

#[test]
fn probe_counter_cannot_underflow() {
    let clock = ManualClock::new(START);
    let breaker = due(TOUCHY.probes(2).no_probe_timeout(), &clock);
    // Resuming a token more than once is a mistake, but a harmless one here.
    let token = breaker.try_acquire().unwrap().into_token();
    for _ in 0..5 {
        breaker.resume(token).ignore();
    }
    let _probes = [(); 2].map(|()| breaker.try_acquire().unwrap());
    assert!(breaker.try_acquire().is_err());
}

// Late outcomes.

#[test]
fn an_outcome_from_an_earlier_tenure_changes_nothing() {
    let clock = ManualClock::new(START);
    let breaker = breaker(TOUCHY.probes(2), (), &clock);
    let of_closed = [(); 4].map(|()| breaker.try_acquire().unwrap());
    let [a, b, c, d] = of_closed;
    fail(&breaker);
    a.success();
    assert_eq!(breaker.phase(), Phase::Open);
    clock.advance(100);
    let probe = breaker.try_acquire().unwrap();
    b.success();
    c.failure();
    assert_eq!(breaker.phase(), Phase::HalfOpen, "only probes decide");
    let old_probe = breaker.try_acquire().unwrap();
    probe.failure();
    assert_eq!(breaker.phase(), Phase::Open);
    clock.advance(100);
    let probe = breaker.try_acquire().unwrap();
    old_probe.failure();
    assert_eq!(breaker.phase(), Phase::HalfOpen, "a probe from an earlier tenure does not count");
    probe.success();
    succeed(&breaker);
    assert_eq!(breaker.phase(), Phase::Closed);
    d.failure();
    assert_eq!(breaker.phase(), Phase::Closed, "nor does an earlier call");
    assert_eq!(breaker.observer().counts().stale, 5);
}

#[test]
fn late_failures_neither_extend_the_opening_nor_notify() {
    let clock = ManualClock::new(START);
    let breaker = breaker(TOUCHY, (), &clock);
    let late = [(); 3].map(|()| breaker.try_acquire().unwrap());
    fail(&breaker);
    for (permit, left) in late.into_iter().zip([90, 80, 70]) {
        clock.advance(10);
        permit.failure();
        assert_eq!(retry_after(&breaker), Some(left));
    }
    assert_eq!(breaker.observer().counts().transitions, 1);
}

#[test]
fn racing_trips_do_not_skip_the_cooldown() {
    const THREADS: usize = 4;
    const ROUNDS: u32 = 2_000;
    let clock = ManualClock::new(START);
    let breaker = breaker(TOUCHY, (), &clock);
    let start = Barrier::new(THREADS);
    let tripped = Barrier::new(THREADS);
    let skipped = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    let permit = breaker.try_acquire().unwrap();
                    start.wait();
                    permit.failure();
                    // Whichever thread tripped it, it is open now, and no time passes.
                    let answer = breaker.try_acquire().map_err(|rejected| rejected.retry_after);
                    if answer.as_ref().err() != Some(&Some(100)) {
                        skipped.lock().unwrap().push((round, format!("{answer:?}")));
                    }
                    drop(answer);
                    if tripped.wait().is_leader() {
                        // The next trip comes long after any tick published so far.
                        breaker.reset();
                        clock.advance(1_000);
                    }
                    start.wait();
                }
            });
        }
    });
    assert_eq!(*skipped.lock().unwrap(), []);
    let counts = breaker.observer().counts();
    assert_eq!(counts.transitions, 2 * ROUNDS, "one trip and one reset per round");
    assert_eq!(counts.stale, (THREADS as u32 - 1) * ROUNDS);
}

// Time.

#[test]
fn a_clock_stepping_back_does_not_pin_it_open() {
    for step in [1, 100, 101, STEP_BACK] {
        let clock = ManualClock::new(START);
        let breaker = breaker(TOUCHY, (), &clock);
        fail(&breaker);
        clock.set(START - step);
        assert_eq!(retry_after(&breaker), Some(100), "a step back by {step} counts as no time");
        clock.set(START + 99);
        assert_eq!(retry_after(&breaker), Some(1));
        clock.set(START + 100);
        succeed(&breaker);
        assert_eq!(breaker.phase(), Phase::Closed);
    }
}

#[test]
fn a_clock_stepping_back_does_not_end_half_open() {
    let clock = ManualClock::new(START);
    let breaker = due(TOUCHY.probe_timeout(1), &clock);
    let probe = breaker.try_acquire().unwrap();
    clock.set(START + 100 - STEP_BACK);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    probe.success();
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_wrapping_clock_does_not_pin_it_open() {
    for before in [0, 1, 50, 99, 100] {
        let clock = ManualClock::new(0_u32.wrapping_sub(before));
        let breaker = breaker(TOUCHY, (), &clock);
        fail(&breaker);
        clock.advance(99);
        assert_eq!(retry_after(&breaker), Some(1));
        clock.advance(1);
        succeed(&breaker);
        assert_eq!(breaker.phase(), Phase::Closed);
    }
}

/// The documented cost of a wrapping clock.
#[test]
fn after_a_whole_clock_period_without_calls_it_opens_once_more() {
    let clock = ManualClock::new(START);
    let breaker = breaker(TOUCHY, (), &clock);
    fail(&breaker);
    for _ in 0..2 {
        clock.advance(1 << 31);
    }
    assert_eq!(retry_after(&breaker), Some(100));
    clock.advance(100);
    succeed(&breaker);
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_demanded_opening_of_0_ticks_is_ignored() {
    let clock = ManualClock::new(START);
    let breaker = breaker(TOUCHY.consecutive_failures(2), (), &clock);
    breaker.trip_for(0);
    assert_eq!(breaker.phase(), Phase::Closed);
    breaker.try_acquire().unwrap().finish(Outcome::FailureOpenFor(0));
    assert_eq!(breaker.phase(), Phase::Closed, "one failure of two");
    breaker.try_acquire().unwrap().finish(Outcome::FailureOpenFor(0));
    assert_eq!(
        retry_after(&breaker),
        Some(100),
        "the second failure trips it, for the configured time"
    );
}

// Callbacks, manual control and counting.

#[test]
fn a_callback_may_read_the_state() {
    static CLOCK: ManualClock = ManualClock::new(START);
    static READ: Mutex<Vec<(Phase, Phase)>> = Mutex::new(Vec::new());
    static BREAKER: Breaker<CountWindow<3>, &ManualClock, Curious> =
        Breaker::observed(TOUCHY.last_calls(10), CountWindow::new(), &CLOCK, Curious);

    struct Curious;
    impl Observer for Curious {
        fn transition(&self, transition: &Transition) {
            let _ = BREAKER.tally();
            READ.lock().unwrap().push((transition.to, BREAKER.phase()));
            if transition.to == Phase::Open {
                assert_eq!(BREAKER.try_acquire().unwrap_err().retry_after, Some(100));
            }
        }
    }

    BREAKER.try_acquire().unwrap().failure();
    CLOCK.advance(100);
    BREAKER.try_acquire().unwrap().success();
    let expected = [Phase::Open, Phase::HalfOpen, Phase::Closed].map(|phase| (phase, phase));
    assert_eq!(*READ.lock().unwrap(), expected);
}

#[test]
fn a_callback_may_use_the_breaker() {
    static CLOCK: ManualClock = ManualClock::new(START);
    static BREAKER: Breaker<(), &ManualClock, Stubborn> =
        Breaker::observed(TOUCHY, (), &CLOCK, Stubborn);

    struct Stubborn;
    impl Observer for Stubborn {
        fn transition(&self, transition: &Transition) {
            if transition.to == Phase::Open {
                BREAKER.reset();
            }
        }
    }

    for _ in 0..10 {
        BREAKER.try_acquire().unwrap().failure();
        assert_eq!(BREAKER.phase(), Phase::Closed);
    }
}

#[test]
fn a_panicking_callback_leaves_the_breaker_whole() {
    struct Fragile;
    impl Observer for Fragile {
        fn transition(&self, _: &Transition) {
            panic!("the observer");
        }
    }

    let clock = ManualClock::new(START);
    let breaker = Breaker::observed(TOUCHY, (), &clock, Fragile);
    let permit = breaker.try_acquire().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| permit.failure())).is_err());
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after, Some(100));
}

#[test]
fn reset_while_closed_clears() {
    let clock = ManualClock::new(START);
    let policies = Config::new().consecutive_failures(2).failures_in_window(2).last_calls(100);
    let breaker = breaker(policies.open_for(100), Last100::new(), &clock);
    let early = breaker.try_acquire().unwrap();
    fail(&breaker);
    breaker.reset();
    assert_eq!(breaker.tally().calls, 0);
    early.failure();
    fail(&breaker);
    assert_eq!(breaker.phase(), Phase::Closed);
    assert_eq!(
        breaker.observer().counts().transitions,
        0,
        "it was closed and stays closed: no transition"
    );
}

#[test]
fn open_to_half_open_is_reported() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<(Phase, Phase, Cause)>>);
    impl Observer for Heard {
        fn transition(&self, t: &Transition) {
            self.0.lock().unwrap().push((t.from, t.to, t.cause));
        }
    }

    let clock = ManualClock::new(START);
    let heard = Heard::default();
    let breaker = Breaker::observed(TOUCHY, (), &clock, &heard);
    breaker.try_acquire().unwrap().failure();
    clock.advance(100);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    assert_eq!(heard.0.lock().unwrap().len(), 1, "reading changes nothing");
    breaker.try_acquire().unwrap().success();
    assert_eq!(
        *heard.0.lock().unwrap(),
        [
            (Phase::Closed, Phase::Open, Cause::ConsecutiveFailures),
            (Phase::Open, Phase::HalfOpen, Cause::OpeningOver),
            (Phase::HalfOpen, Phase::Closed, Cause::ProbesSucceeded),
        ]
    );
}

#[test]
fn rejections_are_counted() {
    let clock = ManualClock::new(START);
    let breaker = breaker(TOUCHY, (), &clock);
    fail(&breaker);
    for _ in 0..3 {
        assert!(breaker.try_acquire().is_err());
    }
    breaker.force_open();
    for _ in 0..4 {
        assert!(breaker.call(|| Ok::<(), ()>(())).is_err());
    }
    breaker.half_open().unwrap();
    let _probe = breaker.try_acquire().unwrap();
    for _ in 0..5 {
        assert!(breaker.try_acquire().is_err());
    }
    assert_eq!(breaker.observer().counts().rejections, 3 + 4 + 5);
}

#[test]
fn a_refused_call_does_not_run() {
    let clock = ManualClock::new(START);
    let breaker = breaker(TOUCHY, (), &clock);
    let mut calls = 0;
    let mut call = || {
        breaker.call(|| {
            calls += 1;
            Err::<(), _>("down")
        })
    };
    assert_eq!(call(), Err(CallError::Failed("down")));
    for _ in 0..10 {
        assert!(matches!(call(), Err(CallError::Rejected(_))));
    }
    assert_eq!(calls, 1);
}

#[test]
fn a_token_can_be_kept_as_an_integer_and_finished_elsewhere() {
    let clock = ManualClock::new(START);
    let breaker = breaker(TOUCHY, (), &clock);
    let bits = breaker.try_acquire().unwrap().into_token().to_bits();
    thread::scope(|scope| {
        scope.spawn(|| breaker.resume(Token::from_bits(bits).unwrap()).failure());
    });
    assert_eq!(breaker.phase(), Phase::Open);
}
