//! `cargo xtask bench`: what a guarded call costs.

use xshell::cmd;

use crate::tools;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure only what the figures need, in under a minute once built, and write nothing
    #[arg(long)]
    pub(crate) quick: bool,
}

/// Measures the breakers side by side with their floors and with other crates, and prints
/// a line `figure NAME VALUE` for each figure with a bound. Writes tables and charts to
/// `benches/results`, unless `--quick`.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    let run = ["run", "--release", "--quiet", "-p", "microbreaker-benches", "--bin"];
    let extent: &[&str] =
        if options.quick { &["--quick"] } else { &["--write", "benches/results"] };
    cmd!(sh, "cargo {run...} side-by-side -- {extent...}").run()?;
    Ok(cmd!(sh, "cargo {run...} allocations").run()?)
}
