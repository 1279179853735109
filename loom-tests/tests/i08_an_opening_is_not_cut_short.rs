//! A racing, slow or preempted helper never cuts an opening short, whether its
//! length is configured or explicit.
#![cfg(loom)]

use std::sync::Arc;

use microbreaker::{Cause, Config, Outcome, Phase};
use microbreaker_loom_tests::*;

const OPEN_FOR: u32 = 10;

fn config() -> Config {
    Config::new().consecutive_failures(1).open_for(OPEN_FOR)
}

#[test]
fn a_trip_beside_a_caller() {
    model_with(2, || {
        let breaker = still(config(), ());
        let _ = race(&breaker, |b| b.fail(), |b| b.hold());
        // The caller came before the trip, or was refused: it did not get a probe.
        assert_eq!(breaker.observer().path(), [Phase::Closed, Phase::Open]);
        assert_eq!(breaker.left(), Some(OPEN_FOR));
    });
}

#[test]
fn a_trip_beside_a_caller_while_the_clock_advances() {
    model_with(2, || {
        let (breaker, ticks) = ticking(config(), ());
        let _ = race3(&breaker, move |_| ticks.advance(OPEN_FOR - 1), |b| b.fail(), |b| b.hold());
        assert_eq!(breaker.observer().path(), [Phase::Closed, Phase::Open]);
        assert!(breaker.left().unwrap() > 0);
    });
}

#[test]
fn a_trip_beside_a_reader() {
    model(|| {
        let breaker = still(config(), ());
        let (_, read) = race(&breaker, |b| b.fail(), |b| b.phase());
        assert_ne!(read, Phase::HalfOpen);
    });
}

#[test]
fn two_callers_help_a_preempted_trip() {
    model_with(1, || {
        let breaker = still(config(), ());
        let (_, a, b) = race3(&breaker, |b| b.trip(), |b| b.hold(), |b| b.hold());
        for refused in [a, b].into_iter().filter_map(Result::err) {
            assert_eq!(refused.retry_after, Some(OPEN_FOR));
        }
        assert_eq!(breaker.observer().path(), [Phase::Closed, Phase::Open]);
    });
}

#[test]
fn a_helper_of_an_earlier_opening() {
    model_with(1, || {
        let (breaker, ticks) = ticking(config(), ());
        let clock = ticks.clone();
        race(
            &breaker,
            |b| b.fail(),
            move |b| {
                // Closes the breaker if it opened, and opens it later.
                b.reset();
                ticks.advance(OPEN_FOR - 1);
                b.trip();
            },
        );
        // The earlier opening would be over by now.
        clock.advance(OPEN_FOR - 1);
        assert_eq!(breaker.left(), Some(1));
    });
}

#[test]
fn a_helper_that_sees_the_tick_and_not_the_clock_behind_it() {
    model_with(3, || {
        let (breaker, ticks) = ticking(config(), ());
        let clock = ticks.clone();
        race(
            &breaker,
            // The opening starts again, later.
            move |b| {
                ticks.advance(OPEN_FOR - 1);
                b.trip();
            },
            |b| b.trip(),
        );
        clock.advance(OPEN_FOR - 1);
        assert_eq!(breaker.left(), Some(1));
    });
}

#[test]
fn callers_beside_an_opening_that_starts_anew() {
    model_with(2, || {
        let (breaker, ticks) = ticking(config(), ());
        breaker.trip();
        ticks.advance(OPEN_FOR - 1);
        let clock = ticks.clone();
        let _ = race(&breaker, |b| b.trip(), |b| b.hold());
        assert_eq!(breaker.observer().path(), [Phase::Closed, Phase::Open]);
        clock.advance(OPEN_FOR - 1);
        assert_eq!(breaker.left(), Some(1));
    });
}

