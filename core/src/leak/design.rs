//! A leak designed from promises, and the promises that a leak keeps.
//!
//! This is arithmetic of floats for constants and for hosts; a target never runs it.
//!
//! The level of a bucket is a Markov chain. Where `up` or `down` is 1, the number of calls
//! until it trips follows from one pass over the levels. Only positive numbers are added up
//! in it. There are two kinds of differences: the complement of a probability, and by how
//! much a climb is longer than that of `down` levels below. Either is as exact as the larger
//! of the two numbers, and what it is added to is no smaller than that, or nearly, so few
//! digits are lost to cancellation.

use core::fmt;

use super::Leak;

/// The most that `up` or `down` can be, with the other 1.
const MAX_STEP: usize = 1_024;
/// The highest limit of a design: so many levels are no long work for a compiler.
const MAX_LIMIT: u32 = 1 << 15;

/// Why no leaky bucket can be designed that keeps a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LeakError {
    /// The rates are not ordered: 0 < normal < bad <= 1.
    Order,
    /// The normal rate is so low that `up` would exceed 1,024.
    TooRare,
    /// The rates are so close that no whole step tells them apart.
    TooClose,
    /// The calls between false trips are not above 0, or would take a limit above 32,768.
    TooManyCalls,
}

impl LeakError {
    const fn text(self) -> &'static str {
        match self {
            Self::Order => "bad Leak: the rates must be 0 < normal < bad <= 1",
            Self::TooRare => "bad Leak: the normal rate must be so high that up is at most 1024",
            Self::TooClose => {
                "bad Leak: the rates must be so far apart that a whole step tells them apart"
            }
            Self::TooManyCalls => {
                "bad Leak: the calls between false trips must be above 0, and so few that a \
                 limit of 32768 is enough"
            }
        }
    }
}

impl fmt::Display for LeakError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for LeakError {}

impl Leak {
    /// Designs a leak that trips on average once in `calls` or more, if calls fail at the
    /// `normal` rate, and as soon as it can if they fail at the `bad` rate. Rates are
    /// above 0 and at most 1. If so few `calls` are promised that the first failure may
    /// trip it, `limit` is `up`.
    ///
    /// Call it in a `const`: it computes with floats.
    ///
    /// # Panics
    ///
    /// If there is no such leak; in a `const` that is a compile error.
    /// [`try_designed`](Self::try_designed) returns an error instead.
    #[must_use]
    pub const fn designed(normal: f64, bad: f64, calls: f64) -> Self {
        match Self::try_designed(normal, bad, calls) {
            Ok(leak) => leak,
            Err(error) => panic!("{}", error.text()),
        }
    }

    /// [`designed`](Self::designed), for rates that are known at run time.
    ///
    /// # Errors
    ///
    /// [`LeakError`] if no leak keeps that promise.
    pub const fn try_designed(normal: f64, bad: f64, calls: f64) -> Result<Self, LeakError> {
        if !(0.0 < normal && normal < bad && bad <= 1.0) {
            return Err(LeakError::Order);
        }
        let (up, down) = match steps(normal, bad) {
            Ok(steps) => steps,
            Err(error) => return Err(error),
        };
        let (limit, keeps) = raise(up, down, normal, MAX_LIMIT, calls);
        if calls > 0.0 && calls < f64::INFINITY && keeps >= calls {
            // One that a success empties is the same with a `down` of the limit.
            let down = if (down as u32) < limit { down as u32 } else { limit };
            Ok(Self::new(up as u32, down, limit))
        } else {
            Err(LeakError::TooManyCalls)
        }
    }

    /// After how many calls an empty bucket trips on average, if they fail at the rate
    /// `failing`, 0 to 1, independently of each other. `None` unless, of `up` and `down`,
    /// one divides the other no more than 1,024 times.
    ///
    /// Exact, by the Markov chain of the level. Takes time in proportion to the limit; call
    /// it in a `const` or on a host, as it computes with floats.
    #[must_use]
    pub const fn calls_until_trip(self, failing: f64) -> Option<f64> {
        let Self { up, down, limit } = self;
        let unit = if up < down { up } else { down };
        if unit == 0 || limit == 0 || up % unit + down % unit != 0 {
            return None;
        }
        let (up, down) = ((up / unit) as usize, (down / unit) as usize);
        if up > MAX_STEP || down > MAX_STEP || !(0.0 <= failing && failing <= 1.0) {
            return None;
        }
        if failing == 0.0 {
            return Some(f64::INFINITY);
        }
        Some(raise(up, down, failing, limit.div_ceil(unit), f64::INFINITY).1)
    }
}

