//! `cargo xtask firmware`: runs the example on a Cortex-M3 in QEMU, pulls its sensor
//! out and plugs it in again, and compares its log with a committed file.

mod all;
mod board;
mod call_graph;
mod log;
mod operations;
mod qmp;
mod socket;
mod story;

use xshell::{Shell, cmd};

use crate::cores::{M3, PROGRAMS, RISCV};
use crate::{expect, tools};
use board::Board;

/// The example's firmware, a workspace of its own.
const BOARD: &str = "embedded-example/boards/mps2-an385";
const PACKAGE: &str = "mps2-an385";

/// Options of `cargo xtask firmware`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Instead, test the breaker itself on every kind of core, and print a line for each
    #[arg(long)]
    pub(crate) all: bool,
    /// Install missing system packages
    #[arg(long)]
    pub(crate) install: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    if options.all {
        return all::run(&sh, options.install);
    }
    tools::require(&sh, options.install, |sh| M3.missing(sh).collect())?;
    let root = sh.current_dir();
    let elf = M3.build(&sh, BOARD, PACKAGE, PACKAGE)?;
    let mut board = Board::boot(&elf)?;
    story::tell(&mut board)?;
    let log = board.finish()?;
    expect::same(&log, &root.join(BOARD).join("expected.log"))
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
        let arguments = ["--workspace", "--locked", "--target", target];
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
