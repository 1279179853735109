//! A permit as a plain integer.

use crate::phase::Phase;
use crate::state::State;

/// A permit as a plain integer, for a call that ends in an interrupt handler or another
/// task.
///
/// [`Breaker::resume`](crate::Breaker::resume) turns it into a permit again.
/// Unlike a permit it can be copied and forgotten: resume each at most once,
/// and know that a probe whose token is lost keeps its place until
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
    /// The upper bits of every token's integer: tells it from others, such as 0 and
    /// `u32::MAX`.
    const MARK: u32 = 0x6d62_0000;

    #[inline]
    pub(crate) const fn new(state: State) -> Self {
        Self(state.tenure())
    }

    /// How many bits a token has.
    pub(crate) const BITS: u32 = State::TENURE_BITS;

    /// The number of the tenure in which the permit was given, modulo 2^8, as in
    /// [`Snapshot::generation`](crate::Snapshot::generation).
    #[must_use]
    #[inline]
    pub const fn generation(self) -> u8 {
        State::of_tenure(self.0).generation() as u8
    }

    /// Whether the call is a probe, that is, given out while half-open.
    #[must_use]
    pub const fn is_probe(self) -> bool {
        State::of_tenure(self.0).is(Phase::HalfOpen)
    }

    /// Returns the integer, to keep in an atomic or in a peripheral's context word: never
    /// 0 and never `u32::MAX`.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        Self::MARK | self.0
    }

    /// Returns the token whose [`to_bits`](Self::to_bits) gave `bits`; `None` for an
    /// integer that it cannot have given: without the mark of a token, or of a phase in
    /// which no permit is given.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Option<Self> {
        let tenure = bits ^ Self::MARK;
        let is_token = tenure >> Self::BITS == 0 && State::of_tenure(tenure).gives_permits();
        if is_token { Some(Self(tenure)) } else { None }
    }
}
