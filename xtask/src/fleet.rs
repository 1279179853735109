//! `cargo xtask fleet`: many processes, one server, and an upstream that fails.

use xshell::{Shell, cmd};

use crate::tools;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Ten processes and twenty rounds of probes instead of fifty and a thousand, and no
    /// judgement of times
    #[arg(long)]
    pub(crate) quick: bool,
    /// Simulates fleets of up to 1,000 instances on a virtual clock instead
    #[arg(long, conflicts_with = "quick")]
    pub(crate) simulate: bool,
    /// With --simulate: up to 10,000 instances, and draws verify/fleet/results/growth.svg
    #[arg(long, requires = "simulate")]
    pub(crate) full: bool,
}

/// Prints a line `figure NAME VALUE` for each figure, and fails if one is larger than it may
/// be.
pub(crate) fn run(sh: &Shell, options: &Options) -> anyhow::Result<()> {
    tools::require(sh, true, |_| redis_server().into_iter().chain(faketime()).collect())?;
    let extent: &[&str] = match (options.simulate, options.full, options.quick) {
        (true, true, _) => &["simulate", "--full"],
        (true, false, _) => &["simulate"],
        (false, _, true) => &["--quick"],
        (false, _, false) => &[],
    };
    Ok(cmd!(sh, "cargo run --release --quiet -p microbreaker-fleet-trials -- {extent...}").run()?)
}

/// The server, if it is missing.
pub(crate) fn redis_server() -> Option<tools::Missing> {
    tools::find("redis-server", &["redis-server"], "a release of Redis or Valkey")
}

/// What sets the server's clock, if it is missing.
fn faketime() -> Option<tools::Missing> {
    tools::find("faketime", &["faketime"], "a release of libfaketime")
}
