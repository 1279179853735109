//! How a leaky bucket fills and drains, and how long it then takes to trip.

mod design;

pub use design::LeakError;

/// How a [`LeakyBucket`](crate::LeakyBucket) fills and drains: a failure adds `up`, a
/// success takes `down` off, and at `limit` the breaker trips.
///
/// Choose the three yourself, or have them designed from what the bucket shall promise:
///
/// ```
/// use microbreaker::Leak;
///
/// // Normally 1 % of the calls fail; when 10 % do, something is wrong. A healthy callee
/// // may be cut off once in a million calls.
/// const LEAK: Leak = Leak::designed(0.01, 0.1, 1e6);
/// assert_eq!((LEAK.up(), LEAK.down(), LEAK.limit()), (24, 1, 109));
///
/// // What it keeps: the calls until it trips, on average.
/// const FALSE_TRIPS: f64 = LEAK.calls_until_trip(0.01).unwrap();
/// assert!(FALSE_TRIPS >= 1e6);
/// assert_eq!(LEAK.calls_until_trip(0.1).unwrap().round(), 72.0);
/// ```
///
/// A bucket is a cumulative sum chart of yes and no (a Bernoulli CUSUM), the fastest way
/// to tell two failure rates apart at a given rate of false alarms: E. S. Page,
/// *Continuous inspection schemes*, Biometrika 41 (1954); M. R. Reynolds and
/// Z. G. Stoumbos, *A CUSUM chart for monitoring a proportion when inspecting
/// continuously*, Journal of Quality Technology 31 (1999).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub struct Leak {
    pub(crate) up: u32,
    pub(crate) down: u32,
    pub(crate) limit: u32,
}

impl Leak {
    /// No bucket.
    pub(crate) const NONE: Self = Self::new(0, 0, 0);

    /// A failure adds `up`, a success takes `down` off, and at `limit` the breaker trips.
    ///
    /// `limit` is 1 to 2^23 - 1, and the other two are 1 to `limit`, which
    /// [`Config::check`](crate::Config::check) checks.
    #[must_use]
    pub const fn new(up: u32, down: u32, limit: u32) -> Self {
        Self { up, down, limit }
    }

    /// What a failure adds.
    #[must_use]
    pub const fn up(self) -> u32 {
        self.up
    }

    /// What a success takes off.
    #[must_use]
    pub const fn down(self) -> u32 {
        self.down
    }

    /// The level at which the breaker trips.
    #[must_use]
    pub const fn limit(self) -> u32 {
        self.limit
    }
}
