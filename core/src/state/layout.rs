//! The bits of the state word, and a pure view of one value of it.
//!
//! ```text
//!  31  29 28        21 20  17 16 15                            0
//! +------+------------+------+--+-------------------------------+
//! | phase| generation | level|S | payload                       |
//! +------+------------+------+--+-------------------------------+
//!                                Closed    consecutive failures (11)
//!                                Open      own length (1)
//!                                HalfOpen  failed (5) succeeded (5) out (5)
//! ```
//!
//! `S` (settled) says that the tick at which the phase began has been set.

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

// Closed
const CONSECUTIVE: Field = Field::lowest(11);
// Open
const OWN_LENGTH: Field = Field::lowest(1);
// HalfOpen
const OUT: Field = Field::lowest(5);
const SUCCEEDED: Field = OUT.above(5);
const FAILED: Field = SUCCEEDED.above(5);

const _: () = {
    let fields = [PAYLOAD, SETTLED, LEVEL, GENERATION, PHASE];
    let (mut tiled, mut i) = (0_u32, 0);
    while i < fields.len() {
        assert!(tiled & fields[i].mask() == 0, "fields overlap");
        tiled |= fields[i].mask();
        i += 1;
    }
    assert!(tiled == u32::MAX, "fields do not tile the word");
    assert!(CONSECUTIVE.mask() & !PAYLOAD.mask() == 0);
    assert!(OWN_LENGTH.mask() & !PAYLOAD.mask() == 0);
    assert!((OUT.mask() | SUCCEEDED.mask() | FAILED.mask()) & !PAYLOAD.mask() == 0);
    assert!(GENERATION.max() == u8::MAX as u32);
};

/// The most consecutive failures that can be counted.
pub(crate) const MAX_CONSECUTIVE: u32 = CONSECUTIVE.max();
/// The most probes that can be counted.
pub(crate) const MAX_PROBES: u32 = OUT.max();

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
            _ => Phase::Disabled,
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

    /// Whether every call is admitted and watched: the whole test of the
    /// healthy path.
    pub(crate) const fn is_closed(self) -> bool {
        self.0 & PHASE.mask() == 0
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

    /// Whether the opening has a length of its own (`Open`).
    pub(crate) const fn has_own_length(self) -> bool {
        self.0 & (PHASE.mask() | OWN_LENGTH.mask()) == PHASE.with(OWN_LENGTH.mask(), 1)
    }

    /// Probes out, not yet finished (`HalfOpen`).
    pub(crate) const fn out(self) -> u32 {
        OUT.get(self.0)
    }

    /// Probes that succeeded (`HalfOpen`).
    pub(crate) const fn succeeded(self) -> u32 {
        SUCCEEDED.get(self.0)
    }

    /// Probes that failed (`HalfOpen`).
    pub(crate) const fn failed(self) -> u32 {
        FAILED.get(self.0)
    }

    pub(crate) const fn settled(self) -> Self {
        Self(self.0 | SETTLED.mask())
    }

    /// The same `Closed` with `count` failures in a row, up to the field's bound.
    pub(crate) const fn with_consecutive(self, count: u32) -> Self {
        let count = if count < MAX_CONSECUTIVE { count } else { MAX_CONSECUTIVE };
        Self(CONSECUTIVE.with(self.0, count))
    }

    /// The same `HalfOpen` with one more probe out.
    pub(crate) const fn probe_out(self) -> Self {
        Self(OUT.with(self.0, self.out() + 1))
    }

    /// The same `HalfOpen` with one probe handed back.
    pub(crate) const fn probe_back(self) -> Self {
        Self(OUT.with(self.0, self.out() - 1))
    }

    /// The same `HalfOpen` with one probe finished.
    pub(crate) const fn probe_done(self, success: bool) -> Self {
        let (field, count) =
            if success { (SUCCEEDED, self.succeeded()) } else { (FAILED, self.failed()) };
        Self(field.with(self.probe_back().0, count + 1))
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
    pub(crate) const fn open(self, own_length: bool) -> Self {
        let next = self.next(1);
        let level = match self.phase() {
            Phase::HalfOpen if self.level() < LEVEL.max() => self.level() + 1,
            _ => self.level(),
        };
        Self(OWN_LENGTH.with(LEVEL.with(next.0, level), own_length as u32))
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
}

/// Unpacks one load.
impl core::fmt::Debug for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut s = f.debug_struct("State");
        s.field("phase", &self.phase())
            .field("generation", &self.generation())
            .field("level", &self.level())
            .field("settled", &self.is_settled());
        match self.phase() {
            Phase::Closed => s.field("consecutive", &self.consecutive()),
            Phase::Open => s.field("own_length", &self.has_own_length()),
            Phase::HalfOpen => s
                .field("out", &self.out())
                .field("succeeded", &self.succeeded())
                .field("failed", &self.failed()),
            Phase::ForcedOpen | Phase::Disabled => &mut s,
        };
        s.finish()
    }
}
