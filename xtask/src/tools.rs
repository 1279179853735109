//! Shells and tools that the commands share.

use std::path::Path;

use xshell::Shell;

/// A shell in the project's root.
pub(crate) fn shell() -> anyhow::Result<Shell> {
    let shell = Shell::new()?;
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    shell.change_dir(xtask.parent().unwrap_or(xtask));
    Ok(shell)
}
