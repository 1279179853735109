//! `cargo xtask footprint`: what a breaker adds to firmware.
//!
//! It builds the same firmware with and without a breaker, and takes the difference of
//! their section sizes. Another program counts instructions.

mod figures;
mod sizes;

use std::fmt::Write as _;

use anyhow::{Context, bail};
use xshell::Shell;

use crate::cores::{Core, M0, M3, RISCV};
use crate::tools;
use figures::Figures;

const PACKAGE: &str = "footprint";
const CORES: [Core; 3] = [M0, M3, RISCV];
/// The breaker without a window.
const WINDOWLESS: &str = "consecutive";
/// The programs with a breaker, and a description of each breaker.
const BREAKERS: [(&str, &str); 5] = [
    (WINDOWLESS, "3 failures in a row"),
    ("last16", "5 of the last 16 failed"),
    ("last16_full", "the same, with manual phases and explicit lengths"),
    ("leaky", "a leaky bucket, +14 / -1 at 100"),
    ("last100", "50 % of the last 100 failed"),
];
/// The operations that the program `instructions` counts, and their descriptions.
const OPERATIONS: [(&str, &str); 4] = [
    ("healthy", "healthy call"),
    ("failing", "failing call"),
    ("rejection", "rejection"),
    ("trip", "failing call that trips"),
];
/// The figures with a bound: the name, a description and the bound.
const BUDGETS: [(&str, &str, u32); 6] = [
    (
        "flash_bytes_m3_last16",
        "flash of a breaker with a window of the last 16, Cortex-M3, bytes",
        1_024,
    ),
    ("flash_bytes_m3_leaky", "flash of a breaker with a leaky bucket, Cortex-M3, bytes", 900),
    ("ram_bytes_leaky", "RAM that a leaky bucket adds to a breaker without one, bytes", 4),
    ("ram_bytes_consecutive", "RAM of a breaker without a window, bytes", 16),
    ("ram_bytes_last100", "RAM that a window of the last 100 adds to that, bytes", 40),
    ("instructions_m3_healthy", "a healthy call, Cortex-M3, instructions", 40),
];

const HEAD: &str = "\
# What a breaker adds to firmware

Written by `cargo xtask footprint`; `cargo xtask footprint --check` measures
again and fails if anything has grown by more than a tenth.

Bytes are the difference between the same firmware with and without a breaker that
guards one call. Its configuration is in its type, without the phases entered by hand and
without explicit lengths unless a row says so. Built with `opt-level = \"s\"`, LTO, one
codegen unit and `panic = \"abort\"`. RAM is `.data` and `.bss`; flash is `.text`,
`.rodata` and the initial values of `.data`. Critical sections are included where there is
no compare-and-swap.

Instructions are counted in QEMU, from before to after a guarded call of a function that
does nothing. The window is full, and the failing call is the first to fail.
";

const REPORT: &str = "benches/results/footprint.md";
const RECORD: &str = "benches/results/footprint.json";

/// Options of `cargo xtask footprint`.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Compare with the recorded figures instead of recording new ones; fail if any has
    /// grown by more than a tenth
    #[arg(long)]
    check: bool,
    /// Only list the functions and constants of the firmware with this breaker, largest first
    #[arg(long, value_name = "BREAKER", value_parser = BREAKERS.map(|(name, _)| name))]
    functions: Option<String>,
    /// The core for `--functions`
    #[arg(long, default_value = M3.name, value_parser = CORES.map(|core| core.name))]
    core: String,
    /// Install missing system packages
    #[arg(long)]
    install: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    let missing = |sh: &Shell| CORES.iter().flat_map(|core| core.missing(sh)).collect();
    tools::require(&sh, options.install, missing)?;
    if let Some(breaker) = &options.functions {
        let core = CORES.iter().find(|core| core.name == options.core);
        let core = core.context("there is no such core")?;
        return sizes::list(&core.program(&sh, PACKAGE, breaker)?);
    }
    let mut figures = Figures::default();
    for core in &CORES {
        measure(&sh, core, &mut figures)?;
    }
    let report = report(&sh, &figures)?;
    println!("{report}\n{figures}");
    let record = sh.current_dir().join(RECORD);
    if options.check {
        return figures.compare(&Figures::read(&record)?);
    }
    figures.write(&record)?;
    Ok(sh.write_file(REPORT, report)?)
}

