//! `cargo xtask scenarios`: replays scenarios on the breaker and on the model.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use microbreaker_scenarios::case::{self, Entry};
use microbreaker_scenarios::check::{Verdict, check};
use microbreaker_scenarios::draw::draw;
use microbreaker_scenarios::pictures::cases;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Files of cases, or folders of such files [default: the project's own]
    paths: Vec<PathBuf>,
    /// Draw a timeline of each case into this folder, as SVG
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let own = [cases()];
    let paths = if options.paths.is_empty() { &own[..] } else { &options.paths };
    let mut entries = Vec::new();
    for path in paths {
        entries.extend(case::load(path)?);
    }
    if let Some(folder) = &options.draw {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for entry in &entries {
        match verdict(entry) {
            Ok(Verdict::Passed) => passed += 1,
            Ok(Verdict::Failed(failure)) => {
                failed += 1;
                println!("{} FAILED at {failure}", name(entry));
            }
            Ok(Verdict::Skipped(reason)) => {
                skipped += 1;
                println!("{} skipped: {reason}", name(entry));
            }
            Err(error) => {
                failed += 1;
                println!("{} FAILED: it does not follow the schema: {error}", name(entry));
            }
        }
        if let Some(folder) = &options.draw {
            picture(entry, folder)?;
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 {
        // An error message would follow the tally, which must be the last line.
        std::process::exit(1);
    }
    if entries.is_empty() {
        bail!("there are no cases");
    }
    Ok(())
}

fn verdict(entry: &Entry) -> Result<Verdict, &str> {
    entry.case.as_ref().map(check).map_err(String::as_str)
}

/// `file: id`, and the title.
fn name(entry: &Entry) -> String {
    let title = entry.case.as_ref().map(|case| case.title.as_str()).unwrap_or_default();
    let separator = if title.is_empty() { "" } else { " " };
    format!("{}: {}{separator}{title}:", entry.file.display(), entry.id)
}

/// Draws the case, if it can be replayed.
fn picture(entry: &Entry, folder: &Path) -> anyhow::Result<()> {
    let Ok(case) = &entry.case else { return Ok(()) };
    let Ok(svg) = draw(case) else { return Ok(()) };
    // An id is any text, but its file must stay in the folder.
    let safe = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let file: String = case.id.chars().map(safe).collect();
    let file = folder.join(file.trim_start_matches('.')).with_extension("svg");
    fs::write(&file, svg).with_context(|| format!("cannot write {}", file.display()))
}
