//! What a registry builds breakers from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::name::bounded;
use crate::breaker::builder::Builder;
use crate::error::BuildError;
use crate::settings::pattern::{Pattern, applying};
use crate::settings::{Mode, Settings};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::telemetry::series::Labels;

/// The template and its exceptions. A registry checks a recipe before it uses it.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) template: Builder,
    /// Used instead of the template for their names.
    pub(super) inserted: BTreeMap<Arc<str>, Builder>,
    /// What takes precedence for the names that match.
    rules: BTreeMap<Pattern, Rule>,
    pub(super) labels: Labels,
}

#[derive(Clone, Default)]
struct Rule {
    settings: Option<Override>,
    order: Option<Order>,
}

/// Settings by pattern. The most specific ones apply.
#[derive(Clone)]
struct Override {
    settings: Settings,
    /// Whether there has been a breaker to which they apply.
    applied: Arc<AtomicBool>,
}

/// A mode by an operator. The latest applies.
#[derive(Clone, Copy)]
struct Order {
    number: u64,
    /// `None` to follow the settings, whatever was ordered before.
    mode: Option<Mode>,
}

impl Recipe {
    pub(super) fn new(template: Builder) -> Self {
        let (inserted, rules, labels) = Default::default();
        Self { template, inserted, rules, labels }
    }

    /// What to build the breaker of that name from.
    pub(super) fn builder(&self, name: &Arc<str>) -> Builder {
        let of_name = || Builder { name: name.clone(), ..self.template.clone() };
        self.completed(self.inserted.get(name).cloned().unwrap_or_else(of_name))
    }

    /// `builder` with all that applies to its name.
    pub(super) fn completed(&self, mut builder: Builder) -> Builder {
        let name = &builder.name;
        let overriding = self.overrides(name);
        let settings = overriding.fold(Settings::default(), |all, one| all.over(&one.settings));
        builder.settings = settings.over(&builder.settings);
        builder.settings.unset.clear();
        builder.ordered = self.ordered(name);
        builder.reported = self.labels.of(name);
        builder
    }

    /// The mode in which the breaker of that name begins.
    pub(super) fn mode(&self, name: &Arc<str>) -> Mode {
        let has_own = !self.rules.is_empty() || self.inserted.contains_key(name);
        if has_own { self.builder(name).begins() } else { self.template.begins() }
    }

    /// Notes that there is a breaker of that name.
    pub(super) fn met(&self, name: &str) {
        self.overrides(name)
            .for_each(|overriding| overriding.applied.store(true, Ordering::Relaxed));
    }

    fn overrides(&self, name: &str) -> impl Iterator<Item = &Override> {
        let rules = self.rules.iter();
        let rules = rules.filter_map(|(pattern, rule)| Some((pattern, rule.settings.as_ref()?)));
        applying(rules, name).map(|(_, settings)| settings)
    }

    fn ordered(&self, name: &str) -> Option<Mode> {
        let orders = self.orders().filter(|(pattern, _)| pattern.matches(name));
        orders.max_by_key(|(_, order)| order.number).and_then(|(_, order)| order.mode)
    }

    fn orders(&self) -> impl Iterator<Item = (&Pattern, Order)> {
        self.rules.iter().filter_map(|(pattern, rule)| Some((pattern, rule.order?)))
    }

    /// Overrides settings where `pattern` matches.
    pub(super) fn set(&mut self, pattern: Pattern, settings: Settings) {
        let rule = self.rules.entry(pattern).or_default();
        let applied = rule.settings.take().map(|before| before.applied).unwrap_or_default();
        rule.settings = Some(Override { settings, applied });
    }

    /// Overrides these settings, and no others.
    pub(super) fn set_all(&mut self, overrides: Vec<(Pattern, Settings)>) {
        let new: BTreeSet<_> = overrides.iter().map(|(pattern, _)| pattern.clone()).collect();
        let gone = self.rules.iter_mut().filter(|(pattern, _)| !new.contains(pattern));
        gone.for_each(|(_, rule)| rule.settings = None);
        overrides.into_iter().for_each(|(pattern, settings)| self.set(pattern, settings));
        self.tidy();
    }

    /// Orders a mode where `pattern` matches, or to follow the settings there.
    pub(super) fn order(&mut self, pattern: Pattern, mode: Option<Mode>) {
        let number = self.orders().map(|(_, order)| order.number + 1).max().unwrap_or(0);
        for (other, rule) in &mut self.rules {
            if pattern.covers(other) {
                rule.order = None;
            }
        }
        // To follow the settings is what happens anyway, unless something else was ordered.
        if mode.is_some() || self.orders().next().is_some() {
            self.rules.entry(pattern).or_default().order = Some(Order { number, mode });
        }
        self.tidy();
    }

    fn tidy(&mut self) {
        self.rules.retain(|_, rule| rule.settings.is_some() || rule.order.is_some());
    }

    /// The patterns whose settings have applied to no breaker yet.
    pub(super) fn unmatched(&self) -> Vec<Arc<str>> {
        let rules = self.rules.iter();
        let unmatched = rules.filter(|(_, rule)| {
            rule.settings.as_ref().is_some_and(|it| !it.applied.load(Ordering::Relaxed))
        });
        unmatched.map(|(pattern, _)| pattern.text().clone()).collect()
    }

    /// Checks that all of it can be built.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        self.template.check()?;
        let names = self.rules.keys().filter(|rule| rule.is_name()).map(Pattern::text);
        names.chain(self.inserted.keys()).try_for_each(|name| self.builder(name).check())?;
        // Where a pattern applies alone.
        self.rules.iter().try_for_each(|(pattern, rule)| {
            let Some(overriding) = &rule.settings else { return Ok(()) };
            let settings = overriding.settings.over(&self.template.settings);
            let name = pattern.text().clone();
            Builder { name, settings, ..self.template.clone() }.check()
        })
    }
}

/// A pattern, or the reason why it is none.
pub(super) fn pattern(text: &str) -> Result<Pattern, BuildError> {
    Pattern::new(text).map_err(|problem| BuildError { name: bounded(text).into(), problem })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::breaker::Breaker;

    /// Otherwise what operators say adds up over the years.
    #[test]
    fn a_mode_that_is_covered_by_a_later_one_is_forgotten() {
        let template = Breaker::builder("template").consecutive_failures(1);
        let mut recipe = Recipe::new(template.open_for(Duration::from_secs(1)));
        let mut order = |text: &str, mode| {
            recipe.order(pattern(text).unwrap(), mode);
            recipe.rules.len()
        };
        for n in 0..100 {
            order(&format!("users/{n}"), Some(Mode::Disabled));
        }
        order("orders/*", Some(Mode::Disabled));
        assert_eq!(order("users/*", Some(Mode::ForcedOpen)), 2);
        assert_eq!(order("users/*", None), 2, "it may stand over others");
        assert_eq!(order("*", None), 0);
    }
}
