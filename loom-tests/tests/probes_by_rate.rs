//! Probes judged by rate: the verdict covers exactly the configured number of
//! probes, and is given once.
#![cfg(loom)]

use microbreaker::{Cause, Config, CountWindow, Phase, WithSlow};
use microbreaker_loom_tests::*;

/// Half of two probes failing opens again.
const BY_RATE: Config = Config::new().failure_rate(50).last_calls(2).probes(2).probe_rate_after(2);

#[test]
fn one_of_two_fails() {
    model_with(2, || {
        let (breaker, _, probes) = half_open(BY_RATE, CountWindow::<4, 1>::new(), 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| x.resume(a).failure(), |x| x.resume(b).success());
        assert_eq!(breaker.phase(), Phase::Open);
        assert_eq!(breaker.observer().heard(Phase::Open, Cause::ProbesFailed), 1);
        // The tally still shows what reopened the breaker.
        assert_eq!((breaker.tally().calls, breaker.tally().failed), (2, 1));
    });
}

#[test]
fn both_succeed() {
    model_with(2, || {
        let (breaker, _, probes) = half_open(BY_RATE, CountWindow::<4, 1>::new(), 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| x.resume(a).success(), |x| x.resume(b).success());
        assert_eq!(breaker.phase(), Phase::Closed);
        assert_eq!(breaker.observer().heard(Phase::Closed, Cause::ProbesSucceeded), 1);
        assert_eq!(breaker.tally().calls, 0, "probes do not enter the window");
    });
}

#[test]
fn one_that_is_handed_back_is_not_judged() {
    model_with(2, || {
        let (breaker, _, probes) = half_open(BY_RATE, CountWindow::<4, 1>::new(), 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| drop(x.resume(a)), |x| x.resume(b).failure());
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        assert!(breaker.succeed());
        assert_eq!(breaker.phase(), Phase::Open);
    });
}

#[test]
fn one_that_is_slow_beside_one_that_is_not() {
    model_with(2, || {
        let config =
            Config::new().slow_rate(50).slow_after(5).last_calls(2).probes(2).probe_rate_after(2);
        let window = WithSlow::new(CountWindow::<4, 1>::new(), CountWindow::new());
        let (breaker, _, probes) = half_open(config, window, 2);
        let (a, b) = (probes[0], probes[1]);
        race(&breaker, move |x| x.resume(a).took(6).success(), |x| x.resume(b).took(1).success());
        assert_eq!(breaker.phase(), Phase::Open);
        let tally = breaker.tally();
        assert_eq!((tally.calls, tally.failed, tally.slow), (2, 0, 1));
    });
}

#[test]
fn three_ask_while_one_reports() {
    model_with(1, || {
        let (breaker, _, probes) = half_open(BY_RATE, CountWindow::<4, 1>::new(), 1);
        let probe = probes[0];
        let (_, a, b) =
            race3(&breaker, move |x| x.resume(probe).success(), |x| x.hold(), |x| x.hold());
        assert_eq!([a, b].iter().filter(|held| held.is_ok()).count(), 1);
        assert_eq!(breaker.phase(), Phase::HalfOpen);
    });
}
