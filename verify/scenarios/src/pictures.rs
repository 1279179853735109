//! The pictures of `docs/policies.md`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::case;
use crate::draw::draw;

/// One picture.
pub struct Picture {
    pub path: PathBuf,
    pub svg: String,
}

/// Where the pictures are stored.
pub fn folder() -> PathBuf {
    root().join("docs").join("pictures")
}

/// All pictures, freshly drawn; each is named after its case.
pub fn pictures() -> anyhow::Result<Vec<Picture>> {
    let cases = case::load(&cases().join("pictures"))?;
    let draw = |entry: case::Entry| {
        let case = entry.case.map_err(|error| anyhow!("{}: {error}", entry.file.display()))?;
        let svg = draw(&case).map_err(|error| anyhow!("{}: {error}", entry.file.display()))?;
        Ok(Picture { path: folder().join(format!("{}.svg", case.id)), svg })
    };
    cases.into_iter().map(draw).collect()
}

/// The project's own cases.
pub fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn root() -> &'static Path {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR"));
    scenarios.ancestors().nth(2).unwrap_or(scenarios)
}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/policies.md")]
struct Policies;