#[test]
fn the_first_probe_is_admitted_when_the_opening_is_over_and_not_before() {
    model(|| {
        let (breaker, ticks) = ticking(config(), ());
        breaker.trip();
        ticks.advance(OPEN_FOR - 1);
        let clock = ticks.clone();
        let (_, held) = race(&breaker, move |_| clock.advance(1), |b| b.hold());
        match held {
            Ok(_) => assert_eq!(breaker.phase(), Phase::HalfOpen),
            Err(refused) => assert_eq!(refused.retry_after, Some(1)),
        }
        assert_eq!(breaker.hold().is_ok(), held.is_err());
    });
}

#[test]
fn an_explicit_length_beside_a_caller() {
    model_with(2, || {
        let breaker = still(config(), ());
        let (_, held) = race(&breaker, |b| b.trip_for(100), |b| b.hold());
        if let Err(refused) = held {
            assert_eq!(refused.retry_after, Some(100));
        }
        assert_eq!(breaker.left(), Some(100));
    });
}

#[test]
fn an_explicit_length_demanded_by_an_outcome_beside_callers() {
    model_with(1, || {
        let breaker = still(config(), ());
        let token = breaker.hold().unwrap();
        let (_, a, b) = race3(
            &breaker,
            move |b| b.resume(token).finish(Outcome::FailureOpenFor(100)),
            |b| b.hold(),
            |b| b.hold(),
        );
        for refused in [a, b].into_iter().filter_map(Result::err) {
            assert_eq!(refused.retry_after, Some(100));
        }
        assert_eq!(breaker.left(), Some(100));
    });
}

#[test]
fn an_explicit_length_in_the_past_of_a_failure() {
    model_with(2, || {
        let breaker = still(config(), ());
        let token = breaker.hold().unwrap();
        race(&breaker, move |b| b.resume(token).finish(Outcome::FailureOpenFor(100)), |b| b.fail());
        // The outcome that came second was stale.
        let demanded = breaker.observer().heard(Phase::Open, Cause::Demanded) == 1;
        assert_eq!(breaker.left(), Some(if demanded { 100 } else { OPEN_FOR }));
    });
}

#[test]
fn a_longer_opening_beside_a_shorter_demand() {
    model_with(2, || {
        let breaker = still(config(), ());
        let token = breaker.hold().unwrap();
        race(
            &breaker,
            move |b| b.resume(token).finish(Outcome::FailureOpenFor(3)),
            |b| b.trip_for(100),
        );
        // The demand came first, or was stale.
        assert_eq!(breaker.left(), Some(100));
    });
}

#[test]
fn two_explicit_lengths_by_hand() {
    model_with(2, || {
        let breaker = still(config(), ());
        race(&breaker, |b| b.trip_for(100), |b| b.trip_for(50));
        assert!(matches!(breaker.left(), Some(100 | 50)));
    });
}

/// Neither winner publishes by how much the other's length was rounded up.
#[test]
fn two_explicit_lengths_too_long_for_the_word() {
    const LONG: [u32; 2] = [20_000_001, 30_000_003];
    model_with(2, || {
        let breaker = still(config(), ());
        race(&breaker, |b| b.trip_for(LONG[0]), |b| b.trip_for(LONG[1]));
        let left = breaker.left().unwrap();
        assert!(LONG.contains(&left), "{left}");
    });
}

#[test]
fn an_explicit_length_that_is_replaced_beside_a_caller() {
    model_with(2, || {
        let (breaker, ticks) = ticking(config(), ());
        breaker.trip_for(100);
        ticks.advance(OPEN_FOR);
        let (_, held) = race(&breaker, |b| b.trip_for(200), |b| b.hold());
        assert!(held.is_err(), "neither opening is over");
        assert_eq!(breaker.left(), Some(200));
    });
}

#[test]
fn an_explicit_length_that_is_replaced_beside_a_reader() {
    model_with(2, || {
        let (breaker, ticks) = ticking(config(), ());
        breaker.trip_for(100);
        ticks.advance(OPEN_FOR);
        let (_, read) = race(&breaker, |b| b.trip_for(200), |b| b.phase());
        assert_eq!(read, Phase::Open);
    });
}

