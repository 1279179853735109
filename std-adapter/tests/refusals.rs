//! A refusal tells whose it is, without a count of references that threads would share.

use std::sync::Arc;
use std::time::Duration;

use microbreaker_std::{Breaker, CallError, Rejected};

fn refusing(name: impl Into<Arc<str>>) -> Breaker {
    let breaker = Breaker::builder(name).consecutive_failures(1);
    let breaker = breaker.open_for(Duration::from_secs(3_600)).build().unwrap();
    breaker.trip();
    breaker
}

fn refused(breaker: &Breaker) -> Rejected {
    match breaker.call(|| Ok::<_, ()>(())) {
        Err(CallError::Rejected(rejected)) => rejected,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_counts_no_reference_of_the_name() {
    let breaker = refusing("users");
    let before = Arc::strong_count(breaker.name());
    let rejections: Vec<_> = (0..100).map(|_| refused(&breaker)).collect();
    let clones = rejections.clone();
    assert_eq!(Arc::strong_count(breaker.name()), before);
    drop(breaker);
    assert!(rejections.iter().chain(&clones).all(|rejected| rejected.name() == "users"));
}

#[test]
fn a_refusal_is_four_words() {
    assert_eq!(size_of::<Rejected>(), 4 * size_of::<u64>());
    assert_eq!(size_of::<CallError<()>>(), size_of::<Rejected>());
}

#[test]
fn a_refusal_by_a_name_that_is_too_long_to_be_kept_tells_it_nevertheless() {
    let name = "x".repeat(1_000);
    let rejected = refused(&refusing(&*name));
    assert_eq!(rejected.name(), name);
    assert_eq!(rejected.clone(), rejected);
}
