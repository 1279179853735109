//! The bits of the state word, and a pure view of one value of it.
//!
//! ```text
//!  31        24 23  20 19  17 16 15                            0
//! +------------+------+------+--+-------------------------------+
//! | generation | level| phase|U | payload                       |
//! +------------+------+------+--+-------------------------------+
//!   Closed       ramping (1)  | ramp credit (7) | consecutive failures (8)
//!   MetricsOnly  reported policies (8)          | consecutive failures (8)
//!   Open         its length, rounded up (15)                | explicit length (1)
//!                or how a half-open phase became overdue (15)               | 1
//!                or the finished probes that opened it again, as in HalfOpen
//!   HalfOpen          failed (5) | succeeded (5)            | out (5)
//!     by rate:        slow (4)   | failed (4) | succeeded (4) | out (4)
//! ```
//!
//! `U` (unsettled) means that the tick from which the phase counts is not set yet:
//! the tick at which the phase began, or in HalfOpen at which a probe was last given
//! out or ended. A new breaker is all zeros, so a static takes no flash.
//!
//! A breaker that was handed over is in no phase: it is `RETIRED`, in the generation after
//! its last, so that none of its own is current.

use super::Length;
use crate::event::Causes;
use crate::phase::Phase;
use crate::tally::{Record, Tally};

/// A contiguous run of bits.
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
const UNSETTLED: Field = PAYLOAD.above(1);
const PHASE: Field = UNSETTLED.above(3);
const LEVEL: Field = PHASE.above(4);
const GENERATION: Field = LEVEL.above(8);

/// In place of a phase: handed over to another breaker.
const RETIRED: u32 = PHASE.max() - 1;

// Closed and MetricsOnly
const CONSECUTIVE: Field = Field::lowest(8);
const CREDIT: Field = CONSECUTIVE.above(7);
const FLAG: Field = CREDIT.above(1);
const REPORTED: Field = CONSECUTIVE.above(8);
// Open: an explicit length, whose two largest values never occur as lengths and mean
// that half-open became overdue, with or without a probe out; or, without an explicit
// length, the finished probes that opened it again, as in `HalfOpen`, with none out
const EXPLICIT_LENGTH: Field = Field::lowest(1);
const LENGTH: Field = EXPLICIT_LENGTH.above(Length::BITS);
const OVERDUE: u32 = PAYLOAD.max();
const OVERDUE_IDLE: u32 = OVERDUE - (1 << LENGTH.shift);
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
    let fields = [PAYLOAD, UNSETTLED, PHASE, LEVEL, GENERATION];
    let (mut tiled, mut i) = (0_u32, 0);
    while i < fields.len() {
        assert!(tiled & fields[i].mask() == 0, "fields overlap");
        tiled |= fields[i].mask();
        i += 1;
    }
    assert!(tiled == u32::MAX, "fields do not tile the word");
    assert!(FLAG.shift + FLAG.bits <= PAYLOAD.bits);
    assert!(LENGTH.shift + LENGTH.bits <= PAYLOAD.bits);
    assert!(FAILED.shift + FAILED.bits <= PAYLOAD.bits);
    assert!(RATED_SLOW.shift + RATED_SLOW.bits <= PAYLOAD.bits);
    assert!(EXPLICIT_LENGTH.mask() & OUT.mask() & RATED_OUT.mask() == EXPLICIT_LENGTH.mask());
    assert!(GENERATION.max() + 1 == GENERATIONS);
};

/// The number of generations before they repeat.
pub(crate) const GENERATIONS: u32 = 1 << 8;
/// The most consecutive failures that can be counted.
pub(crate) const MAX_CONSECUTIVE: u32 = CONSECUTIVE.max();
/// The most probes that can be counted.
pub(crate) const MAX_PROBES: u32 = OUT.max();
/// The most probes that can be counted when slow ones are counted separately.
pub(crate) const MAX_RATED_PROBES: u32 = RATED_OUT.max();

