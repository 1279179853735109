//! The series of what goes on between this process and the store of its fleet.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

const EXCHANGES: &str = "microbreaker_fleet_exchanges_total";
const DURATION: &str = "microbreaker_fleet_exchange_duration_seconds";

/// Counts an exchange with the store as it ends: there are one or two a second.
pub(crate) fn exchanged(took: Duration, succeeded: bool) {
    describe_counter!(EXCHANGES, "Exchanges of this process with its fleet's store, by outcome.");
    describe_histogram!(DURATION, Unit::Seconds, "How long exchanges took, by outcome.");
    let outcomes = [("success", succeeded), ("failure", !succeeded)];
    for (outcome, is_this) in outcomes {
        // To Prometheus a counter that begins at one has not increased.
        counter!(EXCHANGES, "outcome" => outcome).increment(u64::from(is_this));
        if is_this {
            histogram!(DURATION, "outcome" => outcome).record(took);
        }
    }
}
