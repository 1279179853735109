//! What a breaker has heard of its fleet, as JSON.

use std::time::Duration;

use microbreaker::Phase;
use serde::Serialize;

use crate::telemetry::heard::{Heard, StoreHealth};

/// The other instances, of a breaker that is in a fleet. Numbers only, so it is as long for a
/// large one as for a small one.
#[derive(Serialize)]
pub(super) struct Fleet {
    /// Nothing if it was too long ago: then all counts are 0.
    age_ms: Option<u64>,
    open: bool,
    instances: u32,
    working: u32,
    failing: u32,
    leases: u32,
    leases_here: u32,
    store: Store,
}

#[derive(Serialize)]
struct Store {
    phase: Phase,
    age_ms: u64,
    succeeded: u64,
    failed: u64,
    round_trip_ms: Option<f64>,
}

impl From<Heard> for Fleet {
    fn from(heard: Heard) -> Self {
        let Heard { age, is_open, instances, working, failing, leases, held, store } = heard;
        let StoreHealth { phase, age: since, succeeded, failed, round_trip } = store;
        let millis = |time: Duration| time.as_millis() as u64;
        Self {
            age_ms: age.map(millis),
            open: is_open,
            instances,
            working,
            failing,
            leases,
            leases_here: held,
            store: Store {
                phase,
                age_ms: millis(since),
                succeeded,
                failed,
                round_trip_ms: round_trip.map(|took| took.as_secs_f64() * 1_000.0),
            },
        }
    }
}
