//! The measurements, as Markdown and as charts.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::chart::{self, Line};
use crate::figures::Run;
use crate::floors::{CAS, TWO_LOADS};
use crate::measure::{Measured, Row};
use crate::{Scenario, Side};

/// The floor to compare with in `scenario`.
pub const fn floor(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Failing1 | Scenario::Failing10 => CAS,
        _ => TWO_LOADS,
    }
}

/// The table of one scenario on `threads` threads.
pub fn table(measured: &Measured, threads: usize) -> String {
    let name = floor(measured.scenario);
    let mut text = format!(
        "### {}\n\n\
         | contender | reads a clock | ns a call | times {name} | fastest peer over it | spread |\n\
         |---|---|---:|---:|---:|---:|\n",
        title(measured, threads),
    );
    for (contender, row) in measured.on(threads) {
        let nanos = row.nanos();
        let over = |name| measured.row(name, threads).map(|other| row.over(other).median);
        let peer = measured.fastest_peer(contender.reads, threads);
        let peer = peer.filter(|_| contender.side != Side::Floor);
        let peer = peer.map(|(_, peer)| peer.over(row).median);
        let ratio = |ratio: Option<f64>| ratio.map_or("".into(), |ratio| format!("{ratio:.1}"));
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {} | {} | {:.0} % |",
            contender.name,
            contender.reads,
            nanos.median,
            ratio(over(name)),
            ratio(peer),
            100.0 * nanos.spread,
        );
    }
    text
}

fn title(measured: &Measured, threads: usize) -> String {
    let s = if threads == 1 { "" } else { "s" };
    format!("{}, {threads} thread{s}", measured.scenario)
}

/// Writes the tables and charts into `folder`.
///
/// # Errors
///
/// If they cannot be written.
pub fn write(folder: &Path, run: &Run, sweeps: &[Sweep], tail: &str) -> anyhow::Result<()> {
    let mut text = String::from(
        "# What a guarded call costs\n\n\
         Written by `cargo xtask bench`. Each call is admission, a no-op call that the\n\
         compiler cannot look into, and the recording of its outcome; the floors have the\n\
         same call inside. Medians of samples taken turn by turn in one process; ratios\n\
         are medians of ratios within a round. Read the ratios: times are of one machine.\n\
         The peer is the fastest that threads can share and that reads a clock if, and\n\
         only if, the contender does.\n\n",
    );
    let _ = writeln!(text, "{}\n", noise(run));
    let _ = writeln!(text, "## Figures\n\n| figure | is | should be | |\n|---|---:|---|---|");
    for figure in run.figures() {
        let met = if figure.is_met() { "met" } else { "**not met**" };
        let peer = figure.peer.as_deref().unwrap_or_default();
        let (name, value) = (figure.name, figure.value.median);
        let _ = writeln!(text, "| `{name}` {peer} | {value:.2} | {} | {met} |", figure.target);
    }
    let _ = writeln!(text, "\n## How cost grows\n");
    for Sweep { name, title, across, lines } in sweeps {
        chart::lines(&folder.join(format!("{name}.svg")), title, across, lines)?;
        let _ = writeln!(text, "![{title}]({name}.svg)\n");
    }
    let _ = writeln!(text, "## All of them\n");
    for measured in &run.scenarios {
        for threads in measured.threads() {
            let name = format!("{}_{threads}", measured.scenario.slug());
            let title = title(measured, threads);
            let bars = measured.on(threads).map(|(contender, row)| {
                (contender.name.clone(), contender.side, row.nanos().median)
            });
            chart::bars(&folder.join(format!("{name}.svg")), &title, bars.collect())?;
            let table = table(measured, threads);
            let _ = writeln!(text, "{table}\n![{title}]({name}.svg)\n");
        }
    }
    text.push_str(tail);
    Ok(fs::write(folder.join("performance.md"), text.trim_end().to_owned() + "\n")?)
}

/// A chart of cost against some quantity.
pub struct Sweep {
    /// The name of its file, without the extension.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The quantity, and its scale.
    pub across: &'static str,
    /// The lines.
    pub lines: Vec<Line>,
}

/// How noisy the run was, in a sentence.
pub fn noise(run: &Run) -> String {
    let rows = || run.scenarios.iter().flat_map(|measured| &measured.rows);
    let mut spreads: Vec<_> = rows().map(|row| row.nanos().spread).collect();
    spreads.sort_by(f64::total_cmp);
    let at = |part: usize| 100.0 * spreads[(spreads.len() - 1) * part / 100];
    let taken: f64 = rows().map(Row::interrupted).sum();
    format!(
        "Noise: the middle half of a contender's samples lies within {:.0} % of its median \
         (typically), within {:.0} % for nine in ten of them; for every hundred samples, {:.0} \
         more were thrown away because the operating system interrupted them. {} cores.",
        at(50),
        at(90),
        100.0 * taken / rows().count() as f64,
        run.cores,
    )
}
