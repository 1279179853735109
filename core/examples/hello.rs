//! A sensor that stops answering for a while, and a breaker that then leaves it alone.
//!
//! `cargo run -p microbreaker --example hello`

use microbreaker::{Breaker, CallError, Config, Phase, clock::ManualClock};

// Firmware advances this in a timer interrupt. A program that has a clock of its own
// implements `Clock` for it.
static MILLIS: ManualClock = ManualClock::new(0);

// After three failures in a row the sensor is left alone for half a second.
static SENSOR: Breaker<(), &ManualClock> =
    Breaker::new(Config::new().consecutive_failures(3).open_for(500), (), &MILLIS);

fn main() {
    let (mut answers, mut failures, mut refusals) = (0, 0, 0);
    for time in (0..1_500).step_by(100) {
        MILLIS.set(time);
        let unplugged = (200..800).contains(&time);
        match SENSOR.call(|| if unplugged { Err("no answer") } else { Ok(21) }) {
            Ok(celsius) => {
                println!("{time:>5} ms: {celsius} degrees");
                answers += 1;
            }
            Err(CallError::Failed(error)) => {
                println!("{time:>5} ms: {error}");
                failures += 1;
            }
            Err(CallError::Rejected(why)) => {
                println!("{time:>5} ms: not asked, {why}");
                refusals += 1;
            }
        }
    }
    // The sensor is back at 800 ms; the first call after the half second finds it.
    assert_eq!((answers, failures, refusals), (8, 3, 4));
    assert_eq!(SENSOR.phase(), Phase::Closed);
}
