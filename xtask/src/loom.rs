//! `cargo xtask loom`: runs the loom models.

mod table;

use std::time::Duration;

use xshell::Shell;

use crate::models::{self, Limits, Model};
use crate::tools;

/// The table that records how far each model was explored.
const TABLE: &str = "docs/models.md";

/// Options of `cargo xtask loom`.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Run only the models whose `file::name` contains this
    filter: Option<String>,
    /// Raise each model's bound on preemptions as long as it ends within the limit, and
    /// record the result in docs/models.md
    #[arg(long)]
    full: bool,
    /// The time limit for each model with `--full`, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    limit: u64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let shell = tools::shell()?;
    let mut models = build(&shell, "target/loom")?;
    let table = shell.current_dir().join(TABLE);
    if options.full {
        table::prune(&table, &models)?;
    }
    if let Some(filter) = &options.filter {
        models.retain(|model| model.to_string().contains(filter));
    }
    if options.full {
        return table::fill(&table, &models, Duration::from_secs(options.limit));
    }
    models::report(&models, Limits::default())
}

/// Builds the models of the project that `sh` is in.
pub(crate) fn build(sh: &Shell, target: &str) -> anyhow::Result<Vec<Model>> {
    models::build(sh, "loom", "microbreaker-loom-tests", target)
}
