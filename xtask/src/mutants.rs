//! `cargo xtask mutants`: would the core's tests notice if it did something else?

use anyhow::ensure;
use xshell::cmd;

use crate::tools;

/// Options of `cargo xtask mutants`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Passed on to cargo-mutants, like `--file core/src/state/*.rs` or `--shard 0/8`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    let here = which::which("cargo-mutants").is_ok();
    ensure!(here, "cargo-mutants is not installed: cargo install --locked cargo-mutants");
    let arguments = &options.arguments;
    let own = ["--package", "microbreaker", "--output", "target", "--gitignore", "true"];
    Ok(cmd!(sh, "cargo mutants {own...} {arguments...}").run()?)
}
