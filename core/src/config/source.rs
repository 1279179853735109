//! Where a breaker keeps its configuration.

use super::Config;

/// Where a breaker keeps its configuration: a [`Config`] inside it, a reference
/// to one in flash, or its type ([`Fixed`](super::Fixed)).
pub trait ConfigSource {
    /// As [`ConstConfig::MANUAL_PHASES`](super::ConstConfig::MANUAL_PHASES).
    const MANUAL_PHASES: bool = true;

    /// As [`ConstConfig::EXPLICIT_LENGTHS`](super::ConstConfig::EXPLICIT_LENGTHS).
    const EXPLICIT_LENGTHS: bool = true;

    /// The configuration; must be the same on every call.
    fn config(&self) -> &Config;
}

impl ConfigSource for Config {
    #[inline]
    fn config(&self) -> &Config {
        self
    }
}

impl<G: ConfigSource + ?Sized> ConfigSource for &G {
    const MANUAL_PHASES: bool = G::MANUAL_PHASES;
    const EXPLICIT_LENGTHS: bool = G::EXPLICIT_LENGTHS;

    #[inline]
    fn config(&self) -> &Config {
        (**self).config()
    }
}
