//! Figures: printed for scripts, and recorded for later comparisons.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// The growth that is accepted, in percent.
const TOLERANCE: u32 = 10;

/// Names and values.
#[derive(Default)]
pub(super) struct Figures(BTreeMap<String, u32>);

impl Figures {
    /// Raises a figure to `value`, if it is smaller or not set.
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

    /// Fails if a figure is more than a tenth above the one in `recorded`, or if the two
    /// have different sets of figures.
    pub(super) fn compare(&self, recorded: &Self) -> anyhow::Result<()> {
        if !self.0.keys().eq(recorded.0.keys()) {
            bail!("the recorded figures are not those measured: record them again");
        }
        let pairs = self.0.iter().zip(recorded.0.values());
        let grown = pairs.filter(|&((_, &is), &was)| is * 100 > was * (100 + TOLERANCE));
        let grown: Vec<_> =
            grown.map(|((name, is), was)| format!("{name} is {is}, was {was}")).collect();
        if grown.is_empty() {
            return Ok(());
        }
        bail!("grew by more than {TOLERANCE} %: {}", grown.join("; "))
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
    fn growth_of_up_to_a_tenth_is_accepted() {
        let recorded = figures([("flash", 1000), ("ram", 0)]);
        assert!(figures([("flash", 1100), ("ram", 0)]).compare(&recorded).is_ok());
        let grown = figures([("flash", 1101), ("ram", 1)]).compare(&recorded);
        let message = "grew by more than 10 %: flash is 1101, was 1000; ram is 1, was 0";
        assert_eq!(grown.unwrap_err().to_string(), message);
    }

    #[test]
    fn a_figure_on_one_side_only_is_an_error() {
        let recorded = figures([("flash", 1000)]);
        assert!(figures([("flash", 1), ("ram", 1)]).compare(&recorded).is_err());
        assert!(figures([]).compare(&recorded).is_err());
    }
}
