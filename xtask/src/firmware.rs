//! `cargo xtask firmware`: runs an example on a Cortex-M3 in QEMU, pulls its sensor out and
//! plugs it in again, and compares its log with a committed file.

mod all;
mod board;
mod call_graph;
mod example;
mod log;
mod operations;
mod qmp;
mod recovery;
mod socket;
mod story;
mod two_sensors;
mod uplink;

use std::num::NonZeroUsize;

use xshell::{Shell, cmd};

use crate::cores::{M3, PROGRAMS, RISCV};
use crate::tools;

/// The examples' firmware, a workspace of its own.
const BOARD: &str = "embedded-example/boards/mps2-an385";
const PACKAGE: &str = "mps2-an385";

/// Options of `cargo xtask firmware`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run this example: thermometer, embassy, rtic, recovery or uplink
    #[arg(default_value = "thermometer")]
    pub(crate) example: String,
    /// Instead, test the breaker itself on every kind of core, run the other examples, and
    /// print a line for each
    #[arg(long)]
    pub(crate) all: bool,
    /// With `--all`, interrupt operations at every Nth of their instructions only
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN, requires = "all")]
    pub(crate) every: NonZeroUsize,
    /// Install missing system packages
    #[arg(long)]
    pub(crate) install: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    if options.all {
        return all::run(&sh, options.every, options.install);
    }
    tools::require(&sh, options.install, |sh| M3.missing(sh).collect())?;
    example::find(&options.example)?.run(&sh, true)
}

/// Checks the format of the firmware and lints it. It is in workspaces of its own, which the
/// checks of the main workspace skip.
pub(crate) fn lint(sh: &Shell) -> anyhow::Result<()> {
    // `harts` is for RISC-V only.
    let lints = [
        (BOARD, M3.target, &[][..]),
        (PROGRAMS, M3.target, &["--exclude", "harts"]),
        (PROGRAMS, RISCV.target, &[]),
    ];
    let clippy = |target, exclude: &[&str]| {
        // In release, as they are built later: the procedural macros are the same.
        let arguments = ["--workspace", "--locked", "--release", "--target", target];
        tools::clippy_for(sh, target, &[&arguments, exclude].concat())
    };
    let missing = |_: &Shell| {
        lints.iter().filter_map(|(_, target, exclude)| clippy(target, exclude).err()).collect()
    };
    tools::require(sh, true, missing)?;
    for workspace in [BOARD, PROGRAMS] {
        let _workspace = sh.push_dir(workspace);
        cmd!(sh, "cargo fmt --check").run()?;
    }
    for (workspace, target, exclude) in lints {
        let _workspace = sh.push_dir(workspace);
        clippy(target, exclude).into_iter().try_for_each(|clippy| clippy.run())?;
    }
    Ok(())
}
