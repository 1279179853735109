//! The bits of the state word, and a pure view of one value of it.
//!
//! ```text
//!  31  29 28        21 20  17 16 15                            0
//! +------+------------+------+--+-------------------------------+
//! | phase| generation | level|S | payload                       |
//! +------+------------+------+--+-------------------------------+
//!   Closed       ramp credit (7) | ramping (1)  | consecutive failures (8)
//!   MetricsOnly                    reported (1) | consecutive failures (8)
//!   Open                       own length (1) | its length, rounded up (15)
//!                              overdue (1)
//!   HalfOpen          failed (5) | succeeded (5)            | out (5)
//!     by rate:        slow (4)   | failed (4) | succeeded (4) | out (4)
//! ```
//!
//! `S` (settled) says that the tick at which the phase began has been set.

use super::Length;
use crate::phase::Phase;

/// A run of bits.
#[derive(Clone, Copy)]
struct Field {
    shift: u32,
    bits: u32,
}

impl Field {
    const fn lowest(bits: u32) -> Self {
        Self { shift: 0, bits }
    }

    /// The field of `bits` bits just above this one.
    const fn above(self, bits: u32) -> Self {
        Self { shift: self.shift + self.bits, bits }
    }

    const fn max(self) -> u32 {
        (1 << self.bits) - 1
    }

    const fn mask(self) -> u32 {
        self.max() << self.shift
    }

    const fn get(self, word: u32) -> u32 {
        (word >> self.shift) & self.max()
    }

    /// `word` with this field set to `value`, which must fit.
    const fn with(self, word: u32, value: u32) -> u32 {
        debug_assert!(value <= self.max());
        (word & !self.mask()) | (value << self.shift)
    }
}

const PAYLOAD: Field = Field::lowest(16);
const SETTLED: Field = PAYLOAD.above(1);
const LEVEL: Field = SETTLED.above(4);
const GENERATION: Field = LEVEL.above(8);
const PHASE: Field = GENERATION.above(3);

// Closed and MetricsOnly
const CONSECUTIVE: Field = Field::lowest(8);
const FLAG: Field = CONSECUTIVE.above(1);
const CREDIT: Field = FLAG.above(7);
// Open: a length of its own, unless it is `OVERDUE`; without one, the finished
// probes that opened it again, as in `HalfOpen` above those that are out
const LENGTH: Field = Field::lowest(Length::BITS);
const OWN_LENGTH: Field = LENGTH.above(1);
const OVERDUE: u32 = LENGTH.max();
// HalfOpen
const OUT: Field = Field::lowest(5);
const SUCCEEDED: Field = OUT.above(5);
const FAILED: Field = SUCCEEDED.above(5);
// HalfOpen, judged by rate
const RATED_OUT: Field = Field::lowest(4);
const RATED_SUCCEEDED: Field = RATED_OUT.above(4);
const RATED_FAILED: Field = RATED_SUCCEEDED.above(4);
const RATED_SLOW: Field = RATED_FAILED.above(4);

const _: () = {
    let fields = [PAYLOAD, SETTLED, LEVEL, GENERATION, PHASE];
    let (mut tiled, mut i) = (0_u32, 0);
    while i < fields.len() {
        assert!(tiled & fields[i].mask() == 0, "fields overlap");
        tiled |= fields[i].mask();
        i += 1;
    }
    assert!(tiled == u32::MAX, "fields do not tile the word");
    assert!(CREDIT.shift + CREDIT.bits <= PAYLOAD.bits);
    assert!(OWN_LENGTH.shift + OWN_LENGTH.bits <= PAYLOAD.bits);
    assert!(FAILED.shift + FAILED.bits <= PAYLOAD.bits);
    assert!(RATED_SLOW.shift + RATED_SLOW.bits <= PAYLOAD.bits);
    assert!(PAYLOAD.bits - OUT.bits <= LENGTH.bits && PAYLOAD.bits - RATED_OUT.bits <= LENGTH.bits);
    assert!(GENERATION.max() == u8::MAX as u32);
};

/// The most consecutive failures that can be counted.
pub(crate) const MAX_CONSECUTIVE: u32 = CONSECUTIVE.max();
/// The most probes that can be counted.
pub(crate) const MAX_PROBES: u32 = OUT.max();
/// The most probes that can be counted with slow ones apart.
pub(crate) const MAX_RATED_PROBES: u32 = RATED_OUT.max();