#[test]
fn an_explicit_length_beside_a_trip() {
    model_with(2, || {
        let breaker = still(config(), ());
        race(&breaker, |b| b.trip_for(100), |b| b.trip());
        assert!(matches!(breaker.left(), Some(100 | OPEN_FOR)));
        // No explicit length is left over for the next opening.
        breaker.trip();
        assert_eq!(breaker.left(), Some(OPEN_FOR));
    });
}

#[test]
fn an_explicit_length_beside_a_reset() {
    model_with(2, || {
        let breaker = still(config(), ());
        race(&breaker, |b| b.trip_for(100), |b| b.reset());
        if breaker.phase() == Phase::Open {
            assert_eq!(breaker.left(), Some(100));
        }
        breaker.reset();
        breaker.fail();
        assert_eq!(breaker.left(), Some(OPEN_FOR));
    });
}

#[test]
fn an_explicit_length_beside_force_open() {
    model_with(2, || {
        let breaker = still(config(), ());
        race(&breaker, |b| b.trip_for(100), |b| b.force_open());
        match breaker.phase() {
            Phase::ForcedOpen => assert_eq!(breaker.left(), None),
            _ => assert_eq!(breaker.left(), Some(100)),
        }
    });
}

#[test]
fn an_explicit_length_too_long_for_ticks_is_exact_beside_a_failure() {
    const LONG: u32 = 20_000_001;
    model_with(2, || {
        let breaker = still(Config::new().consecutive_failures(9).open_for(OPEN_FOR), ());
        race(&breaker, |b| b.trip_for(LONG), |b| b.fail());
        assert_eq!(breaker.left(), Some(LONG));
    });
}

/// A half-open breaker with one probe out, overdue by 3 ticks.
fn overdue() -> (Arc<Observed<(), Ticks>>, microbreaker::Token) {
    let (breaker, ticks, probes) = probing(1, 1, 1);
    ticks.advance(23);
    (breaker, probes[0])
}

#[test]
fn the_probe_timeout_beside_a_late_probe() {
    model_with(2, || {
        let (breaker, probe) = overdue();
        let (_, held) = race(&breaker, move |b| b.resume(probe).success(), |b| b.hold());
        // Open since the deadline, whichever thread noticed.
        assert_eq!(held.unwrap_err().retry_after, Some(7));
        assert_eq!(breaker.observer().heard(Phase::Open, Cause::ProbeTimeout), 1);
        assert_eq!(breaker.left(), Some(7));
    });
}

#[test]
fn the_probe_timeout_beside_a_probe_in_time() {
    model_with(2, || {
        let (breaker, ticks, probes) = probing(1, 1, 1);
        let probe = probes[0];
        ticks.advance(19);
        let (_, _, held) = race3(
            &breaker,
            move |_| ticks.advance(1),
            move |b| b.resume(probe).success(),
            |b| b.hold(),
        );
        if breaker.observer().heard(Phase::Open, Cause::ProbeTimeout) == 1 {
            assert!(held.is_err());
            assert_eq!(breaker.left(), Some(10));
        } else {
            assert_eq!(breaker.phase(), Phase::Closed);
        }
    });
}

#[test]
fn the_probe_timeout_beside_a_longer_opening() {
    model_with(2, || {
        let (breaker, _) = overdue();
        let _ = race(&breaker, |b| b.trip_for(100), |b| b.hold());
        assert_eq!(breaker.left(), Some(100));
    });
}

#[test]
fn the_probe_timeout_beside_a_longer_opening_that_a_caller_sees() {
    model_with(2, || {
        let (breaker, probe) = overdue();
        let (left, _) = race(
            &breaker,
            |b| {
                b.trip_for(100);
                b.left()
            },
            move |b| drop(b.resume(probe)),
        );
        assert_eq!(left, Some(100));
    });
}
