//! The observers' history: it holds each transition once, including all that
//! happened before it was read.
#![cfg(loom)]

use microbreaker::{Breaker, Config, History, Phase};
use microbreaker_loom_tests::*;

#[test]
fn of_transitions_that_race() {
    model_with(2, || {
        let config = Config::new().consecutive_failures(1).open_for(10);
        let breaker = Breaker::observed(config, (), Still, History::<4>::new());
        let breaker = std::sync::Arc::new(breaker);
        let (_, seen) = race(
            &breaker,
            |b| b.trip(),
            |b| {
                b.force_open();
                b.observer().snapshot()
            },
        );
        assert!(seen.iter().any(|transition| transition.to == Phase::ForcedOpen));
        let mut heard = breaker.observer().snapshot();
        assert!(seen.iter().all(|transition| heard.contains(transition)));
        heard.sort_unstable_by_key(|transition| transition.generation);
        let path: Vec<_> = heard.iter().map(|t| (t.from, t.to, t.generation)).collect();
        let last = breaker.phase();
        let between = if last == Phase::Open { Phase::ForcedOpen } else { Phase::Open };
        assert_eq!(path, [(Phase::Closed, between, 1), (between, last, 2)]);
    });
}

#[test]
fn of_the_last_transitions_only() {
    model_with(2, || {
        let config = Config::new().consecutive_failures(1).open_for(10);
        let breaker = Breaker::observed(config, (), Still, History::<2>::new());
        let breaker = std::sync::Arc::new(breaker);
        breaker.trip();
        race(&breaker, |b| b.reset(), |b| b.disable());
        // The two transitions that raced pushed the trip out.
        let heard = breaker.observer().snapshot();
        assert_eq!(heard.len(), 2);
        assert!(heard.iter().all(|transition| transition.to != Phase::Open));
    });
}