/// Where the probes that are out are counted, below the finished ones.
const fn out_field(by_rate: bool) -> Field {
    if by_rate { RATED_OUT } else { OUT }
}

/// The probes of a half-open breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Probes {
    /// Given out and not yet finished.
    pub(crate) out: u32,
    /// Finished well.
    pub(crate) succeeded: u32,
    /// Finished badly.
    pub(crate) failed: u32,
    /// Finished slowly; counted only where they are judged by rate.
    pub(crate) slow: u32,
}

impl Probes {
    /// The finished ones.
    pub(crate) const fn tally(self) -> crate::window::Tally {
        let calls = self.succeeded + self.failed;
        crate::window::Tally { calls, failed: self.failed, slow: self.slow }
    }
}

/// One value of the state word. Pure: every method computes from these bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(u32);

impl State {
    /// `Closed`, generation 0, since tick 0.
    pub(crate) const INITIAL: Self = Self(SETTLED.mask());

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn phase(self) -> Phase {
        match PHASE.get(self.0) {
            0 => Phase::Closed,
            1 => Phase::Open,
            2 => Phase::HalfOpen,
            3 => Phase::ForcedOpen,
            4 => Phase::Disabled,
            _ => Phase::MetricsOnly,
        }
    }

    /// Number of the phase's tenure, modulo 2^8.
    pub(crate) const fn generation(self) -> u8 {
        GENERATION.get(self.0) as u8
    }

    /// Whether the tick at which the phase began has been set.
    pub(crate) const fn is_settled(self) -> bool {
        self.0 & SETTLED.mask() != 0
    }

    /// Whether every call is admitted and watched, and can trip: the whole test
    /// of the healthy path.
    pub(crate) const fn is_closed(self) -> bool {
        self.0 & (PHASE.mask() | FLAG.mask()) == 0
    }

    /// Whether this is `Closed` of `generation` with no failure in a row.
    pub(crate) const fn is_healthy(self, generation: u8) -> bool {
        let expected = (generation as u32) << GENERATION.shift;
        self.0 & (PHASE.mask() | GENERATION.mask() | CONSECUTIVE.mask()) == expected
    }

    /// How often the breaker has tripped from `HalfOpen` without a close.
    pub(crate) const fn level(self) -> u32 {
        LEVEL.get(self.0)
    }

    /// Failures in a row (`Closed`).
    pub(crate) const fn consecutive(self) -> u32 {
        CONSECUTIVE.get(self.0)
    }

    /// The length of its own that the opening has, rounded up (`Open`).
    pub(crate) const fn own_length(self) -> Option<Length> {
        if OWN_LENGTH.get(self.0) == 1 && LENGTH.get(self.0) != OVERDUE {
            Some(Length::from_bits(LENGTH.get(self.0)))
        } else {
            None
        }
    }

    /// The finished probes that opened it again, if probes did (`Open`).
    pub(crate) const fn reopened_by(self, by_rate: bool) -> Option<Probes> {
        let finished = LENGTH.get(self.0);
        if !matches!(self.phase(), Phase::Open) || OWN_LENGTH.get(self.0) == 1 || finished == 0 {
            return None;
        }
        Some(Self(finished << out_field(by_rate).bits).probes(by_rate))
    }

    /// Whether the opening began when the half-open phase before it became
    /// overdue; the entered-at tick is still that phase's (`Open`).
    pub(crate) const fn is_overdue(self) -> bool {
        let overdue = OWN_LENGTH.with(OVERDUE, 1);
        matches!(self.phase(), Phase::Open) && PAYLOAD.get(self.0) == overdue
    }

    /// Whether the breaker is still closing gradually (`Closed`).
    pub(crate) const fn is_ramping(self) -> bool {
        self.0 & FLAG.mask() != 0
    }

    /// What the ramp has saved up towards the next admission, in percent of a
    /// call (`Closed`).
    pub(crate) const fn credit(self) -> u32 {
        CREDIT.get(self.0)
    }

    /// Whether a policy was met and that has been reported (`MetricsOnly`).
    pub(crate) const fn is_reported(self) -> bool {
        self.0 & FLAG.mask() != 0
    }

    /// The probes (`HalfOpen`).
    pub(crate) const fn probes(self, by_rate: bool) -> Probes {
        if by_rate {
            Probes {
                out: RATED_OUT.get(self.0),
                succeeded: RATED_SUCCEEDED.get(self.0),
                failed: RATED_FAILED.get(self.0),
                slow: RATED_SLOW.get(self.0),
            }
        } else {
            Probes {
                out: OUT.get(self.0),
                succeeded: SUCCEEDED.get(self.0),
                failed: FAILED.get(self.0),
                slow: 0,
            }
        }
    }

