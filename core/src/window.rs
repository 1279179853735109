//! The bounded memory of recent outcomes.

mod count;
mod leaky;
mod ring;
mod short;
mod slow;
mod time;

pub use count::CountWindow;
pub use leaky::LeakyBucket;
pub(crate) use leaky::MAX_LIMIT;
pub use short::ShortWindow;
pub use slow::WithSlow;
pub(crate) use time::MAX_COUNT;
pub use time::{FailureWindow, TimeWindow};

pub use crate::tally::Record;

use crate::leak::Leak;
use crate::state::Word;
use crate::tally::Tally;

/// How far back a window reaches: its configured length, and the clock.
#[derive(Clone, Copy)]
pub struct Reach<N> {
    /// Calls in a count-based window.
    pub last_calls: u32,
    /// Ticks in a bucket of a time-based window.
    pub bucket: u32,
    /// How a leaky bucket fills and drains.
    pub leak: Leak,
    /// Reads the current tick.
    pub now: N,
}

impl<N> Reach<N> {
    /// The same, with a leaky bucket.
    #[inline]
    pub(crate) fn leaking(self, leak: Leak) -> Self {
        Self { leak, ..self }
    }
}

impl<N> core::fmt::Debug for Reach<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Reach")
            .field("last_calls", &self.last_calls)
            .field("bucket", &self.bucket)
            .field("leak", &self.leak)
            .finish_non_exhaustive()
    }
}

/// What a window remembers, which decides how its length is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    None,
    /// The last calls, at most this many.
    Count {
        /// The most calls it can remember.
        capacity: u32,
    },
    /// The last buckets of ticks.
    Time {
        /// The number of buckets.
        buckets: u32,
        /// Whether calls are remembered, or failures only.
        calls: bool,
        /// The most calls that it counts exactly.
        capacity: u32,
    },
}

/// The tenure in which an outcome is recorded: one generation of a breaker.
///
/// A window belongs to one tenure at a time and is empty for every other.
#[derive(Clone, Copy)]
pub struct Tenure<'a> {
    word: &'a Word,
    generation: u32,
}

impl<'a> Tenure<'a> {
    #[inline]
    pub(crate) const fn new(word: &'a Word, generation: u32) -> Self {
        Self { word, generation }
    }

    /// The tenure's number, modulo 2^8.
    #[must_use]
    #[inline]
    pub const fn generation(&self) -> u8 {
        self.generation as u8
    }

    /// Whether this is still the breaker's current tenure. One load.
    #[must_use]
    #[inline]
    pub fn is_current(&self) -> bool {
        self.word.is_in(self.generation)
    }
}

impl core::fmt::Debug for Tenure<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Tenure").field(&self.generation).finish()
    }
}

/// A bounded memory of recent outcomes, shared by every thread that records.
///
/// Code that takes any breaker is generic over its window:
///
/// ```
/// use microbreaker::{Breaker, Clock, Config, CountWindow, ShortWindow, window::Window};
///
/// /// The share of recent calls that failed, in percent.
/// fn failing<W: Window, C: Clock>(breaker: &Breaker<W, C>) -> Option<u32> {
///     let tally = breaker.tally();
///     (100 * tally.failed).checked_div(tally.calls)
/// }
///
/// let config = Config::new().failure_rate(80).last_calls(20).open_for(500);
/// let short = Breaker::new(config, ShortWindow::new(), || 0);
/// let long = Breaker::new(config, CountWindow::<3>::new(), || 0);
/// let _ = (short.call(|| Err::<(), _>(())), long.call(|| Ok::<_, ()>(())));
/// assert_eq!((failing(&short), failing(&long)), (Some(100), Some(0)));
/// ```
///
/// A custom window can be built from others: [`WithSlow`] combines two, and
/// `Striped` in `microbreaker-std` has one for each core.
///
/// # What a window promises
///
/// - Recording is linearizable: outcomes enter in one order, and the tally
///   that [`record`](Self::record) returns is exact at the moment its own
///   outcome entered. So if racing failures together meet a policy, the last
///   one to enter sees that it is met.
/// - An outcome of a tenure that is over changes nothing that a later tenure
///   records or trips on. (An open breaker shows the window that tripped it;
///   a call that ended at that very moment may still enter it.)
/// - No outcome of the current tenure is lost, up to the window's own bound.
/// - Nothing waits, allocates or panics.
pub trait Window {
    /// What this window remembers.
    const KIND: Kind;

    /// The name of this window in error messages.
    const NAME: &'static str = "window";

    /// Whether this window watches for slow calls, so that calls must be timed.
    const SLOW: bool = false;

    /// Whether this window has a leaky bucket.
    const LEAKY: bool = false;

    /// Records `call`. Returns the tally if the call counts against a policy, and zero
    /// counts otherwise; `None`, and records nothing, if the tenure is over.
    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally>;

    /// Whether one more success would change nothing: the window belongs to
    /// `tenure`, is full, and holds nothing that counts against a policy. At most
    /// one load for each window it consists of.
    fn is_quiet(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        let _ = (tenure, reach);
        false
    }

    /// Records a success, if that takes only a few loads and a store that no other thread
    /// waits for. Returns false, and records nothing, if it takes more: then
    /// [`record`](Self::record) follows. The call path inlines this.
    #[inline]
    fn try_success(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        self.is_quiet(tenure, reach)
    }

    /// Tallies the window of `tenure`.
    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally;

    /// Starts `tenure` with an empty window, unless it is over or already started.
    ///
    /// Recording does this too. A breaker calls it before any thread can leave the
    /// tenure, except when it opens: so at least every other tenure is started, and
    /// no window goes untouched for a whole period of generations.
    fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>);

    /// The same in a breaker that [takes over](crate::Breaker::take_over) from another. A
    /// window that is shared with that one leaves itself alone.
    fn take_over(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        self.begin(tenure, reach);
    }
}

/// No window: for breakers that only count consecutive failures. 0 bytes.
impl Window for () {
    const KIND: Kind = Kind::None;

    fn record(&self, _: Tenure<'_>, _: &Reach<impl Fn() -> u32>, _: Record) -> Option<Tally> {
        Some(Tally::default())
    }

    fn is_quiet(&self, _: Tenure<'_>, _: &Reach<impl Fn() -> u32>) -> bool {
        true
    }

    fn tally(&self, _: Tenure<'_>, _: &Reach<impl Fn() -> u32>) -> Tally {
        Tally::default()
    }

    fn begin(&self, _: Tenure<'_>, _: &Reach<impl Fn() -> u32>) {}
}
