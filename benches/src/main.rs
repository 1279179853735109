//! Measures all contenders side by side.

use std::thread::available_parallelism;
use std::time::Duration;

use clap::Parser;
use microbreaker_benches::Scenario::{Failing1, Failing10, Healthy, Open};
use microbreaker_benches::contenders;
use microbreaker_benches::figures::Run;
use microbreaker_benches::floors::TWO_LOADS;
use microbreaker_benches::measure::{Effort, Measured, measure};

/// Measures this project's breakers beside their floors and other crates.
#[derive(Parser)]
struct Options {
    /// Only what the figures need
    #[arg(long)]
    quick: bool,
}

const SAMPLE: Duration = Duration::from_micros(500);

fn main() -> anyhow::Result<()> {
    let Options { quick } = Options::parse();
    let cores = available_parallelism()?.get();
    let mut wanted = vec![(Healthy, vec![1, 2]), (Failing10, vec![1, cores]), (Open, vec![1])];
    if !quick {
        wanted = [Healthy, Failing1, Failing10, Open].map(|it| (it, vec![1, 2, cores])).into();
    }
    let effort = Effort { rounds: if quick { 25 } else { 101 }, sample: SAMPLE };
    let mut scenarios = Vec::new();
    for (scenario, mut threads) in wanted {
        threads.sort_unstable();
        threads.dedup();
        let measured = measure(scenario, contenders(scenario), &threads, effort)?;
        threads.iter().for_each(|threads| print(&measured, *threads));
        scenarios.push(measured);
    }
    let figures = Run { scenarios, cores }.figures();
    figures.iter().for_each(|figure| println!("{figure}"));
    println!();
    for figure in figures {
        println!("figure {} {:.2}", figure.name, figure.value.median);
    }
    Ok(())
}

fn print(measured: &Measured, threads: usize) {
    let Some(floor) = measured.row(TWO_LOADS, threads) else { return };
    println!(
        "{:52} {:>8} {:>7} {:>7} {:>10}",
        format!("{}, on {threads} thread(s)", measured.scenario),
        "clock",
        "ns/call",
        "spread",
        "over loads"
    );
    for (contender, row) in measured.on(threads) {
        let nanos = row.nanos();
        println!(
            "  {:50} {:>8} {:7.1} {:5.0} % {:10.1}",
            contender.name,
            contender.reads,
            nanos.median,
            100.0 * nanos.spread,
            row.over(floor).median,
        );
    }
    println!();
}
