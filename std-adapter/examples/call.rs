//! Guarded calls with a fallback: the last good value while the upstream is gone.
//!
//! `cargo run -p microbreaker-std --example call`

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
    // The last rate, served for up to a minute.
    let last = LastGood::no_older_than(Duration::from_secs(60), clock.clone());

    let mut served = Vec::new();
    for answer in [Ok(1.09), Err("timed out"), Err("timed out"), Ok(1.08)] {
        let rate = rates.call(|| answer);
        match &rate {
            Ok(rate) => println!("asked: {rate}"),
            Err(CallError::Failed(error)) => println!("asked: {error}"),
            Err(CallError::Rejected(why)) => println!("not asked: {why}"),
        }
        served.extend(last.or_last(rate));
    }
    println!("served: {served:?}");
    assert_eq!(served, [1.09, 1.09, 1.09, 1.09]);
    assert_eq!(rates.phase(), Phase::Open);

    clock.advance(Duration::from_secs(30));
    let probe = rates.call(|| Ok::<_, &str>(1.08));
    println!("half a minute later: {probe:?}, {}", rates.phase());
    assert_eq!((probe, rates.phase()), (Ok(1.08), Phase::Closed));
    Ok(())
}
