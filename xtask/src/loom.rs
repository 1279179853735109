//! `cargo xtask loom`

mod models;
mod table;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::tools;

pub(crate) use models::{End, Limits, Model, build, each};

/// Where it says how far each model goes.
const TABLE: &str = "docs/models.md";

/// Options of `cargo xtask loom`.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Only models whose name, with that of their file, contains this
    filter: Option<String>,
    /// Raise each model's bound as far as it still ends in time, and note that in docs/models.md
    #[arg(long)]
    full: bool,
    /// With `--full`, the time that a model has to end in, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    limit: u64,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let shell = tools::shell()?;
    let start = Instant::now();
    let mut models = build(&shell, "target/loom")?;
    if let Some(filter) = &options.filter {
        models.retain(|model| model.to_string().contains(filter));
    }
    if models.is_empty() {
        bail!("there is no such model");
    }
    if options.full {
        return table::fill(
            &shell.current_dir().join(TABLE),
            &models,
            Duration::from_secs(options.limit),
        );
    }
    let failed = AtomicU32::new(0);
    each(&models, |model| {
        match model.run(Limits::default())? {
            End::Passed(None) => println!("{model}: passed"),
            End::Passed(Some(seen)) => println!("{model}: {seen}"),
            End::Failed(output) => {
                failed.fetch_add(1, Ordering::Relaxed);
                println!("{model} FAILED\n{output}");
            }
        }
        Ok(true)
    })?;
    let failed = failed.into_inner();
    println!("{} models, {failed} failed, {:.0?}", models.len(), start.elapsed());
    if failed > 0 {
        bail!("loom found what must not happen");
    }
    Ok(())
}
