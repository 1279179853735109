//! Compares a text with a committed file.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use similar::TextDiff;

/// Fails if `text` differs from the file `expectation`. With `UPDATE_EXPECT=1`, writes
/// `text` to the file instead.
pub(crate) fn same(text: &str, expectation: &Path) -> anyhow::Result<()> {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        return Ok(fs::write(expectation, text)?);
    }
    let file = expectation.display();
    let expected =
        fs::read_to_string(expectation).with_context(|| format!("cannot read {file}"))?;
    if text != expected {
        let diff = TextDiff::from_lines(expected.as_str(), text);
        eprintln!("\n{}", diff.unified_diff().header("expected", "found"));
        bail!("the output differs from {file}; UPDATE_EXPECT=1 updates the file");
    }
    println!("As expected by {file}.");
    Ok(())
}
