//! `cargo xtask firmware`: the example on a Cortex-M3 in QEMU, its sensor
//! pulled out and plugged in while it runs, its log compared with a file.

mod all;
mod board;
mod log;
mod operations;
mod qmp;
mod reach;
mod socket;
mod story;

use xshell::{Shell, cmd};

use crate::cores::{BOARDS, M3, RISCV};
use crate::{expect, tools};
use board::Board;

const PACKAGE: &str = "mps2-an385";

/// Options of `cargo xtask firmware`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Instead, run what tries the breaker itself on every kind of core, a line each
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
    let elf = M3.program(&sh, PACKAGE, PACKAGE)?;
    let mut board = Board::boot(&elf)?;
    story::tell(&mut board)?;
    let log = board.finish()?;
    expect::same(&log, &root.join(BOARDS).join(PACKAGE).join("expected.log"))
}

/// Checks the format of the firmware, and lints it: it is a workspace of its own.
pub(crate) fn lint(sh: &Shell) -> anyhow::Result<()> {
    // Each has programs that are for it alone.
    let lints = [(M3.target, &["harts"][..]), (RISCV.target, &[PACKAGE])];
    let clippy = || {
        lints.map(|(target, others)| {
            let mut arguments = vec!["--workspace", "--locked", "--target", target];
            others.iter().for_each(|other| arguments.extend(["--exclude", other]));
            tools::clippy_for(sh, target, &arguments)
        })
    };
    tools::require(sh, true, |_| clippy().into_iter().filter_map(Result::err).collect())?;
    let _boards = sh.push_dir(BOARDS);
    cmd!(sh, "cargo fmt --check").run()?;
    clippy().into_iter().flatten().try_for_each(|clippy| Ok(clippy.run()?))
}
