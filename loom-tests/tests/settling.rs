//! A winner that settles its phase as of what it read before its swap, and sleeps on the
//! way, sets the tick of no later phase, nor moves a deadline back; and nobody waits for it.
#![cfg(loom)]

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use microbreaker::{Breaker, Clock, Config, Token};
use microbreaker_loom_tests::*;

const OPEN_FOR: u32 = 10;
const PROBE_TIMEOUT: u32 = 20;

/// Like [`Ticks`], but no reading hides another from loom's search: each swaps a shadow
/// first, as the breaker's own atomics do.
#[derive(Clone)]
struct Shown(Arc<(AtomicU32, AtomicBool)>);

impl Shown {
    fn tick(&self) -> &AtomicU32 {
        self.0.1.swap(false, Ordering::Relaxed);
        &self.0.0
    }

    fn advance(&self, ticks: u32) {
        self.tick().fetch_add(ticks, Ordering::Relaxed);
    }
}

impl Clock for Shown {
    fn now(&self) -> u32 {
        self.tick().load(Ordering::Relaxed)
    }
}

/// A breaker that the first success closes, with `N` probes out, and its clock. The next
/// caller gets the first probe if `N` is 0.
fn with_probes_out<const N: usize>() -> (Arc<Observed<(), Shown>>, Shown, [Token; N]) {
    let clock = Shown(Arc::new((AtomicU32::new(Still::NOW), AtomicBool::new(false))));
    let config = Config::new().consecutive_failures(1).open_for(OPEN_FOR).successes(1);
    let config = config.probes((N as u32).max(1)).probe_timeout(PROBE_TIMEOUT);
    let breaker = Breaker::observed(config, (), clock.clone(), Journal::default());
    breaker.trip();
    clock.advance(OPEN_FOR);
    let probes = std::array::from_fn(|_| breaker.hold().unwrap());
    (Arc::new(breaker), clock, probes)
}

#[test]
fn a_close_beside_a_later_opening() {
    model_with(2, || {
        let (breaker, ticks, [probe]) = with_probes_out();
        let clock = ticks.clone();
        race(
            &breaker,
            move |b| b.resume(probe).success(),
            move |b| {
                ticks.advance(OPEN_FOR - 1);
                b.trip();
            },
        );
        // An opening that counted from the tick of the close would be over by now.
        clock.advance(OPEN_FOR - 1);
        assert_eq!(breaker.left(), Some(1));
    });
}

#[test]
fn a_close_beside_a_later_opening_in_the_same_tick() {
    model_with(2, || {
        let (breaker, ticks, [probe]) = with_probes_out();
        race(
            &breaker,
            move |b| b.resume(probe).success(),
            move |b| {
                b.reset();
                b.trip();
                ticks.advance(3);
            },
        );
        assert_eq!(breaker.left(), Some(OPEN_FOR - 3));
    });
}

#[test]
fn a_probe_that_is_given_out_beside_a_later_opening() {
    model_with(2, || {
        let (breaker, ticks, []) = with_probes_out();
        let clock = ticks.clone();
        let _ = race(
            &breaker,
            |b| b.hold(),
            move |b| {
                ticks.advance(OPEN_FOR - 1);
                b.trip();
            },
        );
        clock.advance(OPEN_FOR - 1);
        assert_eq!(breaker.left(), Some(1));
    });
}

#[test]
fn a_probe_that_ends_beside_a_later_one() {
    model_with(2, || {
        let (breaker, ticks, [a, b, _]) = with_probes_out();
        let later = PROBE_TIMEOUT - 1;
        race(
            &breaker,
            move |x| drop(x.resume(a)),
            move |x| {
                ticks.advance(later);
                drop(x.resume(b));
            },
        );
        // The last of the three counts from the later of the two ends.
        assert_eq!(breaker.outlook().changes_in, Some(PROBE_TIMEOUT));
    });
}

#[test]
fn a_caller_beside_one_that_takes_the_probe() {
    model_with(2, || {
        let (breaker, _, []) = with_probes_out();
        let (a, b) = race(&breaker, |b| b.hold(), |b| b.hold());
        let refused = a.and(b).unwrap_err();
        assert_eq!(refused.retry_after, Some(PROBE_TIMEOUT));
    });
}
