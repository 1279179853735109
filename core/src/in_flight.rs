//! A slot for a call that starts here and ends elsewhere.

use core::fmt;

use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::config::ConfigSource;
use crate::event::{Observer, Outcome};
use crate::gate::{Gate, Permit};
use crate::sync::{AtomicU32, Ordering, const_fn, swap};
use crate::token::Token;
use crate::window::Window;

const TOKEN: u32 = (1 << Token::BITS) - 1;
const FULL: u32 = 1 << Token::BITS;
const ONE_MORE: u32 = FULL << 1;

/// A slot for a call that ends in another context: in the transfer's interrupt or when
/// its time is up, whichever comes first.
///
/// Put the permit in when the transfer starts, and finish the slot wherever the transfer
/// can end. The first finish counts; later ones return false. 4 bytes, meant for a
/// `static`; lock-free.
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
/// Two calls at a time need two slots. A late context, such as a timer that fires after
/// the next transfer has started, ends that next transfer: stop the timer first.
// Count of calls put in (16) | slot is full (1) | token (15). The count tells a call from
// the next one, which may have the same token: a thread preempted in `take` while it
// holds the first must not take the second. The count repeats after 2^16 calls.
pub struct InFlight(AtomicU32);

impl InFlight {
    const_fn! {
        /// Creates an empty slot.
        #[must_use]
        pub const fn new() -> Self {
            Self(AtomicU32::new(0))
        }
    }

    /// Puts in the permit of a call that is about to start.
    ///
    /// # Errors
    ///
    /// The permit, if another call is under way or another context puts one in first.
    pub fn put<'a, G: Gate>(&self, permit: Permit<'a, G>) -> Result<(), Permit<'a, G>> {
        let found = self.0.load(Ordering::Relaxed);
        let counted = (found & !(FULL | TOKEN)).wrapping_add(ONE_MORE);
        let next = counted | FULL | permit.token().bits();
        if found & FULL == 0 && swap(&self.0, found, next) {
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
        self.0.load(Ordering::Relaxed) & FULL != 0
    }

    /// Takes the call out, to be resumed as a permit and finished. `None` if no call is
    /// under way or another context was first.
    pub fn take(&self) -> Option<Token> {
        let found = self.0.load(Ordering::Relaxed);
        let taken = found & FULL != 0 && swap(&self.0, found, found & !(FULL | TOKEN));
        taken.then(|| Token::of_bits(found & TOKEN))
    }

    /// Ends the call with `outcome`. Returns false, and counts nothing, if no call is
    /// under way or another context was first.
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

/// Unpacks a single load.
impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight").field("under_way", &self.is_under_way()).finish()
    }
}
