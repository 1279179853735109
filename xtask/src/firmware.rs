//! `cargo xtask firmware`

/// Options of `cargo xtask firmware`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Install missing system packages
    #[arg(long)]
    install: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let _ = options.install;
    anyhow::bail!("not built yet")
}
