//! `cargo xtask stress`: hammers breakers with every core of this machine.

use xshell::cmd;

use crate::tools;

pub(crate) fn run() -> anyhow::Result<()> {
    let sh = tools::shell()?;
    let test = cmd!(sh, "cargo test --release -p microbreaker-trials");
    Ok(test.args(["--", "--include-ignored", "--nocapture"]).run()?)
}
