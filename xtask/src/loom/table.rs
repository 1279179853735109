//! `docs/models.md`: how far each model goes, as it was seen.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::bail;

use crate::models::{End, Limits, Model, Seen, each};

const HEAD: &str = "\
| model | in CI, preemptions | interleavings | `--full`, preemptions | interleavings |
|---|---:|---:|---:|---:|
";

/// Raises the bound of each model until it does not end within `limit`, or
/// until there is nothing more to try, and writes that into the table.
pub(super) fn fill(file: &Path, models: &[Model], limit: Duration) -> anyhow::Result<()> {
    let rows = Mutex::new(read(file)?);
    each(models, |model| {
        if let Some((own, most)) = raise(model, limit)? {
            let row = format!("{} | {}", cells(own), cells(most));
            println!("{model}: {row}");
            let mut rows = rows.lock().expect("nobody panics");
            rows.insert(format!("`{model}`"), row);
            write(file, &rows)?;
        }
        Ok(true)
    })
}

/// What the model sees with its own bound, and with the highest with which it
/// ends in time. A model of many small ones is left as it is.
fn raise(model: &Model, limit: Duration) -> anyhow::Result<Option<(Seen, Seen)>> {
    let Some(own) = passed(model, Limits::default())? else { return Ok(None) };
    let mut most = own;
    while let Some(bound) = most.preemptions {
        let limits = Limits { preemptions: Some(bound + 1), time: Some(limit), schedules: None };
        let seen = passed(model, limits)?.filter(|seen| seen.ended);
        match seen {
            // There is no schedule with more.
            Some(seen) if seen.interleavings == most.interleavings => most.preemptions = None,
            Some(seen) => most = seen,
            None => break,
        }
    }
    Ok(Some((own, most)))
}

fn passed(model: &Model, limits: Limits) -> anyhow::Result<Option<Seen>> {
    match model.run(limits)? {
        End::Passed(seen) => Ok(seen),
        End::Failed(output) => bail!("{model} FAILED\n{output}"),
    }
}

fn cells(seen: Seen) -> String {
    let bound = seen.preemptions.map_or("any".to_owned(), |bound| bound.to_string());
    format!("{bound} | {}", seen.interleavings)
}

type Rows = BTreeMap<String, String>;

/// The rows that there are, by the model's name.
fn read(file: &Path) -> anyhow::Result<Rows> {
    let text = fs::read_to_string(file)?;
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    Ok(rows
        .filter_map(|row| row.split_once(" | "))
        .map(|(model, cells)| (format!("`{model}"), cells.to_owned()))
        .collect())
}

fn write(file: &Path, rows: &Rows) -> anyhow::Result<()> {
    let text = fs::read_to_string(file)?;
    let before = text.split(HEAD).next().unwrap_or_default();
    let rows: String =
        rows.iter().map(|(model, cells)| format!("| {model} | {cells} |\n")).collect();
    Ok(fs::write(file, format!("{before}{HEAD}{rows}"))?)
}
