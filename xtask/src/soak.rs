//! `cargo xtask soak`: two days of service on a virtual clock.

use xshell::cmd;

use crate::tools;

/// Options of `cargo xtask soak`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many hours of the virtual clock to serve, at most 5,000,000
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    pub(crate) hours: u64,
    /// What the threads do follows from this, but not in which order they do it
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    let [hours, seed] = [options.hours, options.seed].map(|number| number.to_string());
    Ok(cmd!(sh, "cargo run --quiet --release -p microbreaker-soak -- {hours} {seed}").run()?)
}