/// The whole steps up and down, one of them 1, that come nearest to what a failure and a
/// success say for the `bad` rate and against it: the logarithms of their likelihood ratios.
const fn steps(normal: f64, bad: f64) -> Result<(usize, usize), LeakError> {
    let failure = ln(bad / normal);
    // Infinite if no call succeeds at the bad rate.
    let success = ln((1.0 - normal) / (1.0 - bad));
    // Casts round down, and saturate.
    let (up, down) = if failure >= success {
        ((failure / success + 0.5) as usize, 1)
    } else {
        let down = (success / failure + 0.5) as usize;
        (1, if down < MAX_STEP { down } else { MAX_STEP })
    };
    if up > MAX_STEP {
        return Err(LeakError::TooRare);
    }
    let (up_, down_) = (up as f64, down as f64);
    let drains = normal * up_ < (1.0 - normal) * down_;
    let fills = bad * up_ > (1.0 - bad) * down_;
    if drains && fills { Ok((up, down)) } else { Err(LeakError::TooClose) }
}

/// Raises the limit of a bucket from 1 to `most`, or until it is `up` or more and it takes
/// `enough` calls to trip it if they fail at the rate `failing`, which is above 0. Returns
/// the limit and the calls.
const fn raise(up: usize, down: usize, failing: f64, most: u32, enough: f64) -> (u32, f64) {
    if down == 1 {
        raise_above_steps_of_one(up, failing, most, enough)
    } else {
        raise_by_steps_of_one(down, failing, most, enough)
    }
}

/// What happens from a level on, until it is left for the one below for the first time, or
/// the bucket trips.
#[derive(Clone, Copy)]
struct Descent {
    /// How many calls that takes.
    calls: f64,
    /// How likely it trips.
    trips: f64,
}

impl Descent {
    const NONE: Self = Self { calls: 0.0, trips: 0.0 };
    const TRIPPED: Self = Self { calls: 0.0, trips: 1.0 };

    /// This descent, and from its end on another.
    const fn and(self, below: Self) -> Self {
        let goes_on = 1.0 - self.trips;
        Self {
            calls: self.calls + goes_on * below.calls,
            trips: self.trips + goes_on * below.trips,
        }
    }
}

/// [`raise`] where a success takes 1 off.
///
/// A call at level n either fails, and then descends through n + `up` to n + 1, or takes the
/// level one down. So each level's descent follows from those of the `up` levels above it.
/// They are combined in blocks of `up` levels: the rest of the block before, which is kept
/// for each of its levels, and what there is of this one.
const fn raise_above_steps_of_one(up: usize, failing: f64, most: u32, enough: f64) -> (u32, f64) {
    let mut block = [Descent::NONE; MAX_STEP];
    let mut before = [Descent::TRIPPED; MAX_STEP];
    let (mut above, mut inside, mut limit) = (Descent::TRIPPED, 0, 1);
    let mut newer = Descent::NONE;
    loop {
        // From level 0, calls go on until one fails, over and over until that trips.
        let calls = (1.0 + failing * above.calls) / (failing * above.trips);
        if limit == most || limit as usize >= up && calls >= enough {
            return (limit, calls);
        }
        let leaves = 1.0 - failing + failing * above.trips;
        let level = Descent {
            calls: (1.0 + failing * above.calls) / leaves,
            trips: failing * above.trips / leaves,
        };
        block[inside] = level;
        newer = newer.and(level);
        inside += 1;
        if inside == up {
            let mut lowest = Descent::NONE;
            while inside > 0 {
                inside -= 1;
                lowest = block[inside].and(lowest);
                before[inside] = lowest;
            }
            newer = Descent::NONE;
        }
        above = before[inside].and(newer);
        limit += 1;
    }
}

/// [`raise`] where a failure adds 1.
///
/// From level n to n + 1, for the first time, it takes one call if it fails, and otherwise
/// the climb through the `down` levels up to n, and then again from n.
const fn raise_by_steps_of_one(down: usize, failing: f64, most: u32, enough: f64) -> (u32, f64) {
    let mut climbs = [0.0; MAX_STEP];
    let (mut climb, mut lost, mut calls, mut limit) = (1.0 / failing, 0.0, 0.0, 0);
    loop {
        calls += climb;
        limit += 1;
        if limit == most || calls >= enough {
            return (limit, calls);
        }
        let place = limit as usize % down;
        lost += climb - climbs[place];
        climbs[place] = climb;
        climb = (1.0 + (1.0 - failing) * lost) / failing;
    }
}

/// The natural logarithm of `x` above 0; infinity for infinity.
const fn ln(x: f64) -> f64 {
    if x == f64::INFINITY {
        return x;
    }
    // x = m * 2^e, with m from 1 to 2.
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i32 - 1_023;
    let m = f64::from_bits(bits << 12 >> 12 | 1_023 << 52);
    // ln(m) = 2 artanh(y), a series in y of at most 1/3.
    let y = (m - 1.0) / (m + 1.0);
    let (mut power, mut sum, mut n) = (y, 0.0, 1);
    while n < 40 {
        sum += power / n as f64;
        power *= y * y;
        n += 2;
    }
    exponent as f64 * core::f64::consts::LN_2 + 2.0 * sum
}
