//! A permit as a plain integer.

use crate::state::GENERATIONS;

/// A permit as a plain integer: for a call that is started here and ends in an
/// interrupt handler or another task.
///
/// [`Breaker::resume`](crate::Breaker::resume) turns it into a permit again.
/// Unlike a permit it can be copied and forgotten: resume each at most once,
/// and know that a probe whose token is lost keeps its place until
/// [`probe_timeout`](crate::Config::probe_timeout).
/// ```
/// use core::sync::atomic::{AtomicU32, Ordering};
/// use microbreaker::{Breaker, Config, Rejected, ShortWindow, Token};
///
/// static BUS: Breaker<ShortWindow, fn() -> u32> = Breaker::new(
///     Config::new().failures_in_window(5).last_calls(16).open_for(500),
///     ShortWindow::new(),
///     || 0,
/// );
/// static PENDING: AtomicU32 = AtomicU32::new(0);
///
/// fn start_transfer() -> Result<(), Rejected> {
///     PENDING.store(BUS.try_acquire()?.into_token().to_bits(), Ordering::Release);
///     // ... and sets the peripheral going.
///     Ok(())
/// }
///
/// fn transfer_interrupt(succeeded: bool) {
///     let permit = BUS.resume(Token::from_bits(PENDING.load(Ordering::Acquire)));
///     if succeeded { permit.success() } else { permit.failure() }
/// }
///
/// start_transfer()?;
/// transfer_interrupt(false);
/// assert_eq!(BUS.tally().failed, 1);
/// # Ok::<(), Rejected>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Token(u32);

impl Token {
    #[inline]
    pub(crate) const fn new(generation: u32) -> Self {
        Self(generation)
    }

    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        self.0
    }

    /// The integer, to be kept in an atomic or in a peripheral's context word.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// The token that [`to_bits`](Self::to_bits) gave.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits % GENERATIONS)
    }
}
