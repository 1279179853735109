//! `force_open`, `disable`, `reset` and `trip` race with everything, and each takes effect
//! at some moment as if it were alone.
#![cfg(loom)]

use microbreaker::{Config, CountWindow, Phase, Tally};
use microbreaker_loom_tests::*;

const CONFIG: Config = Config::new().consecutive_failures(1).open_for(10);

#[test]
fn all_four() {
    model_with(1, || {
        let breaker = still(CONFIG, ());
        race3(
            &breaker,
            |b| b.force_open(),
            |b| b.disable(),
            |b| {
                b.trip();
                b.reset();
            },
        );
        let path = breaker.observer().path();
        for phase in [Phase::ForcedOpen, Phase::Disabled, Phase::Open] {
            assert_eq!(path.iter().filter(|entered| **entered == phase).count(), 1, "{path:?}");
        }
        assert_ne!(path.last(), Some(&Phase::Open), "a reset follows the trip");
        assert_eq!(path.last(), Some(&breaker.phase()));
    });
}

#[test]
fn force_open_beside_a_failure_and_a_caller() {
    model_with(1, || {
        let breaker = still(CONFIG, ());
        let (_, _, held) = race3(&breaker, |b| b.force_open(), |b| b.fail(), |b| b.hold());
        assert_eq!(breaker.phase(), Phase::ForcedOpen);
        // The failure came first or was stale; the caller came first or was refused.
        let path = breaker.observer().path();
        assert!(path.len() <= 3);
        assert!(held.is_ok() || path.len() >= 2);
        assert_eq!(breaker.left(), None);
    });
}

#[test]
fn disable_beside_a_failure() {
    model_with(2, || {
        let breaker = still(CONFIG, ());
        race(&breaker, |b| b.disable(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Disabled);
        assert!(breaker.fail() && breaker.fail(), "every call is admitted");
        assert_eq!(breaker.tally(), Tally::default());
    });
}

#[test]
fn disable_beside_a_caller_that_would_be_a_probe() {
    model_with(2, || {
        let (breaker, ..) = probing(1, 1, 0);
        race(&breaker, |b| b.disable(), |b| b.fail());
        assert_eq!(breaker.phase(), Phase::Disabled);
    });
}

#[test]
fn a_trip_beside_a_reset() {
    model_with(2, || {
        let breaker = still(CONFIG, ());
        race(&breaker, |b| b.trip(), |b| b.reset());
        let path = breaker.observer().path();
        assert_eq!(path[..2], [Phase::Closed, Phase::Open]);
        assert_eq!(path.last(), Some(&breaker.phase()));
    });
}

#[test]
fn a_trip_beside_the_last_probe() {
    model_with(2, || {
        let (breaker, _, probes) = probing(1, 1, 1);
        let probe = probes[0];
        race(&breaker, move |b| b.resume(probe).success(), |b| b.trip());
        // The trip has the last word: the success came first or was stale.
        assert_eq!(breaker.phase(), Phase::Open);
        assert_eq!(breaker.left(), Some(10));
    });
}

#[test]
fn a_reset_beside_a_failure_and_a_caller() {
    model_with(1, || {
        let config = Config::new().failures_in_window(1).last_calls(2).open_for(10);
        let breaker = still(config, CountWindow::<4, 1>::new());
        let old = breaker.hold().unwrap();
        race3(&breaker, |b| b.reset(), move |b| b.resume(old).failure(), |b| b.succeed());
        assert_eq!(breaker.phase(), Phase::Closed);
        assert_eq!(breaker.tally().failed, 0);
        assert!(breaker.tally().calls <= 1);
    });
}

#[test]
fn half_open_answers_what_it_did() {
    model_with(2, || {
        let breaker = still(CONFIG, ());
        breaker.trip();
        let (_, answer) = race(&breaker, |b| b.reset(), |b| b.half_open());
        let path = breaker.observer().path();
        assert_eq!(path.contains(&Phase::HalfOpen), answer.is_ok());
        assert_eq!(path.last(), Some(&Phase::Closed));
        assert!(answer.is_ok_and(|()| true) || answer.is_err_and(|e| e.from == Phase::Closed));
    });
}

#[test]
fn half_open_beside_the_end_of_the_opening() {
    model_with(2, || {
        let (breaker, ..) = probing(1, 1, 0);
        let (held, answer) = race(&breaker, |b| b.hold(), |b| b.half_open());
        assert!(held.is_ok() && answer.is_ok());
        assert_eq!(breaker.observer().path(), [Phase::Closed, Phase::Open, Phase::HalfOpen]);
        assert!(breaker.hold().is_err(), "one place, taken once");
    });
}

#[test]
fn each_sees_its_own_effect_beside_the_others() {
    model_with(2, || {
        let breaker = still(CONFIG, ());
        race(
            &breaker,
            |b| b.force_open(),
            |b| {
                b.trip();
                assert_ne!(b.phase(), Phase::Closed);
                b.reset();
                assert!(matches!(b.phase(), Phase::Closed | Phase::ForcedOpen));
            },
        );
        assert_eq!(breaker.observer().path().last(), Some(&breaker.phase()));
    });
}

#[test]
fn half_open_beside_a_trip_when_overdue() {
    model_with(2, || {
        let (breaker, ticks, _) = half_open(CONFIG, (), 1);
        ticks.advance(23);
        let (half_opened, ()) = race(&breaker, |b| b.half_open(), |b| b.trip());
        assert!(half_opened.is_ok());
        // The overdue stay has ended: the breaker opened, and became half-open again.
        let path = breaker.observer().path();
        assert!(path.len() >= 5, "{path:?}");
    });
}
