//! Where a breaker keeps its configuration.

use super::Config;

/// Where a breaker keeps its configuration: a [`Config`] inside it, a reference
/// to one in flash, or its type ([`Fixed`](super::Fixed)).
pub trait ConfigSource {
    /// As [`ConstConfig::MANUAL_PHASES`](super::ConstConfig::MANUAL_PHASES).
    const MANUAL_PHASES: bool = true;

    /// As [`ConstConfig::EXPLICIT_LENGTHS`](super::ConstConfig::EXPLICIT_LENGTHS).
    const EXPLICIT_LENGTHS: bool = true;

    /// Whether the breaker may hand over to another one, with
    /// [`Breaker::retire`](crate::Breaker::retire). What that takes costs nothing
    /// otherwise.
    const HANDS_OVER: bool = false;

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
    const HANDS_OVER: bool = G::HANDS_OVER;

    #[inline]
    fn config(&self) -> &Config {
        (**self).config()
    }
}
