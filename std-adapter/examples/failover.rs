//! Four instances of a service, of which two go down: users see no error.
//!
//! `cargo run -p microbreaker-std --features failover --example failover`

use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, BuildError, Failover};

fn main() -> Result<(), BuildError> {
    // A paused clock, so that the example need not wait.
    let clock = PausedClock::new();
    let mut instances = Vec::new();
    for address in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"] {
        let breaker = Breaker::builder(format!("users/{address}"))
            .consecutive_failures(3)
            .open_for(Duration::from_secs(30))
            .clock(clock.clone());
        instances.push((breaker.build()?, address));
    }
    let users = Failover::new("users", instances)?
        .most_open(50) // if more seem to fail, it may not be them
        .attempts(3); // asking again is harmless

    let down = ["10.0.0.2", "10.0.0.3"];
    let ask = |address| if down.contains(&address) { Err("down") } else { Ok("Ada") };
    let answers = || (0..100).filter(|_| users.call(|it| ask(*it.callee())).is_ok()).count();

    let answered = answers();
    println!("{answered} of 100 users got an answer");
    assert_eq!(answered, 100);
    for instance in users.instances() {
        println!("{}: {}", instance.name(), instance.breaker().phase());
    }
    clock.advance(Duration::from_secs(30));
    let answered = answers();
    println!("{answered} of 100 more did, two of them after a probe had failed");
    assert_eq!(answered, 100);
    Ok(())
}
