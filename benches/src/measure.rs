//! Measures contenders in turn.
//!
//! A usual harness finishes one contender before it starts the next, so load on the
//! machine that comes and goes slows one and not another. Here every round measures each
//! contender once, and the result is the median, over all rounds, of the ratios within a
//! round.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};

use crate::{Calls, Contender, Reads, Scenario, Side, system};

/// How thoroughly to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many times each contender is measured.
    pub rounds: usize,
    /// About how long each sample takes on one thread: well below a scheduler's time
    /// slice, so that most are not interrupted.
    pub sample: Duration,
}

/// An interrupted sample is taken again, up to this many times in total; then the fastest
/// is used.
const TRIES: usize = 4;

/// The samples of one contender on one number of threads: one per round, in nanoseconds
/// per call of each thread.
#[derive(Clone, Debug)]
pub struct Row {
    /// The index of the contender.
    pub contender: usize,
    /// How many threads shared it.
    pub threads: usize,
    repeats: usize,
    samples: Vec<f64>,
    interrupted: usize,
}

/// The measurements of one scenario.
pub struct Measured {
    /// The scenario.
    pub scenario: Scenario,
    /// The contenders.
    pub contenders: Vec<Contender>,
    /// A row for each contender and number of threads.
    pub rows: Vec<Row>,
}

/// The median of some samples, and their spread.
#[derive(Clone, Copy, Debug)]
pub struct Median {
    /// The median itself.
    pub median: f64,
    /// The distance between the first and the third quartile, over the median.
    pub spread: f64,
}

impl Median {
    fn of(samples: impl Iterator<Item = f64>) -> Self {
        let mut samples: Vec<_> = samples.collect();
        samples.sort_by(f64::total_cmp);
        let quarter = |quarters| samples[samples.len() * quarters / 4];
        let median = quarter(2);
        Self { median, spread: (quarter(3) - quarter(1)) / median }
    }
}

impl Row {
    /// Nanoseconds per call.
    pub fn nanos(&self) -> Median {
        Median::of(self.samples.iter().copied())
    }

    /// How many times as long a call takes here as in `other`: the ratios within a round.
    pub fn over(&self, other: &Self) -> Median {
        Median::of(self.samples.iter().zip(&other.samples).map(|(here, there)| here / there))
    }

    /// How many samples were interrupted for each one that was kept.
    pub fn interrupted(&self) -> f64 {
        self.interrupted as f64 / self.samples.len() as f64
    }
}

impl Measured {
    /// The rows for `threads` threads, with their contenders.
    pub fn on(&self, threads: usize) -> impl Iterator<Item = (&Contender, &Row)> {
        let rows = self.rows.iter().filter(move |row| row.threads == threads);
        rows.map(|row| (&self.contenders[row.contender], row))
    }

    /// The numbers of threads that were measured.
    pub fn threads(&self) -> Vec<usize> {
        let mut threads: Vec<_> = self.rows.iter().map(|row| row.threads).collect();
        threads.sort_unstable();
        threads.dedup();
        threads
    }

    /// The fastest peer that threads can share and that reads a clock exactly if `reads`
    /// is one.
    pub fn fastest_peer(&self, reads: Reads, threads: usize) -> Option<(&Contender, &Row)> {
        let peers = self.on(threads).filter(|(contender, _)| {
            contender.side == Side::Peer
                && contender.shareable
                && (contender.reads == Reads::Nothing) == (reads == Reads::Nothing)
        });
        peers.min_by(|(_, one), (_, other)| one.nanos().median.total_cmp(&other.nanos().median))
    }

    /// The row of the contender `name` on `threads` threads.
    pub fn row(&self, name: &str, threads: usize) -> Option<&Row> {
        self.on(threads).find(|(contender, _)| contender.name == name).map(|(_, row)| row)
    }
}

/// Measures `contenders`, set up for `scenario`, on each number of `threads`.
///
/// # Errors
///
/// If a contender was not in the phase that the scenario asks for.
pub fn measure(
    scenario: Scenario,
    contenders: Vec<Contender>,
    threads: &[usize],
    effort: Effort,
) -> anyhow::Result<Measured> {
    let pattern = scenario.pattern();
    let mut rows = Vec::new();
    for (index, contender) in contenders.iter().enumerate() {
        for &threads in threads {
            if threads > 1 && !contender.shareable {
                continue;
            }
            let calls = Calls { pattern: &pattern, repeats: 3 };
            // The first run fills the windows.
            sample(scenario, contender, threads, calls)?;
            let nanos = sample(scenario, contender, threads, calls)?.nanos.max(0.1);
            let calls = effort.sample.as_nanos() as f64 / nanos;
            rows.push(Row {
                contender: index,
                threads,
                repeats: (calls / pattern.len() as f64).ceil() as usize,
                samples: Vec::new(),
                interrupted: 0,
            });
        }
    }
    for _ in 0..effort.rounds {
        for row in &mut rows {
            let calls = Calls { pattern: &pattern, repeats: row.repeats };
            let mut quickest = f64::INFINITY;
            for _ in 0..TRIES {
                let taken = sample(scenario, &contenders[row.contender], row.threads, calls)?;
                if !taken.interrupted {
                    quickest = taken.nanos;
                    break;
                }
                quickest = quickest.min(taken.nanos);
                row.interrupted += 1;
            }
            row.samples.push(quickest);
        }
    }
    Ok(Measured { scenario, contenders, rows })
}

struct Sample {
    nanos: f64,
    interrupted: bool,
}

/// The result of one thread.
struct Lap {
    start: Instant,
    end: Instant,
    succeeded: usize,
    interrupted: bool,
}

/// Makes `calls` on each of `threads` threads at once, and checks how many succeeded.
fn sample(
    scenario: Scenario,
    contender: &Contender,
    threads: usize,
    calls: Calls<'_>,
) -> anyhow::Result<Sample> {
    let arrived = AtomicUsize::new(0);
    let lap = || {
        arrived.fetch_add(1, Ordering::AcqRel);
        while arrived.load(Ordering::Acquire) < threads {
            std::hint::spin_loop();
        }
        let before = system::interruptions();
        let start = Instant::now();
        let succeeded = contender.run(calls);
        let end = Instant::now();
        Lap { start, end, succeeded, interrupted: system::interruptions() != before }
    };
    let laps = if threads == 1 {
        vec![lap()]
    } else {
        let lap_on = |core| {
            system::stay_on(core);
            lap()
        };
        thread::scope(|scope| {
            let all: Vec<_> = (0..threads).map(|core| scope.spawn(move || lap_on(core))).collect();
            all.into_iter().map(|thread| thread.join()).collect::<Result<_, _>>()
        })
        .map_err(|_| anyhow!("a thread of {} panicked", contender.name))?
    };
    let expected = scenario.expected(contender.side, calls);
    for Lap { succeeded, .. } in &laps {
        ensure!(
            *succeeded == expected,
            "{}, {scenario}: {succeeded} of {} calls succeeded where {expected} should have",
            contender.name,
            calls.count(),
        );
    }
    let first = laps.iter().map(|lap| lap.start).min().context("no thread")?;
    let last = laps.iter().map(|lap| lap.start).max().context("no thread")?;
    let end = laps.iter().map(|lap| lap.end).max().context("no thread")?;
    // Threads that did not start together contended only for part of the time.
    let together = (last - first) * 20 < end - first;
    Ok(Sample {
        nanos: (end - first).as_nanos() as f64 / calls.count() as f64,
        interrupted: !together || laps.iter().any(|lap| lap.interrupted),
    })
}
