//! `docs/models.md`: how far each model was explored.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::bail;

use crate::models::{Coverage, End, Limits, Model, each};

const HEAD: &str = "\
| model | in CI, preemptions | interleavings | `--full`, preemptions | interleavings | seconds it had |
|---|---:|---:|---:|---:|---:|
";

/// Removes the rows of models that no longer exist.
pub(super) fn prune(file: &Path, models: &[Model]) -> anyhow::Result<()> {
    let names: BTreeSet<_> = models.iter().map(|model| format!("`{model}`")).collect();
    let mut rows = read(file)?;
    rows.retain(|name, _| names.contains(name));
    write(file, &rows)
}

/// Raises the bound of each model until a run does not end within `limit`, or until
/// it has explored every interleaving, and writes the result into the table. Skips a
/// model whose row would stay the same: the model has not changed, and the row is
/// either complete or was measured with at least this limit.
pub(super) fn fill(file: &Path, models: &[Model], limit: Duration) -> anyhow::Result<()> {
    let rows = Mutex::new(read(file)?);
    each(models, |model| {
        let name = format!("`{model}`");
        let Some(own) = passed(model, Limits::default())? else { return Ok(true) };
        let row = rows.lock().expect("no thread panics").get(&name).cloned();
        let own_cells = cells(own);
        if row.is_some_and(|row| row.own == own_cells && row.is_final(limit)) {
            return Ok(true);
        }
        let most = cells(raise(model, own, limit)?);
        println!("{model}: {own_cells} | {most}");
        let mut rows = rows.lock().expect("no thread panics");
        rows.insert(name, Row { own: own_cells, most, limit: limit.as_secs() });
        write(file, &rows)?;
        Ok(true)
    })
}

/// What the model covers with the highest bound that ends within `limit`; `own` is
/// what it covers with its own bound.
fn raise(model: &Model, own: Coverage, limit: Duration) -> anyhow::Result<Coverage> {
    let at = |bound| passed(model, Limits { preemptions: Some(bound), ..Limits::default() });
    let mut less = match own.preemptions {
        Some(bound) if bound > 0 => at(bound - 1)?,
        _ => None,
    };
    let mut most = own;
    while let Some(bound) = most.preemptions {
        if less.is_some_and(|less| next_seconds(less, most, bound) > limit.as_secs_f32()) {
            break;
        }
        let limits =
            Limits { preemptions: Some(bound + 1), time: Some(limit), ..Limits::default() };
        let seen = passed(model, limits)?.filter(|seen| seen.complete);
        match seen {
            // No interleaving has more preemptions.
            Some(seen) if seen.interleavings == most.interleavings => most.preemptions = None,
            Some(seen) => (less, most) = (Some(most), seen),
            None => break,
        }
    }
    Ok(most)
}

/// Estimates how long the bound `k + 1` will take. With `n` possible preemptions, the
/// number of interleavings with at most `k` of them grows like a binomial coefficient:
/// by `(n - k + 1) / k` from `k - 1` to `k`, which gives `n`, and then by
/// `(n - k) / (k + 1)`.
fn next_seconds(less: Coverage, most: Coverage, k: u32) -> f32 {
    let grown = most.interleavings as f32 / less.interleavings as f32;
    most.seconds * (k as f32 * grown - 1.0) / (k + 1) as f32
}

fn passed(model: &Model, limits: Limits) -> anyhow::Result<Option<Coverage>> {
    match model.run(limits)? {
        End::Passed(seen) => Ok(seen),
        End::Failed(output) => bail!("{model} FAILED\n{output}"),
    }
}

fn cells(seen: Coverage) -> String {
    let bound = seen.preemptions.map_or("any".to_owned(), |bound| bound.to_string());
    format!("{bound} | {}", seen.interleavings)
}

/// A row of the table, without the model's name.
#[derive(Clone)]
struct Row {
    own: String,
    most: String,
    limit: u64,
}

impl Row {
    /// Whether another run with `limit` would cover no more.
    fn is_final(&self, limit: Duration) -> bool {
        self.most.starts_with("any") || self.limit >= limit.as_secs()
    }

    fn parse(cells: &str) -> Option<Self> {
        let (rest, limit) = cells.rsplit_once(" | ")?;
        let (middle, _) = rest.match_indices(" | ").nth(1)?;
        let (own, most) = (rest[..middle].to_owned(), rest[middle + 3..].to_owned());
        Some(Self { own, most, limit: limit.parse().ok()? })
    }
}

type Rows = BTreeMap<String, Row>;

/// The rows in `file`, by the model's name.
fn read(file: &Path) -> anyhow::Result<Rows> {
    let text = fs::read_to_string(file)?;
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let rows = rows.filter_map(|row| {
        let (model, cells) = row.split_once(" | ")?;
        Some((format!("`{model}"), Row::parse(cells)?))
    });
    Ok(rows.collect())
}

fn write(file: &Path, rows: &Rows) -> anyhow::Result<()> {
    let text = fs::read_to_string(file)?;
    let before = text.split(HEAD).next().unwrap_or_default();
    let line = |(model, row): (_, &Row)| {
        format!("| {model} | {} | {} | {} |\n", row.own, row.most, row.limit)
    };
    let rows: String = rows.iter().map(line).collect();
    Ok(fs::write(file, format!("{before}{HEAD}{rows}"))?)
}