/// The probes of a half-open breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Probes {
    /// Given out and not yet finished.
    pub(crate) out: u32,
    /// Finished as a success.
    pub(crate) succeeded: u32,
    /// Finished as a failure.
    pub(crate) failed: u32,
    /// Finished slowly; counted only when probes are judged by rate.
    pub(crate) slow: u32,
}

impl Probes {
    /// The finished probes.
    pub(crate) const fn tally(self) -> Tally {
        let calls = self.succeeded + self.failed;
        Tally { calls, failed: self.failed, slow: self.slow, level: 0 }
    }
}

/// One value of the state word. Pure: every method computes from these bits alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(u32);

impl State {
    /// `Closed`, generation 0, since tick 0.
    pub(crate) const INITIAL: Self = Self(0);

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// How many bits [`tenure`](Self::tenure) has.
    pub(crate) const TENURE_BITS: u32 = u32::BITS - PHASE.shift;

    /// What stays the same throughout a tenure: generation, level and phase.
    #[inline]
    pub(crate) const fn tenure(self) -> u32 {
        self.0 >> PHASE.shift
    }

    /// A state of this [`tenure`](Self::tenure).
    #[inline]
    pub(crate) const fn of_tenure(tenure: u32) -> Self {
        Self(tenure << PHASE.shift)
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

    pub(crate) const fn is(self, phase: Phase) -> bool {
        PHASE.get(self.0) == phase as u32
    }

    /// Whether this is of a tenure in which permits are given.
    pub(crate) const fn gives_permits(self) -> bool {
        if self.is(Phase::Closed) {
            // Closing forgets the level.
            self.level() == 0
        } else {
            self.is(Phase::HalfOpen) || self.is(Phase::Disabled) || self.is(Phase::MetricsOnly)
        }
    }

    /// The number of the current tenure, modulo 2^8.
    pub(crate) const fn generation(self) -> u32 {
        GENERATION.get(self.0)
    }

    /// Whether the tick at which the phase began has been set.
    pub(crate) const fn is_settled(self) -> bool {
        self.0 & UNSETTLED.mask() == 0
    }

    /// Whether this may count from a tick that was read before it was swapped in: a thread
    /// that sleeps in between must not cut short an opening or a ramp.
    pub(crate) const fn may_count_from_earlier(self) -> bool {
        self.is(Phase::HalfOpen) || self.is(Phase::Closed) && !self.is_ramping()
    }

    /// Whether every call is admitted and recorded, and can trip the breaker: the
    /// only check on the healthy path.
    pub(crate) const fn is_closed(self) -> bool {
        self.0 & (PHASE.mask() | FLAG.mask()) == 0
    }

    /// Whether this is `Closed` of `generation` with no failure in a row.
    pub(crate) const fn is_healthy(self, generation: u32) -> bool {
        let expected = generation << GENERATION.shift;
        // The level of `Closed` is 0.
        let tenure = GENERATION.mask() | LEVEL.mask() | PHASE.mask();
        self.0 & (tenure | CONSECUTIVE.mask()) == expected
    }

    /// How often the breaker has tripped from `HalfOpen` without a close.
    pub(crate) const fn level(self) -> u32 {
        LEVEL.get(self.0)
    }

    /// Failures in a row (`Closed`).
    pub(crate) const fn consecutive(self) -> u32 {
        CONSECUTIVE.get(self.0)
    }

    /// The opening's explicit length, rounded up (`Open`).
    pub(crate) const fn explicit_length(self) -> Option<Length> {
        if EXPLICIT_LENGTH.get(self.0) == 1 && PAYLOAD.get(self.0) < OVERDUE_IDLE {
            Some(Length::from_bits(LENGTH.get(self.0)))
        } else {
            None
        }
    }

    /// The finished probes that opened the breaker again, if probes did (`Open`).
    pub(crate) const fn reopened_by(self, by_rate: bool) -> Option<Probes> {
        if self.is(Phase::Open) && EXPLICIT_LENGTH.get(self.0) == 0 && PAYLOAD.get(self.0) != 0 {
            Some(self.probes(by_rate))
        } else {
            None
        }
    }

    /// If the opening began because half-open became overdue, whether a probe was out
    /// then; the tick is still the half-open phase's (`Open`).
    pub(crate) const fn overdue(self) -> Option<bool> {
        // No other payload is as large: a ramp's credit is below 100, and not all
        // probes can be both out and finished.
        match PAYLOAD.get(self.0) {
            OVERDUE => Some(true),
            OVERDUE_IDLE => Some(false),
            _ => None,
        }
    }

    /// Whether the breaker is still closing gradually (`Closed`).
    pub(crate) const fn is_ramping(self) -> bool {
        self.0 & FLAG.mask() != 0
    }

    /// The ramp's credit towards the next admission, in percent of a call
    /// (`Closed`).
    pub(crate) const fn credit(self) -> u32 {
        CREDIT.get(self.0)
    }

    /// The policies that are met and already reported (`MetricsOnly`).
    pub(crate) const fn reported(self) -> Causes {
        Causes::from_bits(REPORTED.get(self.0))
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
        Self(self.0 & !UNSETTLED.mask())
    }

    /// The same `Closed` with `count` failures in a row, or the most the field holds.
    pub(crate) fn with_consecutive(self, count: u32) -> Self {
        Self(CONSECUTIVE.with(self.0, count.min(MAX_CONSECUTIVE)))
    }

    /// The same `Closed` with this ramp credit.
    pub(crate) const fn with_credit(self, credit: u32) -> Self {
        Self(CREDIT.with(self.0, credit))
    }

    /// The same `Closed`, ramping from now on.
    pub(crate) const fn ramping(self) -> Self {
        Self(FLAG.with(self.0, 1))
    }

    /// The same `Closed` once the ramp is over.
    pub(crate) const fn ramped(self) -> Self {
        Self(CREDIT.with(FLAG.with(self.0, 0), 0))
    }

    /// The same `MetricsOnly` with these policies reported.
    pub(crate) const fn with_reported(self, reported: Causes) -> Self {
        Self(REPORTED.with(self.0, reported.bits()))
    }

    /// One more probe out, for which there must be room: in the same `HalfOpen`, or in
    /// the one that follows `Open`.
    ///
    /// The tick must be set again. If no probe was out, this starts the next tenure,
    /// which keeps the results of the probes so far: no permit of the previous tenure
    /// is left that could report late, and a thread that is still settling that tenure
    /// can do no harm. `first`: there are no results.
    pub(crate) const fn with_probe_out(self, by_rate: bool, first: bool) -> Self {
        let state = if first || !self.is(Phase::HalfOpen) {
            self.half_open()
        } else if self.probes(by_rate).out == 0 {
            Self(self.half_open().0 | self.0 & PAYLOAD.mask())
        } else {
            self.unsettled()
        };
        Self(state.0 + 1)
    }

    /// The same `HalfOpen` with one probe fewer out; at least one must be out. The
    /// tick must be set again.
    pub(crate) const fn with_probe_back(self) -> Self {
        Self(self.0 - 1).unsettled()
    }

    /// The same `HalfOpen` after a probe that was out finished as `call`. The tick
    /// must be set again.
    pub(crate) const fn with_probe_finished(self, by_rate: bool, call: Record) -> Self {
        let back = self.with_probe_back().0;
        Self(match (by_rate, call.failed, call.slow) {
            (false, false, false) => back + (1 << SUCCEEDED.shift),
            (false, ..) => back + (1 << FAILED.shift),
            (true, failed, slow) => {
                let result = if failed { RATED_FAILED } else { RATED_SUCCEEDED };
                back + (1 << result.shift) + ((slow as u32) << RATED_SLOW.shift)
            }
        })
    }

    const fn unsettled(self) -> Self {
        Self(self.0 | UNSETTLED.mask())
    }

    /// The next tenure, in `phase`: not settled, at the same backoff level, with an
    /// empty payload.
    const fn next(self, phase: Phase) -> Self {
        let kept = self.0 & (GENERATION.mask() | LEVEL.mask());
        let next = kept.wrapping_add(1 << GENERATION.shift);
        Self(next | (phase as u32) << PHASE.shift | UNSETTLED.mask())
    }

    /// The next tenure, `Closed`, at backoff level 0.
    pub(crate) const fn closed(self) -> Self {
        Self(LEVEL.with(self.0, 0)).next(Phase::Closed)
    }

    /// The next tenure, `Open`; from `HalfOpen`, one backoff level up.
    pub(crate) const fn open(self) -> Self {
        if self.is(Phase::HalfOpen) { self.relapse() } else { self.next(Phase::Open) }
    }

    /// [`open`](Self::open) from `Closed`.
    pub(crate) const fn trip(self) -> Self {
        self.next(Phase::Open)
    }

    /// [`open`](Self::open) from `HalfOpen`.
    const fn relapse(self) -> Self {
        let level = if self.level() < LEVEL.max() { 1 << LEVEL.shift } else { 0 };
        Self(self.0 + level).next(Phase::Open)
    }

    /// `HalfOpen` opened again by the verdict on its finished probes, which are
    /// kept for the snapshot.
    pub(crate) const fn reopen(self, by_rate: bool) -> Self {
        let out = if by_rate { RATED_OUT } else { OUT };
        Self(self.relapse().0 | self.0 & PAYLOAD.mask() & !out.mask())
    }

    /// [`open`](Self::open), for an explicit `length`.
    pub(crate) const fn open_for(self, length: Length) -> Self {
        self.open().with_explicit_length(length)
    }

    /// `HalfOpen` opened again because it became overdue. Settled: the tick stays,
    /// and everything is counted from it.
    pub(crate) const fn open_overdue(self, probe_was_out: bool) -> Self {
        let payload = if probe_was_out { OVERDUE } else { OVERDUE_IDLE };
        Self(self.relapse().0 | payload).settled()
    }

    /// The next tenure, `HalfOpen`, with no probe out and none finished.
    pub(crate) const fn half_open(self) -> Self {
        self.next(Phase::HalfOpen)
    }

    /// [`half_open`](Self::half_open), skipping a tenure, so that a new stay can be
    /// told from one that goes on.
    pub(crate) const fn half_open_anew(self) -> Self {
        self.half_open().half_open()
    }

    /// The last state: handed over to another breaker.
    pub(crate) const fn retired(self) -> Self {
        Self(PHASE.with(self.next(Phase::Closed).0, RETIRED)).settled()
    }

    pub(crate) const fn is_retired(self) -> bool {
        PHASE.get(self.0) == RETIRED
    }

    /// The same tenure with an empty payload.
    pub(crate) const fn without_payload(self) -> Self {
        Self(PAYLOAD.with(self.0, 0))
    }

    /// The same `Open`, of an explicit `length`.
    pub(crate) const fn with_explicit_length(self, length: Length) -> Self {
        let state = self.without_payload();
        Self(state.0 | EXPLICIT_LENGTH.mask() | length.bits() << LENGTH.shift)
    }

    /// The same `HalfOpen`, or `Open`, with these probes, or as many as can be counted.
    pub(crate) fn with_probes(self, by_rate: bool, probes: Probes) -> Self {
        let Probes { out, succeeded, failed, slow } = probes;
        let fields: &[_] = if by_rate {
            &[
                (RATED_OUT, out),
                (RATED_SUCCEEDED, succeeded),
                (RATED_FAILED, failed),
                (RATED_SLOW, slow),
            ]
        } else {
            &[(OUT, out), (SUCCEEDED, succeeded), (FAILED, failed)]
        };
        let set = |word, (field, count): &(Field, u32)| field.with(word, (*count).min(field.max()));
        Self(fields.iter().fold(self.without_payload().0, set))
    }

    pub(crate) const fn forced_open(self) -> Self {
        self.next(Phase::ForcedOpen)
    }

    pub(crate) const fn disabled(self) -> Self {
        self.next(Phase::Disabled)
    }

    pub(crate) const fn metrics_only(self) -> Self {
        self.next(Phase::MetricsOnly)
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
