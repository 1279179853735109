//! `cargo xtask firmware`: the example on a Cortex-M3 in QEMU, its sensor
//! pulled out and plugged in while it runs, its log compared with a file.

mod board;
mod log;
mod qmp;
mod socket;
mod story;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use similar::TextDiff;
use xshell::{Shell, cmd};

use crate::tools::{self, Missing};
use board::Board;

const TARGET: &str = "thumbv7m-none-eabi";
const BOARDS: &str = "embedded-example/boards";
const PACKAGE: &str = "mps2-an385";

/// Options of `cargo xtask firmware`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Install missing system packages
    #[arg(long)]
    pub(crate) install: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let sh = tools::shell()?;
    tools::require(&sh, options.install, missing)?;
    let root = sh.current_dir();
    let elf = build(&sh)?;
    let mut board = Board::boot(&elf)?;
    story::tell(&mut board)?;
    let log = board.finish()?;
    compare(&log, &root.join(BOARDS).join(PACKAGE).join("expected.log"))
}

/// Checks the boards' format and lints them: they are a workspace of their own.
pub(crate) fn lint(sh: &Shell) -> anyhow::Result<()> {
    let clippy = || tools::clippy_for(sh, TARGET, &["--workspace", "--locked", "--target", TARGET]);
    tools::require(sh, true, |_| clippy().err().into_iter().collect())?;
    let _boards = sh.push_dir(BOARDS);
    cmd!(sh, "cargo fmt --check").run()?;
    let Ok(clippy) = clippy() else { bail!("no clippy for {TARGET}") };
    Ok(clippy.run()?)
}

fn missing(sh: &Shell) -> Vec<Missing> {
    let qemu = tools::find(
        board::QEMU,
        &["qemu-system-arm"],
        "brew install qemu, dnf install qemu-system-arm",
    );
    tools::cargo_for(sh, TARGET).err().into_iter().chain(qemu).collect()
}

/// Builds the firmware, and says where it is.
fn build(sh: &Shell) -> anyhow::Result<PathBuf> {
    let _boards = sh.push_dir(BOARDS);
    let Ok(cargo) = tools::cargo_for(sh, TARGET) else { bail!("no toolchain for {TARGET}") };
    let messages = cargo
        .args(["build", "--release", "--locked", "--package", PACKAGE, "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .read()?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo built no executable")
}

/// Compares `log` with what is expected; `UPDATE_EXPECT=1` accepts it instead.
fn compare(log: &str, expectation: &Path) -> anyhow::Result<()> {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        return Ok(std::fs::write(expectation, log)?);
    }
    let expected = std::fs::read_to_string(expectation)
        .with_context(|| format!("cannot read {}", expectation.display()))?;
    if log != expected {
        let diff = TextDiff::from_lines(expected.as_str(), log);
        let diff = diff.unified_diff().header("expected", "logged").to_string();
        eprintln!("\n{diff}");
        bail!("the log is not as expected; UPDATE_EXPECT=1 writes it to {}", expectation.display());
    }
    println!("The log is as expected.");
    Ok(())
}
