//! An opening's explicit length, rounded up to fit into the state word.

/// A length in 15 bits: `mantissa (10) << exponent (5)`. Exact below 2^10 ticks;
/// above, at most one part in 512 too long, and never too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length(u32);

const MANTISSA_BITS: u32 = 10;
/// The longest length; anything longer is cut to this.
const MAX_TICKS: u32 = (1 << 31) - 1;

impl Length {
    pub(super) const BITS: u32 = MANTISSA_BITS + 5;

    /// `ticks` rounded up, and how many ticks that added.
    pub(crate) fn round_up(ticks: u32) -> (Self, u32) {
        let ticks = ticks.min(MAX_TICKS);
        let bits = u32::BITS - ticks.leading_zeros();
        let mut exponent = bits.saturating_sub(MANTISSA_BITS);
        let mut mantissa = (ticks + (1 << exponent) - 1) >> exponent;
        if mantissa >> MANTISSA_BITS != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
        let length = Self(exponent << MANTISSA_BITS | mantissa);
        (length, length.ticks() - ticks)
    }

    pub(crate) const fn ticks(self) -> u32 {
        (self.0 & ((1 << MANTISSA_BITS) - 1)) << (self.0 >> MANTISSA_BITS)
    }

    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_adds_little_and_reports_it_exactly() {
        let near = |power: u32| [(1 << power) - 1, 1 << power, (1 << power) + 1];
        for ticks in (0..31).flat_map(near).chain([7_200_000, 999_999_999]) {
            let (length, excess) = Length::round_up(ticks);
            assert_eq!(length.ticks() - excess, ticks);
            assert!(excess <= ticks >> (MANTISSA_BITS - 1), "{ticks}");
            assert!(length.bits() >> Length::BITS == 0);
        }
        assert_eq!(Length::round_up(u32::MAX), Length::round_up(MAX_TICKS));
    }
}
