//! Patterns of names: bounded, because both may come from outside.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

use wildmatch::WildMatch;

use super::error::SettingError;

/// The longest name, and the longest pattern, in bytes. To match takes time in proportion
/// to the product of their lengths at worst, here about 20 microseconds.
pub(crate) const LONGEST: usize = 256;

/// A pattern of names: `*` stands for any number of characters, `?` for one. Without
/// these it is a name.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: Arc<str>,
    glob: WildMatch,
    is_name: bool,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Result<Self, SettingError> {
        if text.len() > LONGEST {
            return Err(SettingError {
                setting: "pattern",
                value: format!("{} bytes", text.len()),
                allowed: format!("at most {LONGEST} bytes"),
            });
        }
        let is_name = !text.contains(['*', '?']);
        Ok(Self { text: text.into(), glob: WildMatch::new(text), is_name })
    }

    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether it is a name.
    pub(crate) const fn is_name(&self) -> bool {
        self.is_name
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        if self.is_name { &*self.text == name } else { self.glob.matches(name) }
    }

    /// Whether it surely matches every name that `other` matches. It may do so even if
    /// this is false.
    #[cfg(feature = "registry")]
    pub(crate) fn covers(&self, other: &Self) -> bool {
        // A `*` of `other` is matched by a `*` alone, unless by a `?`, which is too short.
        let too_short = self.text.contains('?') && other.text.contains('*');
        !too_short && self.matches(&other.text)
    }

    /// How specific it is, to compare: a name is more specific than a pattern, and a
    /// pattern the more so the more characters it spells out.
    fn rank(&self) -> (bool, usize, usize) {
        let count = |wanted: fn(char) -> bool| self.text.chars().filter(|&c| wanted(c)).count();
        (self.is_name, count(|c| c != '*' && c != '?'), count(|c| c == '?'))
    }
}

/// By how specific they are.
impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank()).then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

/// What `rules`, sorted, say of `name`: that of the name itself, then that of the most
/// specific pattern that matches. Others count for nothing, so that whatever applies
/// together can be checked beforehand.
pub(crate) fn applying<P: Borrow<Pattern>, T>(
    rules: impl DoubleEndedIterator<Item = (P, T)>,
    name: &str,
) -> impl Iterator<Item = (P, T)> {
    let mut matching = rules.rev().filter(|(rule, _)| rule.borrow().matches(name));
    let first = matching.next();
    let has_own = first.as_ref().is_some_and(|(rule, _)| rule.borrow().is_name());
    let second = if has_own { matching.next() } else { None };
    first.into_iter().chain(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn names_are_most_specific_and_then_what_spells_out_most() {
        let mut sorted =
            ["users/a", "*", "users/*", "users/?", "ab*", "a?", "a***", "a*"].map(pattern);
        sorted.sort();
        let texts = sorted.each_ref().map(|pattern| &**pattern.text());
        assert_eq!(texts, ["*", "a*", "a***", "a?", "ab*", "users/*", "users/?", "users/a"]);
    }

    #[test]
    fn a_name_and_one_pattern_apply() {
        let mut rules = ["*", "users/*", "users/a", "orders/*"].map(|text| (pattern(text), ()));
        rules.sort();
        let applying = |name| {
            let rules = rules.iter().map(|(pattern, unit)| (pattern, unit));
            let applying = super::applying(rules, name);
            let texts = applying.map(|(pattern, _)| pattern.text().to_string());
            texts.collect::<Vec<_>>()
        };
        assert_eq!(applying("users/a"), ["users/a", "users/*"]);
        assert_eq!(applying("users/b"), ["users/*"]);
        assert_eq!(applying("else"), ["*"]);
    }

    #[cfg(feature = "registry")]
    #[test]
    fn a_pattern_covers_what_it_surely_matches() {
        for (wide, narrow) in [
            ("*", "users/*"),
            ("users/*", "users/*"),
            ("users/*", "users/a?"),
            ("users/?", "users/?"),
            ("u*s/*", "users/*"),
        ] {
            assert!(pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
        for (wide, narrow) in [("users/?", "users/*"), ("users/*", "*"), ("a", "?"), ("*a", "b*")] {
            assert!(!pattern(wide).covers(&pattern(narrow)), "{wide} {narrow}");
        }
    }
}
