//! What a breaker reports: events as they happen, counts, and a snapshot of itself.
//!
//! `cargo run -p microbreaker-std --features counts --example telemetry`

use std::sync::{Arc, Mutex};
use std::time::Duration;

use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Breaker, BuildError, EventKind};

fn main() -> Result<(), BuildError> {
    let clock = PausedClock::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let users = Breaker::builder("users")
        .failure_rate(50)
        .min_calls(4)
        .last_calls(20)
        .open_for(Duration::from_secs(30))
        .clock(clock.clone())
        .on_event(move |event| {
            if let EventKind::Transition { from, to, .. } = event.kind {
                let line =
                    format!("{} went from {from} to {to}: {}", event.name, event.cause.name());
                println!("{line}");
                heard.lock().unwrap().push(line);
            }
        })
        .build()?;

    for answer in [Ok("Ada"), Err("timed out"), Ok("Grace"), Err("timed out"), Ok("Edsger")] {
        let _ = users.call(|| answer);
    }
    let now = users.snapshot();
    println!(
        "{}; {:?} % of {} calls failed; another {:?} to wait",
        now.phase, now.failure_rate, now.tally.calls, now.retry_after
    );
    clock.advance(Duration::from_secs(30));
    let _ = users.call(|| Ok::<_, ()>("Edsger"));

    let counts = users.counts();
    println!("{counts:?}");
    assert_eq!((counts.successes, counts.failures, counts.rejections), (3, 2, 1));
    assert_eq!(
        *told.lock().unwrap(),
        [
            "users went from closed to open: failure_rate",
            "users went from open to half_open: opening_over",
            "users went from half_open to closed: probes_succeeded",
        ]
    );
    Ok(())
}
