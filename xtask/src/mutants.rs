//! `cargo xtask mutants`: would the core's tests notice if it did something else?

use std::process::Command;

use anyhow::ensure;
use xshell::cmd;

use crate::tools;

/// The exit code of cargo-mutants if no mutant was missed but some timed out: a call
/// that never returns counts as noticed.
const SOME_DID_NOT_END: i32 = 3;

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
    // The model's tests compare the core with it.
    let tests = ["--test-package", "microbreaker,microbreaker-model"];
    let mutants = cmd!(sh, "cargo mutants {own...} {tests...} {arguments...}");
    // What is noticed need not be made small.
    let mutants = mutants.env("PROPTEST_MAX_SHRINK_ITERS", "0");
    let status = Command::from(mutants).status()?;
    let noticed = matches!(status.code(), Some(0 | SOME_DID_NOT_END));
    ensure!(noticed, "some mutants were missed: target/mutants.out/missed.txt");
    Ok(())
}
