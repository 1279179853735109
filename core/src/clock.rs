//! Time: a wrapping `u32` supplied by the caller.

mod widened;

pub use widened::{Widened, Wrapping};

use crate::sync::{AtomicU32, Ordering, const_fn};

/// A monotonic clock, supplied by the application.
///
/// # Contract
///
/// - It MUST count up in one fixed unit of the caller's choice (a *tick*) and
///   MUST wrap from `u32::MAX` to 0.
/// - It MAY stand still, and it MAY step back by up to 2^16 ticks, as when it
///   is read on another core: such a step counts as no time passed.
/// - It MUST NOT wait, and it MUST be callable from every context that uses
///   the breaker, interrupt handlers included.
///
/// `fn() -> u32` and closures are clocks:
///
/// ```
/// use microbreaker::Clock;
/// fn systick_millis() -> u32 { 42 }
/// assert_eq!(Clock::now(&systick_millis), 42);
/// ```
pub trait Clock {
    /// Returns the current tick.
    fn now(&self) -> u32;

    /// Returns the current tick without wrapping, if this clock has 64 bits: the low 32 are
    /// those of [`now`](Self::now). What is given it tells silences of any length apart.
    #[inline]
    fn now_64(&self) -> Option<u64> {
        None
    }
}

impl<F: Fn() -> u32> Clock for F {
    #[inline]
    fn now(&self) -> u32 {
        self()
    }
}

/// How far a clock may step back and still read as standing still, in ticks.
pub const STEP_BACK: u32 = 1 << 16;

/// Ticks from `since` to `now`, across the wrap.
///
/// A step back of up to [`STEP_BACK`] ticks reads as 0.
///
/// ```
/// use microbreaker::clock::elapsed;
/// assert_eq!(elapsed(7, 5), 2);
/// assert_eq!(elapsed(1, u32::MAX), 2);
/// assert_eq!(elapsed(5, 7), 0);
/// ```
#[must_use]
#[inline]
pub const fn elapsed(now: u32, since: u32) -> u32 {
    let ticks = now.wrapping_sub(since);
    if ticks > u32::MAX - STEP_BACK { 0 } else { ticks }
}

/// A clock that is set by hand: for tests, simulations, and firmware whose
/// timer interrupt does the ticking.
///
/// Reading it is one load. 4 bytes.
///
/// ```
/// use microbreaker::{Clock, clock::ManualClock};
/// static MILLIS: ManualClock = ManualClock::new(0);
/// MILLIS.advance(5); // from the timer interrupt
/// assert_eq!((&MILLIS).now(), 5);
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicU32);

impl ManualClock {
    const_fn! {
        /// A clock that shows `tick`.
        #[must_use]
        pub const fn new(tick: u32) -> Self {
            Self(AtomicU32::new(tick))
        }
    }

    /// Advances the clock by `ticks`, across the wrap. Wait-free where the
    /// core has an atomic add, lock-free otherwise.
    pub fn advance(&self, ticks: u32) {
        self.0.fetch_add(ticks, Ordering::Relaxed);
    }

    /// Sets the clock to `tick`.
    pub fn set(&self, tick: u32) {
        self.0.store(tick, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    #[inline]
    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Clock for &ManualClock {
    #[inline]
    fn now(&self) -> u32 {
        (**self).now()
    }
}
