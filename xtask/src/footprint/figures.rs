//! Figures, printed for scripts and recorded to compare with.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// Growth that is accepted, in percent.
const TOLERANCE: u32 = 10;

/// Names and values.
#[derive(Default)]
pub(super) struct Figures(BTreeMap<String, u32>);

impl Figures {
    /// Sets a figure, unless it is larger.
    pub(super) fn raise(&mut self, name: String, value: u32) {
        let figure = self.0.entry(name).or_insert(value);
        *figure = value.max(*figure);
    }

    pub(super) fn get(&self, name: &str) -> anyhow::Result<u32> {
        self.0.get(name).copied().with_context(|| format!("{name} was not measured"))
    }

    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self(serde_json::from_str(&text)?))
    }

    pub(super) fn write(&self, file: &Path) -> anyhow::Result<()> {
        Ok(fs::write(file, serde_json::to_string_pretty(&self.0)? + "\n")?)
    }

    /// Fails if a figure is more than a tenth above the one in `recorded`, or
    /// if there are others.
    pub(super) fn compare(&self, recorded: &Self) -> anyhow::Result<()> {
        if !self.0.keys().eq(recorded.0.keys()) {
            bail!("other figures are recorded than measured: record them anew");
        }
        let pairs = self.0.iter().zip(recorded.0.values());
        let grown = pairs.filter(|&((_, &is), &was)| is * 100 > was * (100 + TOLERANCE));
        let grown: Vec<_> =
            grown.map(|((name, is), was)| format!("{name} is {is}, was {was}")).collect();
        if grown.is_empty() {
            return Ok(());
        }
        bail!("grown by more than {TOLERANCE} %: {}", grown.join("; "))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "figure {name} {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Figures;

    fn figures<const N: usize>(values: [(&str, u32); N]) -> Figures {
        Figures(values.map(|(name, value)| (name.into(), value)).into())
    }

    #[test]
    fn a_tenth_more_is_accepted_and_no_more() {
        let recorded = figures([("flash", 1000), ("ram", 0)]);
        assert!(figures([("flash", 1100), ("ram", 0)]).compare(&recorded).is_ok());
        let grown = figures([("flash", 1101), ("ram", 1)]).compare(&recorded);
        let message = "grown by more than 10 %: flash is 1101, was 1000; ram is 1, was 0";
        assert_eq!(grown.unwrap_err().to_string(), message);
    }

    #[test]
    fn a_figure_that_is_not_recorded_is_an_error() {
        let recorded = figures([("flash", 1000)]);
        assert!(figures([("flash", 1), ("ram", 1)]).compare(&recorded).is_err());
        assert!(figures([]).compare(&recorded).is_err());
    }
}
