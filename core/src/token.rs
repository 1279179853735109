//! A permit as a plain integer.

use crate::phase::Phase;
use crate::state::State;

/// A permit as a plain integer, for a call that starts here and ends in an interrupt
/// handler or another task.
///
/// [`Breaker::resume`](crate::Breaker::resume) turns it back into a permit. Unlike a
/// permit, it can be copied and lost. Resume each token at most once; a probe whose
/// token is lost keeps its place until
/// [`probe_timeout`](crate::Config::probe_timeout).
///
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
///     let Some(token) = Token::from_bits(PENDING.swap(0, Ordering::AcqRel)) else { return };
///     let permit = BUS.resume(token);
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
    /// Marks the integer as a token, unlike 0, `u32::MAX` and most other integers.
    const MARK: u32 = 0x6d62_0000;

    #[inline]
    pub(crate) const fn new(state: State) -> Self {
        Self(state.tenure())
    }

    /// The number of bits in a token, without the mark.
    pub(crate) const BITS: u32 = State::TENURE_BITS;

    /// The token's bits, without the mark.
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn of_bits(bits: u32) -> Self {
        Self(bits)
    }

    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        State::of_tenure(self.0).generation()
    }

    /// Whether the call is a probe, that is, given out while half-open.
    #[must_use]
    pub const fn is_probe(self) -> bool {
        State::of_tenure(self.0).is(Phase::HalfOpen)
    }

    /// The token as an integer, to keep in an atomic or in a peripheral's context word.
    /// It is never 0 and never `u32::MAX`.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        Self::MARK | self.0
    }

    /// Restores a token from [`to_bits`](Self::to_bits). `None` for an integer that
    /// `to_bits` cannot have returned.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Option<Self> {
        let tenure = bits ^ Self::MARK;
        if tenure >> Self::BITS == 0 { Some(Self(tenure)) } else { None }
    }
}
