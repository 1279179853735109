//! Names of breakers that cost nothing to copy.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// How many names are kept until the process ends.
const MOST: usize = 1_024;
/// How long a name may be to be kept, in bytes: as long as any of a registry.
const LONGEST: usize = 256;

/// Names that were in use, each once. They are never given back, so they are bounded.
static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// The name that a refusal tells. Copying a kept one writes nothing that threads share, unlike
/// the count of references of an `Arc`.
#[derive(Clone, Debug)]
pub(crate) enum Name {
    Kept(&'static str),
    /// One too many or too long: names may be made up as a service runs.
    Counted(Arc<str>),
}

impl Name {
    /// `name`, kept if there is room. Waits for others that do the same.
    pub(crate) fn keep(name: &Arc<str>) -> Self {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept_in(&mut kept, name).map_or_else(|| Self::Counted(name.clone()), Self::Kept)
    }
}

fn kept_in(kept: &mut BTreeSet<&'static str>, name: &str) -> Option<&'static str> {
    let known = kept.get(name).copied();
    if known.is_none() && kept.len() < MOST && name.len() <= LONGEST {
        let name = &*Box::leak(name.into());
        kept.insert(name);
        return Some(name);
    }
    known
}

/// Equal names may be kept in different ways.
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Name {}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Kept(name) => name,
            Self::Counted(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_by_what_they_are() {
        let [a, b]: [Arc<str>; 2] = ["a".into(), "b".into()];
        assert!(Name::keep(&a) == Name::Counted(a.clone()));
        assert!(Name::keep(&a) != Name::keep(&b));
    }

    #[test]
    fn each_name_is_kept_once_and_not_too_many_nor_too_long_ones() {
        let kept = &mut BTreeSet::new();
        let first = kept_in(kept, "users").unwrap();
        assert_eq!(kept_in(kept, &"x".repeat(LONGEST + 1)), None);
        let made_up = (0..2 * MOST).filter_map(|n| kept_in(kept, &format!("user {n}")));
        assert_eq!(made_up.count(), MOST - 1);
        assert!(std::ptr::eq(kept_in(kept, "users").unwrap(), first));
        assert_eq!(kept.len(), MOST);
    }
}
