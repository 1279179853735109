//! 32-bit clocks from counters that are narrower or wider.

use super::Clock;
use crate::sync::{AtomicU32, Ordering, const_fn, swap};

/// A 32-bit clock from a hardware counter of `BITS` bits, 16 to 31, that counts up and
/// wraps to 0.
///
/// 4 bytes more than the counter. A reading costs one of the counter, a load, and another
/// load or a compare-and-swap; all are repeated only if another thread or an interrupt
/// handler publishes a later tick meanwhile. Lock-free.
///
/// # Contract
///
/// The clock MUST be read at least once in each turn of the counter, by a breaker or by
/// a timer: a turn without a reading is lost. At 1 MHz a counter of 16 bits turns every
/// 65 ms, one of 24 bits every 16 s. The counter MUST NOT step back.
///
/// ```
/// use microbreaker::clock::{Clock, Widened};
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
///
/// static COUNTER: AtomicU32 = AtomicU32::new(0); // a register of 16 bits
/// static CLOCK: Widened<16, fn() -> u32> = Widened::new(|| COUNTER.load(Relaxed));
///
/// assert_eq!(CLOCK.now(), 0);
/// COUNTER.store(0xffff, Relaxed);
/// assert_eq!(CLOCK.now(), 0xffff);
/// COUNTER.store(0x0001, Relaxed); // it has wrapped
/// assert_eq!(CLOCK.now(), 0x1_0001);
/// ```
///
/// Invert a counter that counts down: `|| MAX - register()`.
#[derive(Debug)]
pub struct Widened<const BITS: u32, C> {
    /// The latest tick that was read.
    last: AtomicU32,
    counter: C,
}

impl<const BITS: u32, C> Widened<BITS, C> {
    const MASK: u32 = {
        assert!(BITS >= 16 && BITS <= 31, "a Widened counter has 16 to 31 bits");
        (1 << BITS) - 1
    };

    const_fn! {
        /// Creates a clock whose first reading is what `counter` shows then.
        #[must_use]
        pub const fn new(counter: C) -> Self {
            let _ = Self::MASK;
            Self { last: AtomicU32::new(0), counter }
        }
    }
}

impl<const BITS: u32, C: Clock> Clock for Widened<BITS, C> {
    fn now(&self) -> u32 {
        loop {
            // Acquire: pairs with the release of the swap. The tick may come from
            // another thread's reading of the counter; the reading below must not be
            // older than that one, or the counter would seem to have wrapped.
            let last = self.last.load(Ordering::Acquire);
            let ticks = self.counter.now().wrapping_sub(last) & Self::MASK;
            let now = last.wrapping_add(ticks);
            // If another reading has published a later tick, this one of the counter may
            // be older than that, or a whole turn later: read again. Relaxed: the tick is
            // only compared and dropped.
            let is_latest = if ticks == 0 {
                self.last.load(Ordering::Relaxed) == last
            } else {
                swap(&self.last, last, now)
            };
            if is_latest {
                return now;
            }
        }
    }
}

impl<const BITS: u32, C: Clock> Clock for &Widened<BITS, C> {
    #[inline]
    fn now(&self) -> u32 {
        (**self).now()
    }
}

/// A 32-bit clock from the lower half of a 64-bit one, such as a time driver that counts
/// in `u64`.
///
/// ```
/// use microbreaker::clock::{Clock, Wrapping};
/// const EMBASSY: Wrapping<fn() -> u64> = Wrapping(|| (7 << 32) + 42);
/// assert_eq!(EMBASSY.now(), 42);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Wrapping<F>(pub F);

impl<F: Fn() -> u64> Clock for Wrapping<F> {
    #[inline]
    fn now(&self) -> u32 {
        (self.0)() as u32
    }

    #[inline]
    fn now_64(&self) -> Option<u64> {
        Some((self.0)())
    }
}

impl<F: Fn() -> u64> Clock for &Wrapping<F> {
    #[inline]
    fn now(&self) -> u32 {
        (**self).now()
    }

    #[inline]
    fn now_64(&self) -> Option<u64> {
        (**self).now_64()
    }
}
