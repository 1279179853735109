//! A node that sleeps for ten minutes at a time, and whose clock stops meanwhile.
//!
//! Its breaker counts wake-ups, not milliseconds: a tick is a wake-up. In milliseconds that
//! stand still during sleep, an opening of 30 seconds would last as many wake-ups as it
//! takes to be awake for 30 seconds.

use microbreaker::clock::ManualClock;
use microbreaker::{Breaker, CallError, Config};

/// Wake-ups so far.
static WAKE_UPS: ManualClock = ManualClock::new(0);

/// After two failures in a row, the sensor is left alone for 3 wake-ups, then 6, then 12.
static SENSOR: Breaker<(), &ManualClock> =
    Breaker::new(Config::new().consecutive_failures(2).open_for(3).backoff(2, 12), (), &WAKE_UPS);

/// Milliseconds awake so far, and the same policy by that clock.
static AWAKE: ManualClock = ManualClock::new(0);
static BY_TIME_AWAKE: Breaker<(), &ManualClock> =
    Breaker::new(Config::new().consecutive_failures(2).open_for(30_000), (), &AWAKE);

/// How long a wake-up takes, in milliseconds.
const TAKES: u32 = 200;

fn main() {
    let mut tried = Vec::new();
    let mut by_time_awake = Vec::new();
    for wake_up in 0..200 {
        // The sensor is there again from the 20th wake-up on.
        let measure = || if wake_up >= 20 { Ok(21.5) } else { Err("no answer") };
        match SENSOR.call(measure) {
            Err(CallError::Rejected(_)) => {}
            _ if tried.len() < 9 => tried.push(wake_up),
            _ => {}
        }
        match BY_TIME_AWAKE.call(measure) {
            Err(CallError::Rejected(_)) => {}
            _ if by_time_awake.len() < 3 => by_time_awake.push(wake_up),
            _ => {}
        }
        WAKE_UPS.advance(1);
        AWAKE.advance(TAKES);
    }
    println!("by wake-ups, the sensor was tried at {tried:?}");
    assert_eq!(tried, [0, 1, 4, 10, 22, 23, 24, 25, 26]);
    println!("by time awake, it was tried at {by_time_awake:?}: again after 25 hours");
    assert_eq!(by_time_awake, [0, 1, 151]);
}
