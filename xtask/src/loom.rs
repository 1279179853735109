//! `cargo xtask loom`: runs the loom models.

mod table;

use std::time::Duration;

use xshell::{Shell, cmd};

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
    /// Compile the core as for bare metal, where each transition is settled in the same way;
    /// leaves out the models that bound an operation's steps, as hosts take them
    #[arg(long, conflicts_with = "full")]
    as_firmware: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let shell = tools::shell()?;
    let mut models =
        if options.as_firmware { build_firmware(&shell)? } else { build(&shell, "target/loom")? };
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

/// Builds them in a copy whose core takes loom for bare metal, but for those of which the bound
/// is the steps that hosts take.
fn build_firmware(sh: &Shell) -> anyhow::Result<Vec<Model>> {
    let root = sh.current_dir().join("target/loom-firmware");
    let copy = root.join("project");
    tools::copy_project(sh, &copy)?;
    let _copy = sh.push_dir(copy);
    let bare = r#"target_os = "none""#;
    let files = cmd!(sh, "grep --recursive --files-with-matches --fixed-strings {bare} core/src");
    for file in files.quiet().read()?.lines() {
        sh.write_file(file, sh.read_file(file)?.replace(bare, "loom"))?;
    }
    let mut models = build(sh, &root.join("built").display().to_string())?;
    models.retain(|model| !model.to_string().starts_with("i10_"));
    Ok(models)
}

/// Builds the models of the project that `sh` is in.
pub(crate) fn build(sh: &Shell, target: &str) -> anyhow::Result<Vec<Model>> {
    models::build(sh, "loom", "microbreaker-loom-tests", target)
}
