//! A consumer that pauses while the breaker refuses its work: the jobs wait in a bounded
//! channel, the producer waits for room in it, and nobody has to ask the breaker to end the
//! pause.
//!
//! `cargo run -p microbreaker-std --features tokio --example consumer`

use std::time::Duration;

use microbreaker_std::clock::TokioClock;
use microbreaker_std::{Breaker, Phase};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const JOBS: u32 = 12;

/// A store that is down from the second to the fifth second.
async fn store(job: u32, started: Instant) -> Result<u32, &'static str> {
    sleep(SECOND / 2).await;
    let is_down = (2..5).contains(&started.elapsed().as_secs());
    if is_down { Err("the store is down") } else { Ok(job) }
}

/// Stores each job, however long that takes, and returns when each was stored.
async fn consume(breaker: Breaker, mut jobs: Receiver<u32>) -> Vec<(u32, u64)> {
    let started = Instant::now();
    let mut stored = Vec::new();
    loop {
        // While the breaker refuses, jobs stay in the channel.
        breaker.ready(sleep).await;
        let Some(job) = jobs.recv().await else { return stored };
        loop {
            // It may have opened while there was no job, or because this one failed.
            let permit = breaker.acquire(sleep).await;
            let at = started.elapsed().as_secs();
            match store(job, started).await {
                Ok(job) => {
                    permit.success();
                    stored.push((job, at));
                    break;
                }
                Err(why) => {
                    permit.failure();
                    println!("second {at}: job {job}: {why}; {}", breaker.phase());
                }
            }
        }
    }
}

// tokio's clock is paused, and advances by itself when there is nothing else to do.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let breaker = Breaker::builder("store")
        .consecutive_failures(2)
        .open_for(10 * SECOND)
        .clock(TokioClock::new())
        .build()?;
    let (sender, jobs) = channel(2);
    let consumer = tokio::spawn(consume(breaker.clone(), jobs));

    for job in 0..JOBS {
        let before = Instant::now();
        sender.send(job).await?;
        if before.elapsed() > 5 * SECOND {
            println!("the producer waited {} seconds for room", before.elapsed().as_secs());
        }
    }
    drop(sender);

    let stored = consumer.await?;
    println!("stored: {stored:?}");
    assert!(stored.iter().map(|(job, _)| *job).eq(0..JOBS), "each job once, in order");
    assert!(stored.iter().all(|(_, at)| !(3..12).contains(at)), "none while it was open");
    assert_eq!((breaker.phase(), breaker.waiting()), (Phase::Closed, 0));
    Ok(())
}
