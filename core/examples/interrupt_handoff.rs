//! A transfer that is started here and ends in an interrupt: the permit crosses over
//! as a plain integer.
//!
//! `cargo run -p microbreaker --example interrupt_handoff`

use std::sync::atomic::{AtomicU32, Ordering};

use microbreaker::{Breaker, Config, Phase, Rejected, ShortWindow, Token, clock::ManualClock};

static MILLIS: ManualClock = ManualClock::new(0);

static BUS: Breaker<ShortWindow, &ManualClock> = Breaker::new(
    Config::new().failures_in_window(2).last_calls(8).open_for(100).probe_timeout(50),
    ShortWindow::new(),
    &MILLIS,
);

/// The token of the transfer under way. A token's bits never look like `IDLE`.
static UNDER_WAY: AtomicU32 = AtomicU32::new(IDLE);
const IDLE: u32 = u32::MAX;

/// Asks for leave, and sets the peripheral going.
fn start() -> Result<(), Rejected> {
    let token = BUS.try_acquire()?.into_token();
    UNDER_WAY.store(token.to_bits(), Ordering::Release);
    Ok(())
}

/// The interrupt that comes when a transfer has ended. It takes the token away, so
/// that no other interrupt resumes it again.
fn ended(succeeded: bool) {
    let bits = UNDER_WAY.swap(IDLE, Ordering::Acquire);
    if bits == IDLE {
        return;
    }
    let permit = BUS.resume(Token::from_bits(bits));
    if succeeded { permit.success() } else { permit.failure() }
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

    // Its interrupt is late: the probe counts as failed, and what it says then as
    // nothing.
    MILLIS.advance(50);
    println!("no interrupt in time: {}", BUS.phase());
    assert_eq!(BUS.phase(), Phase::Open);
    ended(true);
    assert_eq!(BUS.phase(), Phase::Open);

    MILLIS.advance(100);
    start()?;
    ended(true);
    println!("a probe in time: {}", BUS.phase());
    assert_eq!(BUS.phase(), Phase::Closed);
    Ok(())
}
