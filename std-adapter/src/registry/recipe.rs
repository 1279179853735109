//! What a registry makes breakers of.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::breaker::builder::Builder;
use crate::error::BuildError;
use crate::settings::Settings;

/// What breakers are made of. It has been checked: everything in it can be built.
pub(super) struct Recipe {
    pub(super) template: Builder,
    /// In place of the template, for those that were inserted.
    pub(super) inserted: BTreeMap<Arc<str>, Builder>,
    pub(super) overrides: BTreeMap<Arc<str>, Settings>,
}

impl Recipe {
    pub(super) fn builder(&self, name: &Arc<str>) -> Builder {
        let of_name = || Builder { name: name.clone(), ..self.template.clone() };
        self.overridden(self.inserted.get(name).cloned().unwrap_or_else(of_name))
    }

    pub(super) fn overridden(&self, mut builder: Builder) -> Builder {
        if let Some(settings) = self.overrides.get(&builder.name) {
            builder.settings = settings.over(&builder.settings);
        }
        builder
    }

    /// The first thing in it that cannot be built, if there is one.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        self.template.check()?;
        let mut names = self.inserted.keys().chain(self.overrides.keys());
        names.try_for_each(|name| self.builder(name).check())
    }
}
