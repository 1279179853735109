//! `cargo xtask load`: the example service under load.

use xshell::cmd;

use crate::tools;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many seconds to send requests for, at least 9: a third without the breaker, a third
    /// with it, a third to an upstream of four instances
    #[arg(long, default_value_t = 75)]
    pub(crate) seconds: u32,
    /// Build without optimization: builds faster, but the times mean less
    #[arg(long)]
    pub(crate) debug: bool,
}

/// Puts the example service under load while its upstream fails and recovers, and
/// prints what users saw without and with the breaker, and with four instances.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    let seconds = options.seconds.to_string();
    let release = (!options.debug).then_some("--release");
    let load = ["--quiet", "-p", "microbreaker-service-example", "--bin", "load"];
    Ok(cmd!(sh, "cargo run {release...} {load...} -- --seconds {seconds}").run()?)
}
