//! `cargo xtask load`

use xshell::cmd;

use crate::tools;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long requests are sent, half of it with the breaker, in seconds, 6 or more
    #[arg(long, default_value_t = 50)]
    pub(crate) seconds: u32,
    /// Without optimization: faster to build, but the times mean less
    #[arg(long)]
    pub(crate) debug: bool,
}

/// Puts the example service under load while its upstream goes bad and recovers,
/// and prints what users saw with and without the breaker.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    let seconds = options.seconds.to_string();
    let release = (!options.debug).then_some("--release");
    let load = ["--quiet", "-p", "microbreaker-service-example", "--bin", "load"];
    Ok(cmd!(sh, "cargo run {release...} {load...} -- --seconds {seconds}").run()?)
}
