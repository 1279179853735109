//! Tests that run on the host and on every core; the first panic ends the run.

use core::future::ready;

use microbreaker::{
    Breaker, Clock, Config, CountWindow, Permit, Phase, Rejected, TimeWindow, clock::ManualClock,
};

use crate::trace::{Answer, Head, Step, play};

/// All tests, by name.
pub const TESTS: &[(&str, fn())] = &[
    ("scenarios are answered as on the host", scenarios_are_answered_as_on_the_host),
    ("no outcome returns after many resets", no_outcome_returns_after_many_resets),
    ("the clock wraps", the_clock_wraps),
    ("sizes are as documented", sizes_are_as_documented),
];

/// The scenarios that the build script recorded. Each is a head, and then the steps with
/// their answers.
static TRACES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/traces"));

/// The number of scenarios.
///
/// # Panics
///
/// If the recording is broken.
#[must_use]
pub fn scenarios() -> u32 {
    let mut count = 0;
    each_scenario(|_, _| count += 1);
    count
}

fn scenarios_are_answered_as_on_the_host() {
    each_scenario(|head, steps| {
        play(head.shape, head.config, &mut |act| {
            let mut rest = steps;
            for number in 0..head.steps {
                let (step, expected) = next(&mut rest);
                assert_eq!(act(step), expected, "{}, step {number}: {step:?}", head.name);
            }
        });
    });
}

/// Calls `take` with each scenario's head and steps.
fn each_scenario(mut take: impl FnMut(&Head<'_>, &[u8])) {
    let mut rest = TRACES;
    while !rest.is_empty() {
        let (head, steps) = postcard::take_from_bytes::<Head<'_>>(rest).expect("a head");
        take(&head, steps);
        rest = steps;
        for _ in 0..head.steps {
            next(&mut rest);
        }
    }
}

/// The next step of a trace, at the beginning of `rest`.
fn next(rest: &mut &[u8]) -> (Step, Answer) {
    let (step, after) = postcard::take_from_bytes(rest).expect("a step");
    *rest = after;
    step
}

/// The ring's tags repeat after 2,048 laps. No outcome of an earlier lap may return.
fn no_outcome_returns_after_many_resets() {
    let config = Config::new().failures_in_window(2).last_calls(20).open_for(1);
    let breaker = Breaker::new(config, CountWindow::<3>::new(), || 0);
    let fail = || breaker.try_acquire().map(|permit| permit.failure());
    for _ in 0..3 * 2_048 + 1 {
        assert_eq!(fail(), Ok(()));
        assert_eq!((breaker.phase(), breaker.tally().failed), (Phase::Closed, 1));
        breaker.reset();
        assert_eq!(breaker.tally().calls, 0);
    }
}

/// An opening and a time-based window, both while the clock wraps.
fn the_clock_wraps() {
    let clock = ManualClock::new(u32::MAX - 49);
    let config = Config::new().failures_in_window(2).bucket(20).open_for(100);
    let breaker = Breaker::new(config, TimeWindow::<4>::new(), &clock);
    let fail = || breaker.try_acquire().map(|permit| permit.failure());
    assert_eq!(fail(), Ok(()));
    clock.advance(60);
    assert_eq!(clock.now(), 10);
    assert_eq!((fail(), breaker.phase()), (Ok(()), Phase::Open));
    clock.advance(99);
    let refused = breaker.try_acquire().map(|_| ());
    assert!(matches!(refused, Err(Rejected { retry_after: Some(1), .. })), "{refused:?}");
    clock.advance(1);
    assert!(breaker.try_acquire().is_ok());
}

struct NoSize;

impl Clock for NoSize {
    fn now(&self) -> u32 {
        0
    }
}

/// The documented sizes are those on 32-bit cores. Elsewhere only the pointers to the
/// configuration and to the breaker are larger.
fn sizes_are_as_documented() {
    let pointer = size_of::<usize>();
    let in_flash = size_of::<Breaker<(), NoSize, (), &'static Config>>();
    assert_eq!(in_flash, (12 + pointer).next_multiple_of(pointer));
    let window = size_of::<Breaker<CountWindow<7>, NoSize, (), &'static Config>>();
    assert_eq!(window, (12 + 32 + pointer).next_multiple_of(pointer));
    // A permit, and a future that is guarded.
    assert_eq!(size_of::<Permit<'_, Breaker<(), NoSize>>>(), pointer + 16);
    let breaker = Breaker::new(Config::new().consecutive_failures(1).open_for(1), (), NoSize);
    let call = ready(Ok::<usize, ()>(0));
    let bare = size_of_val(&call);
    assert_eq!(size_of_val(&breaker.call_async(call)), bare + pointer + 16);
}
