//! `cargo xtask mutants`: would a test fail if the code did something else?

use std::process::Command;

use anyhow::ensure;
use xshell::cmd;

use crate::tools;

/// The exit code of cargo-mutants if no mutant was missed but some timed out: a test that
/// never ends counts as catching the mutant.
const SOME_TIMED_OUT: i32 = 3;

/// Options of `cargo xtask mutants`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Change microbreaker-std instead of the core
    #[arg(long)]
    adapter: bool,
    /// Passed on to cargo-mutants, for example `--file core/src/state/*.rs` or `--shard 0/8`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// More than any test takes. A test that never ends is stopped by this, however busy the
/// machine is.
const MOST_CPU_SECONDS: u32 = 20;

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    let here = which::which("cargo-mutants").is_ok();
    ensure!(here, "cargo-mutants is not installed: cargo install --locked cargo-mutants");
    let arguments = &options.arguments;
    let own: &[_] = if options.adapter {
        // What needs a server or an exporter is tested beside the adapter.
        let tests = "microbreaker-std,microbreaker-integration";
        &["--package", "microbreaker-std", "--test-package", tests, "--all-features"]
    } else {
        // The model's tests compare the core with the model.
        &["--package", "microbreaker", "--test-package", "microbreaker,microbreaker-model"]
    };
    let runner = format!("target.'cfg(unix)'.runner = 'prlimit --cpu={MOST_CPU_SECONDS}'");
    let always = ["--output", "target", "--gitignore", "true"];
    let limit = ["--cargo-arg=--config", &format!("--cargo-arg={runner}")];
    let mutants = cmd!(sh, "cargo mutants {own...} {always...} {limit...} {arguments...}");
    // Shrinking a failure would only take time.
    let mutants = mutants.env("PROPTEST_MAX_SHRINK_ITERS", "0");
    let status = Command::from(mutants).status()?;
    let all_caught = matches!(status.code(), Some(0 | SOME_TIMED_OUT));
    ensure!(all_caught, "some mutants were missed: target/mutants.out/missed.txt");
    Ok(())
}
