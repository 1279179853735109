//! `cargo xtask loom`

/// Options of `cargo xtask loom`.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Only models whose name contains this
    filter: Option<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let _ = &options.filter;
    anyhow::bail!("not built yet")
}
