//! Guarded futures with a time limit: one that hangs is a failure, one that is
//! dropped halfway does not count.
//!
//! `cargo run -p microbreaker-std --features tokio --example async_call`

use std::future::pending;
use std::time::Duration;

use microbreaker_std::clock::TokioClock;
use microbreaker_std::{Breaker, CallError, Phase};
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// An upstream that hangs, or takes a tenth of a second.
async fn ask(hangs: bool) -> &'static str {
    if hangs {
        pending().await
    } else {
        sleep(SECOND / 10).await;
        "Ada"
    }
}

// tokio's clock is paused, and advances by itself when there is nothing else to do.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let users = Breaker::builder("users")
        .consecutive_failures(2)
        .open_for(30 * SECOND)
        .clock(TokioClock::new())
        .build()?;

    for hangs in [false, true, true, false] {
        // The limit belongs inside, where reaching it is an error of the call.
        match users.call_async(timeout(SECOND, ask(hangs))).await {
            Ok(name) => println!("asked: {name}"),
            Err(CallError::Failed(error)) => println!("asked: {error}"),
            Err(CallError::Rejected(why)) => println!("not asked: {why}"),
        }
    }
    assert_eq!(users.phase(), Phase::Open);

    // Waits while the breaker refuses, and tries again after each wait.
    users.ready(sleep).await;
    println!("ready: {}", users.phase());

    // A probe whose caller has given up hands its place back.
    let impatient = timeout(SECOND, users.call_async(async { Ok::<_, ()>(ask(true).await) })).await;
    assert!(impatient.is_err());
    assert_eq!(users.phase(), Phase::HalfOpen);

    let name = users.call_async(timeout(SECOND, ask(false))).await?;
    println!("asked: {name}, and it is {}", users.phase());
    assert_eq!(users.phase(), Phase::Closed);
    Ok(())
}
