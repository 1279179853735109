//! All parts of a snapshot belong to one generation, and fit together.
#![cfg(loom)]

use microbreaker::{Config, CountWindow, Phase};
use microbreaker_loom_tests::*;

const OPEN_FOR: u32 = 10;
/// Too long to fit into the state word exactly.
const LONG: u32 = 20_000_001;

#[test]
fn beside_an_opening_that_starts_anew() {
    model_with(2, || {
        let (breaker, ticks) =
            ticking(Config::new().consecutive_failures(1).open_for(OPEN_FOR), ());
        breaker.trip();
        ticks.advance(OPEN_FOR - 1);
        let (_, seen) = race(&breaker, |b| b.trip(), |b| b.snapshot());
        assert_eq!(seen.phase, Phase::Open);
        match seen.generation {
            1 => assert_eq!((seen.in_phase_for, seen.retry_after), (OPEN_FOR - 1, Some(1))),
            // The wait is known once the tick at which the opening began is.
            _ => {
                assert!(seen.in_phase_for == 0 && matches!(seen.retry_after, None | Some(OPEN_FOR)))
            }
        }
    });
}

#[test]
fn of_an_explicit_length_beside_a_trip() {
    model_with(2, || {
        let breaker = still(Config::new().consecutive_failures(1).open_for(OPEN_FOR), ());
        breaker.trip_for(LONG);
        let (_, seen) = race(&breaker, |b| b.trip(), |b| b.snapshot());
        match seen.generation {
            1 => assert_eq!(seen.retry_after, Some(LONG)),
            _ => assert!(matches!(seen.retry_after, None | Some(OPEN_FOR))),
        }
    });
}

#[test]
fn of_a_long_stay_beside_a_reset() {
    const LONGEST: u32 = 20;
    const BEFORE: u32 = 5;
    model_with(2, || {
        let config = Config::new().consecutive_failures(1).open_for(OPEN_FOR);
        let config = config.no_probe_timeout().longest_half_open(LONGEST);
        let (breaker, ticks) = ticking(config, ());
        breaker.trip();
        ticks.advance(OPEN_FOR);
        drop(breaker.try_acquire().unwrap());
        // The stay goes on with the next probe.
        ticks.advance(BEFORE);
        breaker.hold().unwrap();
        let (_, seen) = race(&breaker, |b| b.reset(), |b| b.snapshot());
        match seen.phase {
            Phase::HalfOpen => assert_eq!(seen.retry_after, Some(LONGEST - BEFORE)),
            phase => assert_eq!(phase, Phase::Closed),
        }
    });
}

#[test]
fn of_the_probes_beside_their_verdict() {
    model_with(1, || {
        let (breaker, _, probes) = probing(3, 2, 2);
        let (a, b) = (probes[0], probes[1]);
        let (_, _, seen) = race3(
            &breaker,
            move |x| x.resume(a).success(),
            move |x| x.resume(b).success(),
            |x| x.snapshot(),
        );
        assert_eq!(seen.tally.failed, 0);
        match seen.phase {
            Phase::HalfOpen => assert!(seen.generation == 2 && seen.tally.calls <= 1),
            phase => assert!((phase, seen.generation, seen.tally.calls) == (Phase::Closed, 3, 0)),
        }
    });
}

#[test]
fn of_the_window_beside_a_trip() {
    model_with(2, || {
        let config = Config::new().failures_in_window(2).last_calls(2).open_for(OPEN_FOR);
        let breaker = still(config, CountWindow::<4, 1>::new());
        breaker.fail();
        let (_, seen) = race(&breaker, |b| b.fail(), |b| b.snapshot());
        // A failure enters the window before it trips the breaker.
        match seen.phase {
            Phase::Closed => assert!(seen.generation == 0 && seen.tally.failed >= 1),
            _ => assert!(seen.generation == 1 && seen.tally.failed == 2, "{seen:?}"),
        }
    });
}

#[test]
fn of_the_window_beside_a_reset() {
    model_with(2, || {
        let config = Config::new().failures_in_window(2).last_calls(3).open_for(OPEN_FOR);
        let breaker = still(config, CountWindow::<4, 2>::new());
        breaker.fail();
        let (_, seen) = race(
            &breaker,
            |b| {
                b.reset();
                b.succeed();
            },
            |b| b.snapshot(),
        );
        match seen.generation {
            0 => assert_eq!((seen.tally.calls, seen.tally.failed), (1, 1)),
            _ => assert!(seen.tally.calls <= 1 && seen.tally.failed == 0, "{seen:?}"),
        }
    });
}
