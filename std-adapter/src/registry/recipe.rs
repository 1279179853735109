//! What a registry builds breakers from.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::breaker::builder::Builder;
use crate::error::BuildError;
use crate::settings::Settings;

/// The template and its exceptions. A registry checks a recipe before it uses it.
pub(super) struct Recipe {
    pub(super) template: Builder,
    /// Used instead of the template for their names.
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

    /// Checks that all of it can be built.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        self.template.check()?;
        let mut names = self.inserted.keys().chain(self.overrides.keys());
        names.try_for_each(|name| self.builder(name).check())
    }
}
