//! `cargo xtask loom`

use std::time::Instant;

use xshell::cmd;

use crate::tools;

/// Options of `cargo xtask loom`.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Only models whose name contains this
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let shell = tools::shell()?;
    let mut flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    flags.push_str(" --cfg loom");
    let _flags = shell.push_env("RUSTFLAGS", flags.trim());
    // Every crate is built anew under `--cfg loom`: apart, so that it is not
    // built anew again afterwards. Only the core, loom and the models are.
    let _target = shell.push_env("CARGO_TARGET_DIR", "target/loom");
    let filter = options.filter.as_slice();
    let start = Instant::now();
    // Each model says its time and the number of its interleavings.
    cmd!(shell, "cargo test -p microbreaker-loom-tests --release --tests --no-fail-fast -- --nocapture {filter...}")
        .run()?;
    eprintln!("{:8.2} s in all", start.elapsed().as_secs_f32());
    Ok(())
}
