//! What an instance has heard of its fleet: plain data, to be shown.

use std::time::Duration;

use microbreaker::Phase;

/// What this instance has heard of the others about one breaker, for metrics and pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heard {
    /// How long ago. `None` if it was too long ago to tell anything, and the counts are 0:
    /// the breaker is idle here, or the store is away.
    pub age: Option<Duration>,
    /// Whether the fleet has decided to open, and not yet to close.
    pub is_open: bool,
    /// The instances that have a say.
    pub instances: u32,
    /// Those of them whose calls go well.
    pub working: u32,
    /// Those of them that see the service failing.
    pub failing: u32,
    /// The leases for probes that are held now, by any instance.
    pub leases: u32,
    /// Those of them that this instance holds.
    pub held: u32,
    /// Where the instances meet.
    pub store: StoreHealth,
}

impl Heard {
    /// Nothing, from this store.
    #[must_use]
    pub const fn nothing(store: StoreHealth) -> Self {
        Self {
            age: None,
            is_open: false,
            instances: 0,
            working: 0,
            failing: 0,
            leases: 0,
            held: 0,
            store,
        }
    }
}

/// How this process gets on with the store of its fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreHealth {
    /// The phase of the breaker in front of it.
    pub phase: Phase,
    /// How long ago the last exchange was that succeeded, or since the fleet was joined.
    pub age: Duration,
    /// Exchanges that succeeded.
    pub succeeded: u64,
    /// Exchanges that failed, or were given up.
    pub failed: u64,
    /// How long the last exchange took that succeeded.
    pub round_trip: Option<Duration>,
}
