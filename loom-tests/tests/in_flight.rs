//! A call that ends in another context is finished once, and a second context that tries
//! to finish it learns that it was too late.
#![cfg(loom)]

use std::sync::Arc;

use microbreaker::{Breaker, Config, InFlight, Outcome};
use microbreaker_loom_tests::*;

type Shared = (Breaker<(), Still, Journal>, InFlight);

/// A closed breaker, and a slot with one of its calls.
fn transfer() -> Arc<Shared> {
    let config = Config::new().consecutive_failures(9).open_for(10);
    let breaker = Breaker::observed(config, (), Still, Journal::default());
    let shared = Arc::new((breaker, InFlight::new()));
    shared.1.put(shared.0.try_acquire().unwrap()).unwrap();
    shared
}

#[test]
fn the_interrupt_beside_the_time_limit() {
    model(|| {
        let shared = transfer();
        let (a, b) = race(
            &shared,
            |(breaker, slot): &Shared| slot.finish(breaker, Outcome::Success),
            |(breaker, slot)| slot.finish(breaker, Outcome::Failure),
        );
        assert!(a != b, "one of them was first");
        let expected = if a { Outcome::Success } else { Outcome::Failure };
        assert_eq!(shared.0.observer().outcomes(), [(expected, false)]);
    });
}

#[test]
fn one_that_is_late_does_not_finish_the_next_call() {
    model(|| {
        let shared = transfer();
        let late = |(breaker, slot): &Shared| slot.finish(breaker, Outcome::Failure);
        let (late, next) = race(&shared, late, |(breaker, slot)| {
            let first = slot.finish(breaker, Outcome::Success);
            // The slot is free by now, whichever of the two finished the call.
            let put = slot.put(breaker.try_acquire().unwrap()).is_ok();
            (first, put)
        });
        let (first, put) = next;
        assert!(put, "the first of the two to finish has emptied the slot");
        let outcomes = shared.0.observer().outcomes();
        // If both finished a call, the late one came after the second call was put in.
        assert_eq!(outcomes.len(), usize::from(first) + usize::from(late));
        assert_eq!(shared.1.is_under_way(), !(first && late));
    });
}
