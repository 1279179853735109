//! The bounded memory of recent outcomes.

mod count;
mod ring;

pub use count::CountWindow;

use crate::state::Word;

/// What a window holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tally {
    /// Outcomes in the window.
    pub calls: u32,
    /// Those of them that failed.
    pub failed: u32,
}

/// The tenure in which an outcome is recorded: a generation of a breaker.
///
/// A window belongs to one tenure at a time and is empty for every other.
#[derive(Clone, Copy)]
pub struct Tenure<'a> {
    word: &'a Word,
    generation: u8,
}

impl<'a> Tenure<'a> {
    pub(crate) const fn new(word: &'a Word, generation: u8) -> Self {
        Self { word, generation }
    }

    /// The tenure's number.
    #[must_use]
    pub const fn generation(&self) -> u8 {
        self.generation
    }

    /// Whether it is still the breaker's current one. One load.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.word.is_in(self.generation)
    }
}

impl core::fmt::Debug for Tenure<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Tenure").field(&self.generation).finish()
    }
}

/// A bounded memory of recent outcomes, shared by everyone who records.
///
/// # What a window promises
///
/// - Recording is linearizable: outcomes enter in one order, and the tally
///   that [`failure`](Self::failure) returns is exact at the moment its own
///   outcome entered. So of racing failures that together meet a policy, the
///   last one to enter sees that it is met.
/// - An outcome of a tenure that is over changes nothing that a later tenure
///   can see.
/// - No outcome of the current tenure is lost, up to the window's own bound.
/// - Nothing waits, allocates or panics.
pub trait Window {
    /// The most calls it can remember; 0 remembers nothing.
    const CAPACITY: u32;

    /// Records a success among the `last` calls.
    fn success(&self, tenure: Tenure<'_>, last: u32);

    /// Records a failure among the `last` calls, and tallies them.
    ///
    /// `None` if the tenure is over; nothing is recorded then.
    fn failure(&self, tenure: Tenure<'_>, last: u32) -> Option<Tally>;

    /// Tallies the `last` calls of `tenure`.
    fn tally(&self, tenure: Tenure<'_>, last: u32) -> Tally;

    /// Starts `tenure` with an empty window, unless it is over or was started.
    ///
    /// Recording does so by itself; a breaker does it for each tenure, so that
    /// no window can sleep through a whole period of generations.
    fn begin(&self, tenure: Tenure<'_>);
}

/// No window: for breakers that only count consecutive failures. 0 bytes.
impl Window for () {
    const CAPACITY: u32 = 0;

    fn success(&self, _: Tenure<'_>, _: u32) {}

    fn failure(&self, _: Tenure<'_>, _: u32) -> Option<Tally> {
        Some(Tally::default())
    }

    fn tally(&self, _: Tenure<'_>, _: u32) -> Tally {
        Tally::default()
    }

    fn begin(&self, _: Tenure<'_>) {}
}
