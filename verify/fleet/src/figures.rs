//! What is printed, and what it may be at most.

use std::fmt::Display;

/// A line `figure NAME VALUE` for each, and those that are too large.
pub(crate) struct Figures {
    judges_times: bool,
    too_large: Vec<String>,
}

impl Figures {
    pub(crate) const fn new(judges_times: bool) -> Self {
        Self { judges_times, too_large: Vec::new() }
    }

    #[expect(clippy::unused_self, reason = "all figures go through here")]
    pub(crate) fn show(&mut self, name: &str, value: impl Display) {
        println!("figure {name} {value}");
    }

    pub(crate) fn at_most(&mut self, name: &str, value: f64, bound: f64) {
        // Whole numbers as such.
        let digits = if value.fract() == 0.0 { 0 } else { 3 };
        println!("figure {name} {value:.digits$}");
        if value.is_nan() || value > bound {
            self.too_large.push(format!("{name} is {value:.digits$}, but may be at most {bound}"));
        }
    }

    /// A time, or a ratio of times, which is more while this machine does other things too.
    pub(crate) fn time_at_most(&mut self, name: &str, value: f64, bound: f64) {
        let bound = if self.judges_times { bound } else { f64::INFINITY };
        self.at_most(name, value, bound);
    }

    /// # Errors
    ///
    /// If a figure was too large.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.too_large.is_empty(), "{}", self.too_large.join("; "));
        Ok(())
    }
}
