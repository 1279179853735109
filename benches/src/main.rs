//! Measures all contenders side by side.

use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Parser;
use microbreaker_benches::Scenario::{
    Failing1, Failing10, Flapping, Futures, Healthy, LookUp, Open, Services,
};
use microbreaker_benches::figures::Run;
use microbreaker_benches::measure::{Effort, measure};
use microbreaker_benches::{contenders, report, sweeps, tail};

/// Measures this project's breakers side by side with lower bounds and other crates.
#[derive(Parser)]
struct Options {
    /// Measure only what the figures need
    #[arg(long)]
    quick: bool,
    /// Write tables and charts into this folder
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

const SAMPLE: Duration = Duration::from_micros(500);

fn main() -> anyhow::Result<()> {
    let Options { quick, write } = Options::parse();
    let cores = available_parallelism()?.get();
    let mut wanted = vec![(Healthy, vec![1, 2]), (Failing10, vec![1, cores]), (Open, vec![1, 2])];
    if !quick {
        wanted = [Healthy, Failing1, Failing10, Open].map(|it| (it, vec![1, 2, cores])).into();
    }
    // With more threads, one would trip the breaker for another.
    wanted.push((Flapping, vec![1]));
    wanted.extend([Futures, Services, LookUp].map(|it| (it, vec![1])));
    let effort = Effort { rounds: if quick { 25 } else { 51 }, sample: SAMPLE };
    let mut scenarios = Vec::new();
    for (scenario, mut threads) in wanted {
        threads.sort_unstable();
        threads.dedup();
        let measured = measure(scenario, contenders(scenario), &threads, effort)?;
        for threads in threads {
            println!("{}", report::table(&measured, threads));
        }
        scenarios.push(measured);
    }
    let tail = tail::table(&tail::measure(cores)?, cores);
    println!("{tail}");
    let run = Run { scenarios, cores };
    if let Some(folder) = write {
        let sweeps = [sweeps::lengths(effort)?, sweeps::threads(effort, cores)?];
        report::write(&folder, &run, &sweeps, &tail)?;
    }
    println!("{}\n", report::noise(&run));
    let figures = run.figures();
    figures.iter().for_each(|figure| println!("{figure}"));
    println!();
    for figure in figures {
        println!("figure {} {:.2}", figure.name, figure.value.median);
    }
    Ok(())
}