/// Compares with the recorded figures, for CI.
pub(crate) fn check() -> anyhow::Result<()> {
    run(&Options { check: true, install: true, ..Options::default() })
}

/// Adds the figures of `core`. RAM has one figure for all cores: the largest.
fn measure(sh: &Shell, core: &Core, figures: &mut Figures) -> anyhow::Result<()> {
    let size = |program| sizes::of(&core.program(sh, PACKAGE, program)?);
    let (without, windowless) = (size("without")?, size(WINDOWLESS)?);
    for (breaker, _) in BREAKERS {
        let with = size(breaker)?;
        figures.raise(flash(core, breaker), with.flash - without.flash);
        // For a window, only what it adds to the breaker without one.
        let base = if breaker == WINDOWLESS { &without } else { &windowless };
        figures.raise(ram(breaker), with.ram - base.ram);
    }
    let printed = core.run(&core.program(sh, PACKAGE, "instructions")?)?;
    for line in printed.lines() {
        let [breaker, operation, count] = line.split(' ').collect::<Vec<_>>()[..] else {
            bail!("not a count of instructions: {line}");
        };
        let count = count.parse()?;
        figures.raise(instructions(core, operation, breaker), count);
        // The largest over all breakers.
        figures.raise(format!("instructions_{}_{operation}", core.name), count);
    }
    Ok(())
}

fn flash(core: &Core, breaker: &str) -> String {
    format!("flash_bytes_{}_{breaker}", core.name)
}

fn ram(breaker: &str) -> String {
    format!("ram_bytes_{breaker}")
}

fn instructions(core: &Core, operation: &str, breaker: &str) -> String {
    format!("instructions_{}_{operation}_{breaker}", core.name)
}

fn report(sh: &Shell, figures: &Figures) -> anyhow::Result<String> {
    let Ok(cargo) = tools::cargo_for(sh, &[M3.target]) else { bail!("no toolchain") };
    let cargo = cargo.arg("--version").read()?;
    let titles = CORES.map(|core| core.title).join(" | ");
    let mut report = format!("{HEAD}\nBuilt with {cargo}.\n\n");
    writeln!(report, "| bytes added | RAM | flash: {titles} |\n|---|{}", "---:|".repeat(4))?;
    for (breaker, what) in BREAKERS {
        let mut bytes = figures.get(&ram(breaker))?;
        if breaker != WINDOWLESS {
            bytes += figures.get(&ram(WINDOWLESS))?;
        }
        write!(report, "| {what} | {bytes} |")?;
        for core in &CORES {
            write!(report, " {} |", figures.get(&flash(core, breaker))?)?;
        }
        writeln!(report)?;
    }
    writeln!(report, "\n| instructions | | {titles} |\n|---|---|{}", "---:|".repeat(3))?;
    for (breaker, what) in BREAKERS {
        for (operation, call) in OPERATIONS {
            write!(report, "| {what} | {call} |")?;
            for core in &CORES {
                write!(report, " {} |", figures.get(&instructions(core, operation, breaker))?)?;
            }
            writeln!(report)?;
        }
    }
    writeln!(report, "\n| budget | at most | is | |\n|---|---:|---:|---|")?;
    for (name, what, most) in BUDGETS {
        let is = figures.get(name)?;
        let verdict = if is <= most { "met" } else { "**exceeded**" };
        writeln!(report, "| {what} | {most} | {is} | {verdict} |")?;
    }
    Ok(report)
}
