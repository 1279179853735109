//! Guarded calls with a fallback: the last good answer while the upstream is gone.
//!
//! `cargo run -p microbreaker-std --features last-good --example call`

use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, BuildError, CallError, LastGood, Phase};

fn main() -> Result<(), BuildError> {
    // A paused clock, so that the example need not wait. The default is the system's
    // clock.
    let clock = PausedClock::new();
    let rates = Breaker::builder("rates")
        .consecutive_failures(2)
        .open_for(Duration::from_secs(30))
        .clock(clock.clone())
        .build()?;
    // The last rates of up to 100 currencies, served for up to a minute.
    let last = LastGood::of(&rates, 100).no_older_than(Duration::from_secs(60));

    let mut served = Vec::new();
    for answer in [Ok(1.09), Err("timed out"), Err("timed out"), Ok(1.08)] {
        served.extend(rates.call_or_last(&last, "EUR", || {
            println!("asked: {answer:?}");
            answer
        }));
    }
    println!("served: {served:?}");
    assert_eq!(served, [1.09, 1.09, 1.09, 1.09]);
    match rates.call_or_last(&last, "USD", || Ok::<_, &str>(1.0)) {
        Err(CallError::Rejected(why)) => println!("not asked, and nothing to serve: {why}"),
        other => panic!("the breaker is open: {other:?}"),
    }

    clock.advance(Duration::from_secs(30));
    let probe = rates.call_or_last(&last, "EUR", || Ok::<_, &str>(1.08));
    println!("half a minute later: {probe:?}, {}", rates.phase());
    assert_eq!((probe, rates.phase()), (Ok(1.08), Phase::Closed));
    Ok(())
}
