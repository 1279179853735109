//! Counters that are narrower or wider than a clock of 32 bits.

use super::Clock;
use crate::sync::{AtomicU32, Ordering, const_fn, swap};

/// A clock of 32 bits made of a hardware counter of `BITS`, 16 to 31, that counts up and
/// wraps to 0.
///
/// 4 bytes more than the counter. Each reading is one of the counter and at most one
/// compare-and-swap, repeated only if another thread or handler read a later tick
/// meanwhile: lock-free.
///
/// # Contract
///
/// It MUST be read at least once in each turn of the counter, by a breaker or by a
/// timer: a turn without a reading is lost. At 1 MHz a counter of 16 bits turns every
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
/// A counter that counts down is turned round first: `|| MAX - register()`.
#[derive(Debug)]
pub struct Widened<const BITS: u32, C> {
    /// The last tick that was read.
    last: AtomicU32,
    counter: C,
}

impl<const BITS: u32, C> Widened<BITS, C> {
    const MASK: u32 = {
        assert!(BITS >= 16 && BITS <= 31, "a Widened counter has 16 to 31 bits");
        (1 << BITS) - 1
    };

    const_fn! {
        /// A clock that begins with what `counter` shows when it is first read.
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
            // Acquire: the counter is read after the tick, which another thread may have
            // read from a later value of it. Pairs with the release of the swap.
            let last = self.last.load(Ordering::Acquire);
            let ticks = self.counter.now().wrapping_sub(last) & Self::MASK;
            let now = last.wrapping_add(ticks);
            // If the tick has moved on meanwhile, the counter was read too early for it.
            if ticks == 0 || swap(&self.last, last, now) {
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

/// A clock of 32 bits made of one of 64, of which it takes the lower half: time drivers
/// count in `u64`.
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
}
