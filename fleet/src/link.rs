//! The connection of a process to its fleet, as its breakers know it: whether they are on
//! their own, and how the exchanges go. Not a way to the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use microbreaker_std::Breaker;
use microbreaker_std::clock::{Clock, millis};
use microbreaker_std::fleet::{StoreHealth, exchanged};
use tokio::sync::Notify;

/// What all breakers of an instance know of their connection to the fleet.
pub(crate) struct Link {
    clock: Arc<dyn Clock + Send + Sync>,
    /// Guards the connection to the store.
    pub(crate) connection: Breaker,
    /// The tick of the last successful exchange.
    heard: AtomicU32,
    /// The process that made it. A fork has leases that are not its own.
    process: AtomicU32,
    /// After this many ticks without an exchange, an instance is on its own.
    pub(crate) silence: u32,
    /// How many ticks later its probes begin, so that the instances do not probe as one.
    pub(crate) jitter: u32,
    /// The tick of the last exchange that was asked for because a call had failed.
    early: AtomicU32,
    /// Exchanges by their end, and how many microseconds the last that succeeded took.
    succeeded: AtomicU64,
    failed: AtomicU64,
    took: AtomicU64,
    /// Asks the background task for an exchange.
    pub(crate) wake: Notify,
}

impl Link {
    pub(crate) fn new(
        clock: Arc<dyn Clock + Send + Sync>,
        connection: Breaker,
        silence: Duration,
        jitter: Duration,
    ) -> Self {
        let clock_now = clock.now();
        let (succeeded, failed, took) = Default::default();
        Self {
            clock,
            connection,
            heard: clock_now.into(),
            process: std::process::id().into(),
            silence: millis(silence),
            jitter: millis(jitter),
            early: clock_now.wrapping_sub(millis(silence)).into(),
            succeeded,
            failed,
            took,
            wake: Notify::new(),
        }
    }

    pub(crate) fn now(&self) -> u32 {
        self.clock.now()
    }

    pub(crate) fn heard(&self, at: u32, process: u32) {
        self.heard.store(at, Ordering::Relaxed);
        self.process.store(process, Ordering::Relaxed);
    }

    /// How long ago the last exchange was.
    pub(crate) fn age(&self) -> u32 {
        self.now().wrapping_sub(self.heard.load(Ordering::Relaxed))
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.age() > self.silence
    }

    /// Asks for an exchange because a call has failed: about once in an interval, so that
    /// failures do not multiply the exchanges.
    pub(crate) fn hurry(&self) {
        let (now, early) = (self.now(), self.early.load(Ordering::Relaxed));
        if now.wrapping_sub(early) >= self.silence / 3 {
            self.early.store(now, Ordering::Relaxed);
            self.wake.notify_one();
        }
    }

    /// Counts an exchange that has ended.
    pub(crate) fn exchanged(&self, took: Duration, succeeded: bool) {
        let count = if succeeded { &self.succeeded } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
        if succeeded {
            self.took.store(took.as_micros() as u64, Ordering::Relaxed);
        }
        exchanged(took, succeeded);
    }

    pub(crate) fn health(&self) -> StoreHealth {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let succeeded = read(&self.succeeded);
        StoreHealth {
            phase: self.connection.phase(),
            age: Duration::from_millis(self.age().into()),
            succeeded,
            failed: read(&self.failed),
            round_trip: (succeeded > 0).then(|| Duration::from_micros(read(&self.took))),
        }
    }

    pub(crate) fn is_of(&self, process: u32) -> bool {
        self.process.load(Ordering::Relaxed) == process
    }
}
