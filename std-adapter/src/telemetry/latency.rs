//! How long calls have taken lately.

use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use histogram::AtomicHistogram32;
use microbreaker::clock::elapsed;

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// How long each half of the memory is filled, in milliseconds.
const HALF: u32 = 30_000;

/// A histogram has 2^4 buckets for each power of two: a duration is rounded up by at most
/// a sixteenth.
const GROUPING_POWER: u8 = 4;
/// Microseconds are counted up to 2^32 - 1, which is 71 minutes.
const MAX_VALUE_POWER: u8 = 32;

/// How long the calls of the last minute took, failed ones included and ignored ones not:
/// at least those of the last 30 seconds. Rounded up by at most a sixteenth, and to a
/// microsecond; more than 71 minutes are that.
///
/// ```
/// use microbreaker_std::Breaker;
/// use std::time::Duration;
///
/// let users = Breaker::builder("users")
///     .consecutive_failures(3)
///     .open_for(Duration::from_secs(30))
///     .measure_latency()
///     .build()?;
/// for ms in 1..=100 {
///     users.try_acquire().unwrap().took(Duration::from_millis(ms)).success();
/// }
/// let latency = users.latency().expect("it is measured");
/// assert_eq!((latency.calls, latency.p50.as_millis(), latency.p99.as_millis()), (100, 51, 102));
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// How many calls were measured.
    pub calls: u64,
    /// Half of them took no longer than this. 0 without calls.
    pub p50: Duration,
    /// 99 of 100 took no longer than this. 0 without calls.
    pub p99: Duration,
}

/// The durations of the last calls, if the breaker is to keep them.
pub(crate) struct Latencies(Option<Box<Halves>>);

/// Two histograms, which are filled in turn. Counts may end up in the wrong half if the
/// halves change meanwhile, and they may be lost if a thread sleeps for half a minute: this
/// is a measurement, which decides nothing.
struct Halves {
    histograms: [AtomicHistogram32; 2],
    /// The half that is filled now.
    current: AtomicUsize,
    /// The tick since when.
    since: AtomicU32,
    changing: Mutex<()>,
}

impl Latencies {
    pub(crate) fn new(keeps: bool) -> Self {
        let histogram = || {
            let histogram = AtomicHistogram32::new(GROUPING_POWER, MAX_VALUE_POWER);
            histogram.expect("the constants make a histogram")
        };
        let halves = || Halves {
            histograms: [histogram(), histogram()],
            current: AtomicUsize::new(0),
            since: AtomicU32::new(0),
            changing: Mutex::new(()),
        };
        Self(keeps.then(|| Box::new(halves())))
    }

    /// Records at the tick `now` that a call took that long. Waits for another thread only
    /// where the halves change.
    pub(crate) fn record(&self, now: u32, took: Duration) {
        let Some(halves) = &self.0 else { return };
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let recorded = halves.current(now).increment(micros.into());
        debug_assert!(recorded.is_ok(), "there is a bucket for every u32");
    }

    /// What is known at the tick `now`. `None` if nothing is kept.
    pub(crate) fn read(&self, now: u32) -> Option<Latency> {
        let halves = self.0.as_ref()?;
        halves.current(now);
        let [one, other] = halves.histograms.each_ref().map(AtomicHistogram32::load);
        let both = one.wrapping_add(&other).ok()?;
        let calls = both.as_slice().iter().map(|&count| u64::from(count)).sum();
        let at_most = |share| {
            let bucket = both.quantile_bucket(share).ok().flatten();
            bucket.map_or(Duration::ZERO, |bucket| Duration::from_micros(bucket.end()))
        };
        Some(Latency { calls, p50: at_most(0.5), p99: at_most(0.99) })
    }
}

impl Halves {
    /// The half to fill at the tick `now`, emptied of what is older than a minute.
    fn current(&self, now: u32) -> &AtomicHistogram32 {
        if elapsed(now, self.since.load(Ordering::Relaxed)) >= HALF {
            self.change(now);
        }
        &self.histograms[self.current.load(Ordering::Relaxed)]
    }

    #[cold]
    fn change(&self, now: u32) {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let age = elapsed(now, self.since.load(Ordering::Relaxed));
        if age < HALF {
            // Another thread was first.
            return;
        }
        let full = self.current.load(Ordering::Relaxed);
        let next = 1 - full;
        self.histograms[next].drain();
        if age >= 2 * HALF {
            self.histograms[full].drain();
        }
        self.current.store(next, Ordering::Relaxed);
        self.since.store(now, Ordering::Relaxed);
    }
}

impl fmt::Debug for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Latencies").field(&self.0.is_some()).finish()
    }
}
