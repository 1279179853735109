//! Under which label the series of a breaker are reported.

use std::sync::Arc;

/// The value of the label `breaker` in the metrics of a breaker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Label {
    /// The breaker's name.
    #[default]
    Name,
    /// This one, which others may have as well.
    Group(Arc<str>),
    /// None: nothing is reported of it.
    Dropped,
}

/// How a breaker is reported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reported {
    pub(crate) label: Label,
    /// Whether its name is its label only while it is one of the busiest.
    pub(crate) only_if_busy: bool,
}

#[cfg(feature = "registry")]
type Rule = dyn Fn(&str) -> Label + Send + Sync;

/// The labels of the breakers of a registry.
#[cfg(feature = "registry")]
#[derive(Clone, Default)]
pub(crate) struct Labels {
    pub(crate) rule: Option<Arc<Rule>>,
    /// How many have their name as label.
    pub(crate) busiest: Option<usize>,
}

#[cfg(feature = "registry")]
impl Labels {
    pub(crate) fn of(&self, name: &str) -> Reported {
        let label = self.rule.as_ref().map_or(Label::Name, |rule| rule(name));
        let only_if_busy = self.busiest.is_some() && label == Label::Name;
        Reported { label, only_if_busy }
    }
}
