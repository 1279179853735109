//! A link that accepts every connection and ends it a second later.
//!
//! Connecting succeeds, so a breaker around connecting never opens. Hold the permit until
//! the connection has proved stable: it then ends as a failure when the connection does.

use microbreaker::clock::ManualClock;
use microbreaker::{Breaker, Clock, Config, Rejected};

static MILLIS: ManualClock = ManualClock::new(0);

const POLICY: Config = Config::new()
    .consecutive_failures(3)
    .open_for(10_000)
    .backoff(2, 240_000)
    .probe_timeout(60_000);

/// A connection that lasts this long is stable.
const STABLE: u32 = 30_000;
const HOUR: u32 = 3_600_000;

/// The link is up for this long, each time.
const UP: u32 = 1_000;

fn connect() -> Result<(), &'static str> {
    Ok(())
}

/// Guards connecting alone. Returns whether it has connected.
fn around_connecting(uplink: &Breaker<(), &ManualClock>) -> Result<(), Rejected> {
    let permit = uplink.try_acquire()?;
    if connect().is_ok() {
        permit.success()
    } else {
        permit.failure()
    }
    MILLIS.advance(UP);
    Ok(())
}

/// Holds the permit until the connection is stable or over.
fn until_stable(uplink: &Breaker<(), &ManualClock>) -> Result<(), Rejected> {
    let permit = uplink.try_acquire()?;
    let lasted = if connect().is_ok() { UP } else { 0 };
    MILLIS.advance(lasted.min(STABLE));
    if lasted >= STABLE {
        permit.success()
    } else {
        permit.failure()
    }
    Ok(())
}

/// How often the link is connected within an hour.
fn connections(attempt: fn(&Breaker<(), &ManualClock>) -> Result<(), Rejected>) -> u32 {
    let start = MILLIS.now();
    let uplink = Breaker::new(POLICY, (), &MILLIS);
    let mut connections = 0;
    while MILLIS.now() - start < HOUR {
        match attempt(&uplink) {
            Ok(()) => connections += 1,
            Err(why) => MILLIS.advance(why.retry_after.unwrap_or(1)),
        }
    }
    connections
}

fn main() {
    let around = connections(around_connecting);
    let stable = connections(until_stable);
    println!("an hour of a link that is kicked out after a second:");
    println!("{around} connections with a permit around connecting");
    println!("{stable} connections with a permit held until the connection is stable");
    assert_eq!(around, 3_600);
    assert_eq!(stable, 21);
}
