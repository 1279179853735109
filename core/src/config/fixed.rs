//! A configuration that is part of the type.

use core::borrow::Borrow;
use core::marker::PhantomData;

use super::Config;

/// A type that stands for one configuration.
pub trait ConstConfig {
    /// The configuration.
    const CONFIG: Config;
}

/// The configuration of `S`, known to the compiler: it takes no RAM, and the
/// policies that it does not use take no flash either.
///
/// ```
/// use microbreaker::{Breaker, Config, ConstConfig, CountWindow, Fixed};
///
/// struct Pressure;
/// impl ConstConfig for Pressure {
///     const CONFIG: Config = Config::new().failures_in_window(5).last_calls(16).open_for(500);
/// }
/// static PRESSURE: Breaker<CountWindow<3>, fn() -> u32, (), Fixed<Pressure>> =
///     Breaker::fixed(CountWindow::new(), || 0, ());
/// # assert!(PRESSURE.try_acquire().is_ok());
/// ```
pub struct Fixed<S>(PhantomData<fn() -> S>);

impl<S: ConstConfig> Fixed<S> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<S: ConstConfig> Borrow<Config> for Fixed<S> {
    #[inline]
    fn borrow(&self) -> &Config {
        const { &S::CONFIG }
    }
}

impl<S> core::fmt::Debug for Fixed<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Fixed")
    }
}
