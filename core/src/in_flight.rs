//! A call that ends in another context than it began in.

use core::fmt;

use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::config::ConfigSource;
use crate::event::{Observer, Outcome};
use crate::gate::{Gate, Permit};
use crate::sync::{AtomicU32, Ordering, const_fn, swap};
use crate::token::Token;
use crate::window::Window;

/// No call is under way: no token has these bits.
const NONE: u32 = 0;

/// A slot for a call that ends in another context: in the interrupt of a transfer, or
/// when its time is up, whichever comes first.
///
/// Put the permit in when the transfer starts, and [`finish`](Self::finish) the call
/// wherever it may end: the first of these contexts counts, and the others learn that
/// they were too late. 4 bytes, usually in a `static`. Lock-free.
///
/// ```
/// use microbreaker::clock::ManualClock;
/// use microbreaker::{Breaker, Config, InFlight, Outcome, Phase};
///
/// static MILLIS: ManualClock = ManualClock::new(0);
/// static SENSOR: Breaker<(), &ManualClock> =
///     Breaker::new(Config::new().consecutive_failures(1).open_for(500), (), &MILLIS);
/// static DMA: InFlight = InFlight::new();
///
/// fn time_is_up() -> bool { DMA.finish(&SENSOR, Outcome::Failure) }
/// fn interrupt() -> bool { DMA.finish(&SENSOR, Outcome::Success) }
///
/// DMA.put(SENSOR.try_acquire()?).expect("no other transfer is under way");
/// assert!(time_is_up());
/// assert!(!interrupt(), "too late: it has failed by then");
/// assert_eq!(SENSOR.phase(), Phase::Open);
/// # Ok::<(), microbreaker::Rejected>(())
/// ```
///
/// Two calls at a time need two slots. A context that finishes so late that the next
/// call is under way ends that one instead: stop a transfer's timer before you start the
/// next transfer.
// The bits of a token, or `NONE`.
pub struct InFlight(AtomicU32);

impl InFlight {
    const_fn! {
        /// Creates an empty slot.
        #[must_use]
        pub const fn new() -> Self {
            Self(AtomicU32::new(NONE))
        }
    }

    /// Puts in the permit of a call that starts.
    ///
    /// # Errors
    ///
    /// Gives the permit back if another call is under way.
    pub fn put<'a, G: Gate>(&self, permit: Permit<'a, G>) -> Result<(), Permit<'a, G>> {
        if swap(&self.0, NONE, permit.token().to_bits()) {
            // The slot owns it now.
            let _ = permit.into_token();
            Ok(())
        } else {
            Err(permit)
        }
    }

    /// Whether a call is under way.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Relaxed) != NONE
    }

    /// Takes the call out, to be finished as a permit. `None` if none is under way or
    /// another context was first.
    pub fn take(&self) -> Option<Token> {
        // Relaxed: the swap below checks the value, and acquires. `NONE` is no token, so
        // an empty slot gives `None`.
        let found = self.0.load(Ordering::Relaxed);
        Token::from_bits(found).filter(|_| swap(&self.0, found, NONE))
    }

    /// Ends the call with `outcome`. Returns false, and counts nothing, if none is under
    /// way or another context was first.
    ///
    /// If slow calls are watched, [`take`](Self::take) the call instead and set its
    /// duration with [`Permit::took`]: a slot does not remember when it was filled.
    pub fn finish<W: Window, C: Clock, O: Observer, G: ConfigSource>(
        &self,
        breaker: &Breaker<W, C, O, G>,
        outcome: Outcome,
    ) -> bool {
        self.take().map(|token| breaker.resume(token).finish(outcome)).is_some()
    }
}

impl Default for InFlight {
    fn default() -> Self {
        Self::new()
    }
}

/// Unpacks one load.
impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight").field("under_way", &self.is_under_way()).finish()
    }
}
