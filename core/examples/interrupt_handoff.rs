//! A transfer that starts here and ends in an interrupt, or at its timeout.
//!
//! `cargo run -p microbreaker --example interrupt_handoff`

use microbreaker::clock::ManualClock;
use microbreaker::{Breaker, Config, InFlight, Outcome, Phase, Rejected, ShortWindow};

static MILLIS: ManualClock = ManualClock::new(0);

static BUS: Breaker<ShortWindow, &ManualClock> = Breaker::new(
    Config::new().failures_in_window(2).last_calls(8).open_for(100).probe_timeout(50),
    ShortWindow::new(),
    &MILLIS,
);

/// The transfer under way.
static TRANSFER: InFlight = InFlight::new();

/// Acquires a permit and starts the peripheral.
fn start() -> Result<(), Rejected> {
    let permit = BUS.try_acquire()?;
    TRANSFER.put(permit).expect("one transfer at a time");
    Ok(())
}

/// Called by the interrupt at the end of a transfer and by the timer at its timeout;
/// true for whichever comes first.
fn ended(succeeded: bool) -> bool {
    TRANSFER.finish(&BUS, if succeeded { Outcome::Success } else { Outcome::Failure })
}

fn main() -> Result<(), Rejected> {
    for _ in 0..2 {
        start()?;
        ended(false);
    }
    println!("two failures: {}", BUS.phase());
    let refused = start().expect_err("it is open");
    println!("{refused}");
    assert_eq!(refused.retry_after, Some(100));

    MILLIS.advance(100);
    start()?;
    println!("a probe is under way: {}", BUS.phase());
    assert_eq!(BUS.phase(), Phase::HalfOpen);

    // The timer ends the transfer; its interrupt still comes, and learns that it is late.
    assert!(ended(false));
    println!("no interrupt in time: {}", BUS.phase());
    assert_eq!(BUS.phase(), Phase::Open);
    assert!(!ended(true), "too late");
    assert_eq!(BUS.phase(), Phase::Open);

    MILLIS.advance(100);
    start()?;
    ended(true);
    println!("a probe in time: {}", BUS.phase());
    assert_eq!(BUS.phase(), Phase::Closed);
    Ok(())
}
