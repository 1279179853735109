//! Names of breakers, bounded.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::settings::pattern::LONGEST;

/// `name`, or if it is longer than allowed, its beginning and a hash of all of it.
pub(super) fn bounded(name: &str) -> Cow<'_, str> {
    /// What the ellipsis and the hash take.
    const TAIL: usize = 3 + 16;

    if name.len() <= LONGEST {
        return name.into();
    }
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let end = (0..=LONGEST - TAIL).rev().find(|&end| name.is_char_boundary(end));
    format!("{}...{:016x}", &name[..end.unwrap_or(0)], hasher.finish()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_shortened_and_stays_distinct() {
        let long = |end: &str| "ä".repeat(1_000) + end;
        let [a, b] = [long("a"), long("b")];
        assert_eq!(bounded(&a).len(), LONGEST - 1, "as much as ends with a character");
        assert!(bounded(&a).starts_with("ää"));
        assert_ne!(bounded(&a), bounded(&b));
        assert_eq!(bounded(&bounded(&a)), bounded(&a));
        assert_eq!(bounded(&a[..LONGEST]), a[..LONGEST]);
    }
}
