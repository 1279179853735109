//! Where a breaker's configuration lives.

use super::Config;

/// Where a breaker finds its configuration: a [`Config`] of its own, a reference
/// to one in flash, or its type ([`Fixed`](crate::Fixed)).
pub trait ConfigSource {
    /// As [`ConstConfig::OVERRIDES`](crate::ConstConfig::OVERRIDES).
    const OVERRIDES: bool = true;

    /// As [`ConstConfig::OWN_LENGTHS`](crate::ConstConfig::OWN_LENGTHS).
    const OWN_LENGTHS: bool = true;

    /// The configuration, always the same.
    fn config(&self) -> &Config;
}

impl ConfigSource for Config {
    #[inline]
    fn config(&self) -> &Config {
        self
    }
}

impl<G: ConfigSource + ?Sized> ConfigSource for &G {
    const OVERRIDES: bool = G::OVERRIDES;
    const OWN_LENGTHS: bool = G::OWN_LENGTHS;

    #[inline]
    fn config(&self) -> &Config {
        (**self).config()
    }
}
