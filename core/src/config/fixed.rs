//! A configuration that is part of the type.

use core::marker::PhantomData;

use super::{Config, ConfigSource};

/// A type that stands for one configuration.
///
/// ```
/// use microbreaker::{Breaker, Config, Phase, config::{ConstConfig, Fixed}};
///
/// struct Pump;
/// impl ConstConfig for Pump {
///     const CONFIG: Config = Config::new().consecutive_failures(3).open_for(500);
///     const MANUAL_PHASES: bool = false;
///     const EXPLICIT_LENGTHS: bool = false;
/// }
///
/// static PUMP: Breaker<(), fn() -> u32, (), Fixed<Pump>> = Breaker::fixed((), || 0, ());
/// PUMP.trip(); // but force_open and trip_for do not compile
/// assert_eq!(PUMP.phase(), Phase::Open);
/// ```
pub trait ConstConfig {
    /// The configuration.
    const CONFIG: Config;

    /// Whether the phases exist that are entered only manually. Without them
    /// [`force_open`](crate::Breaker::force_open),
    /// [`disable`](crate::Breaker::disable) and
    /// [`metrics_only`](crate::Breaker::metrics_only) do not compile, and take
    /// no flash.
    const MANUAL_PHASES: bool = true;

    /// Whether openings may have an explicit length. If not,
    /// [`trip_for`](crate::Breaker::trip_for) does not compile, and
    /// [`Outcome::FailureOpenFor`](crate::Outcome::FailureOpenFor) opens for the
    /// configured time. Nor can a ramp then be ahead, as after
    /// [`Decision::CloseAsOf`](crate::Decision::CloseAsOf).
    const EXPLICIT_LENGTHS: bool = true;
}

/// The configuration of `S`, known at compile time: it takes no RAM, and policies
/// it does not use take no flash either.
///
/// ```
/// use microbreaker::{Breaker, Config, ShortWindow, config::{ConstConfig, Fixed}};
///
/// struct Pressure;
/// impl ConstConfig for Pressure {
///     const CONFIG: Config = Config::new().failures_in_window(5).last_calls(16).open_for(500);
/// }
/// static PRESSURE: Breaker<ShortWindow, fn() -> u32, (), Fixed<Pressure>> =
///     Breaker::fixed(ShortWindow::new(), || 0, ());
/// # assert!(PRESSURE.try_acquire().is_ok());
/// ```
pub struct Fixed<S>(PhantomData<fn() -> S>);

impl<S: ConstConfig> Fixed<S> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<S: ConstConfig> ConfigSource for Fixed<S> {
    const MANUAL_PHASES: bool = S::MANUAL_PHASES;
    const EXPLICIT_LENGTHS: bool = S::EXPLICIT_LENGTHS;

    #[inline]
    fn config(&self) -> &Config {
        const { &S::CONFIG }
    }
}

impl<S> core::fmt::Debug for Fixed<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Fixed")
    }
}
