//! A breaker without manual phases and explicit lengths behaves like a full one that
//! does not use them.

use microbreaker::{
    Breaker, Config, Decision, Outcome, Permit, Phase, ShortWindow, clock::ManualClock,
    config::ConfigSource,
};
use proptest::prelude::*;

/// A configuration without the extras that take flash.
struct Lean(Config);

impl ConfigSource for Lean {
    const MANUAL_PHASES: bool = false;
    const EXPLICIT_LENGTHS: bool = false;

    fn config(&self) -> &Config {
        &self.0
    }
}

#[derive(Clone, Debug)]
enum Step {
    Advance(u32),
    Acquire,
    /// Ends one of the calls in flight.
    Finish(usize, Outcome),
    Cancel(usize),
    Trip,
    HalfOpen,
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    use Outcome::{Failure, Ignored, Success};
    let outcome = prop_oneof![3 => Just(Success), 5 => Just(Failure), 1 => Just(Ignored)];
    prop_oneof![
        6 => Just(Step::Acquire),
        6 => (any::<usize>(), outcome).prop_map(|(call, outcome)| Step::Finish(call, outcome)),
        1 => any::<usize>().prop_map(Step::Cancel),
        3 => (1..=12_u32).prop_map(Step::Advance),
        1 => prop_oneof![Just(Step::Trip), Just(Step::HalfOpen), Just(Step::Reset)],
    ]
}

const POLICY: Config = Config::new()
    .failures_in_window(3)
    .consecutive_failures(4)
    .last_calls(5)
    .open_for(10)
    .backoff(2, 35)
    .probes(2);

fn breaker<G: ConfigSource>(
    config: G,
    clock: &ManualClock,
) -> Breaker<ShortWindow, &ManualClock, (), G> {
    Breaker::try_new(config, ShortWindow::new(), clock, ()).expect("a good configuration")
}

type Both<'a> = (
    Permit<'a, Breaker<ShortWindow, &'a ManualClock, (), Lean>>,
    Permit<'a, Breaker<ShortWindow, &'a ManualClock>>,
);

proptest! {
    #[test]
    fn breakers_with_and_without_extras_agree(steps in prop::collection::vec(step(), 1..=400)) {
        let clock = ManualClock::new(1_000_000);
        let (lean, full) = (breaker(Lean(POLICY), &clock), breaker(POLICY, &clock));
        let mut calls: Vec<Both<'_>> = Vec::new();
        for step in steps {
            match step {
                Step::Advance(ticks) => clock.advance(ticks),
                Step::Acquire => match (lean.try_acquire(), full.try_acquire()) {
                    (Ok(a), Ok(b)) => calls.push((a, b)),
                    (Err(a), Err(b)) => prop_assert_eq!(a, b),
                    other => panic!("{other:?}"),
                },
                Step::Finish(_, _) | Step::Cancel(_) if calls.is_empty() => {}
                Step::Finish(call, outcome) => {
                    let (a, b) = calls.swap_remove(call % calls.len());
                    a.finish(outcome);
                    b.finish(outcome);
                }
                Step::Cancel(call) => drop(calls.swap_remove(call % calls.len())),
                Step::Trip => {
                    lean.trip();
                    full.trip();
                }
                Step::HalfOpen => prop_assert_eq!(lean.half_open(), full.half_open()),
                Step::Reset => {
                    lean.reset();
                    full.reset();
                }
            }
            prop_assert_eq!(lean.snapshot(), full.snapshot());
        }
    }
}

#[test]
fn without_explicit_lengths_a_demand_opens_for_the_configured_time() {
    let clock = ManualClock::new(0);
    let breaker = breaker(Lean(POLICY), &clock);
    breaker.try_acquire().unwrap().finish(Outcome::FailureOpenFor(1_000));
    assert_eq!(breaker.snapshot().retry_after, Some(10));
    clock.advance(10);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
}

#[test]
fn without_explicit_lengths_a_ramp_is_not_ahead() {
    let clock = ManualClock::new(0);
    let breaker = breaker(Lean(POLICY.ramp([10, 50], 100)), &clock);
    breaker.trip();
    assert!(breaker.follow(Decision::CloseAsOf(130)));
    assert_eq!((breaker.outlook().ramp_step, breaker.outlook().changes_in), (Some(0), Some(100)));
    breaker.trip();
    assert!(breaker.follow(Decision::CloseAsOf(200)));
    assert_eq!(breaker.outlook().ramp_step, None, "it is over");
}
