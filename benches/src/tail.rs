//! How long the slowest calls take.

use std::fmt::Write;
use std::thread;
use std::time::Instant;

use anyhow::anyhow;
use hdrhistogram::Histogram;

use crate::{Calls, Contender, Reads, Scenario, Side, contenders, system};

/// The calls that each thread times, one by one.
const CALLS: u32 = 100_000;

/// The quantiles of one contender, in nanoseconds, with two readings of a precise clock.
pub struct Tail {
    name: String,
    side: Side,
    reads: Reads,
    times: Histogram<u64>,
}

/// Times healthy calls one by one, on every core at once, through one breaker.
///
/// # Errors
///
/// If a thread panicked.
pub fn measure(cores: usize) -> anyhow::Result<Vec<Tail>> {
    let contenders = contenders(Scenario::Healthy).into_iter();
    let contenders = contenders.filter(|it| it.shareable && it.starts_at_once);
    contenders.map(|contender| of(contender, cores)).collect()
}

fn of(contender: Contender, cores: usize) -> anyhow::Result<Tail> {
    let mut times = Histogram::new(3)?;
    let on = |core| {
        system::stay_on(core);
        let mut times = Histogram::new(3)?;
        let call = Calls { pattern: &[true], repeats: 1 };
        for _ in 0..CALLS {
            let start = Instant::now();
            contender.run(call);
            times.record(start.elapsed().as_nanos() as u64)?;
        }
        anyhow::Ok(times)
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..cores).map(|core| scope.spawn(move || on(core))).collect();
        all.into_iter().try_for_each(|thread| {
            let own: Histogram<u64> = thread.join().map_err(|_| anyhow!("a thread panicked"))??;
            Ok(times.add(own)?)
        })
    })
    .map_err(|error: anyhow::Error| error.context(contender.name.clone()))?;
    let Contender { name, side, reads, .. } = contender;
    Ok(Tail { name, side, reads, times })
}

/// The table of `tails`.
pub fn table(tails: &[Tail], cores: usize) -> String {
    let mut text = format!(
        "### The slowest of healthy calls, {cores} threads\n\n\
         Each call is timed by itself, which takes two readings of a precise clock: compare\n\
         with `the call alone`.\n\n\
         | contender | reads a clock | p50, ns | p99, ns | p99.9, ns |\n\
         |---|---|---:|---:|---:|\n",
    );
    for Tail { name, side, reads, times } in tails {
        let [half, most, nearly_all] = [0.5, 0.99, 0.999].map(|part| times.value_at_quantile(part));
        let whose = if *side == Side::Ours { "**" } else { "" };
        let _ =
            writeln!(text, "| {whose}{name}{whose} | {reads} | {half} | {most} | {nearly_all} |",);
    }
    text
}