    pub(crate) const fn settled(self) -> Self {
        Self(self.0 | SETTLED.mask())
    }

    /// The same `Closed` with `count` failures in a row, up to the field's bound.
    pub(crate) const fn with_consecutive(self, count: u32) -> Self {
        let count = if count < MAX_CONSECUTIVE { count } else { MAX_CONSECUTIVE };
        Self(CONSECUTIVE.with(self.0, count))
    }

    /// The same `Closed` with `credit` saved up.
    pub(crate) const fn with_credit(self, credit: u32) -> Self {
        Self(CREDIT.with(self.0, credit))
    }

    /// The same `Closed`, ramping from now on.
    pub(crate) const fn ramping(self) -> Self {
        Self(FLAG.with(self.0, 1))
    }

    /// The same `Closed` after the ramp.
    pub(crate) const fn ramped(self) -> Self {
        Self(CREDIT.with(FLAG.with(self.0, 0), 0))
    }

    /// The same `MetricsOnly`, reported or not.
    pub(crate) const fn with_reported(self, reported: bool) -> Self {
        Self(FLAG.with(self.0, reported as u32))
    }

    /// The same `HalfOpen` with other `probes`.
    pub(crate) const fn with_probes(self, by_rate: bool, probes: Probes) -> Self {
        let Probes { out, succeeded, failed, slow } = probes;
        let word = self.0 & !PAYLOAD.mask();
        Self(if by_rate {
            let word = RATED_SUCCEEDED.with(RATED_OUT.with(word, out), succeeded);
            RATED_SLOW.with(RATED_FAILED.with(word, failed), slow)
        } else {
            FAILED.with(SUCCEEDED.with(OUT.with(word, out), succeeded), failed)
        })
    }

    /// The next tenure, in `phase`, not settled, with an empty payload.
    ///
    /// The backoff level is kept, except that `Closed` forgets it.
    const fn next(self, phase: u32) -> Self {
        let generation = (GENERATION.get(self.0) + 1) & GENERATION.max();
        let level = if phase == 0 { 0 } else { self.level() };
        Self(LEVEL.with(GENERATION.with(PHASE.with(0, phase), generation), level))
    }

    pub(crate) const fn closed(self) -> Self {
        self.next(0)
    }

    /// The next tenure, `Open`. Coming from `HalfOpen` it is one backoff level up.
    pub(crate) const fn open(self) -> Self {
        let next = self.next(1);
        let level = match self.phase() {
            Phase::HalfOpen if self.level() < LEVEL.max() => self.level() + 1,
            _ => self.level(),
        };
        Self(LEVEL.with(next.0, level))
    }

    /// [`open`](Self::open), by the verdict on `probes`, which is kept to be
    /// looked at.
    pub(crate) const fn reopen(self, by_rate: bool, probes: Probes) -> Self {
        let finished = PAYLOAD.get(self.with_probes(by_rate, probes).0);
        Self(LENGTH.with(self.open().0, finished >> out_field(by_rate).bits))
    }

    /// [`open`](Self::open), for a `length` of its own.
    pub(crate) const fn open_for(self, length: Length) -> Self {
        Self(OWN_LENGTH.with(LENGTH.with(self.open().0, length.bits()), 1))
    }

    /// [`open`](Self::open), since this `HalfOpen` became overdue. Settled: the
    /// entered-at tick stays, and everything is counted from it.
    pub(crate) const fn open_overdue(self) -> Self {
        Self(OWN_LENGTH.with(LENGTH.with(self.open().0, OVERDUE), 1)).settled()
    }

    pub(crate) const fn half_open(self) -> Self {
        self.next(2)
    }

    pub(crate) const fn forced_open(self) -> Self {
        self.next(3)
    }

    pub(crate) const fn disabled(self) -> Self {
        self.next(4)
    }

    pub(crate) const fn metrics_only(self) -> Self {
        self.next(5)
    }
}

/// Unpacks one load.
impl core::fmt::Debug for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut s = f.debug_struct("State");
        s.field("phase", &self.phase())
            .field("generation", &self.generation())
            .field("level", &self.level())
            .field("settled", &self.is_settled());
        s.field("payload", &format_args!("{:#06x}", PAYLOAD.get(self.0))).finish()
    }
}
