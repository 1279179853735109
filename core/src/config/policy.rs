//! What a configuration decides: pure functions of what the breaker has seen.

use super::{
    Abandoned, AfterProbeTimeout, Backoff, Config, MAX_PROBE_TIMEOUT, MAX_TICKS, ProbeTimeout,
    Ramp, Ratio,
};
use crate::event::{Cause, Causes, Outcome};
use crate::leak::Leak;
use crate::state::Probes;
use crate::tally::{Record, Tally};

/// The verdict of the probes finished so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Close,
    Reopen,
    Undecided,
}

impl Config {
    pub(crate) const fn counts_consecutive(&self) -> bool {
        self.consecutive_failures.is_some()
    }

    /// Whether failures in a row count only while the window holds them.
    pub(crate) const fn ages_consecutive(&self) -> bool {
        self.consecutive_within_window
    }

    /// Whether `count` failures in a row meet the policy. If failures age with the
    /// window, `in_window` is how many it holds.
    pub(crate) const fn met_by_consecutive(&self, count: u32, in_window: Option<u32>) -> bool {
        match (self.consecutive_failures, in_window) {
            (Some(threshold), Some(in_window)) => count >= threshold && in_window >= threshold,
            (Some(threshold), None) => count >= threshold,
            (None, _) => false,
        }
    }

    /// The first of the window's policies that `tally` meets after a call that counts
    /// as `call`; skips those in `told`.
    pub(crate) const fn met_by(&self, tally: Tally, call: Record, told: Causes) -> Option<Cause> {
        // At least 1, so there is no rate of no calls.
        let enough = tally.calls >= self.min_calls;
        let has_rate = self.failure_rate.is_some() || self.slow_rate.is_some();
        if call.failed
            && (enough || has_rate)
            && let Some(threshold) = self.failures_in_window
            && tally.failed >= threshold
            && !told.has(Cause::FailuresInWindow)
        {
            return Some(Cause::FailuresInWindow);
        }
        // A success leaves the level below the limit.
        if let Some(leak) = self.leaky_bucket
            && tally.level >= leak.limit()
            && !told.has(Cause::LeakyBucket)
        {
            return Some(Cause::LeakyBucket);
        }
        if !enough {
            return None;
        }
        if call.failed
            && reached(self.failure_rate, tally.failed, tally.calls)
            && !told.has(Cause::FailureRate)
        {
            return Some(Cause::FailureRate);
        }
        if call.slow
            && reached(self.slow_rate, tally.slow, tally.calls)
            && !told.has(Cause::SlowRate)
        {
            return Some(Cause::SlowRate);
        }
        None
    }

    /// All policies that are met after a call that counts as `call`, with
    /// `consecutive` failures in a row.
    pub(crate) fn all_met(
        &self,
        tally: Tally,
        call: Record,
        consecutive: u32,
        in_window: Option<u32>,
    ) -> Causes {
        let mut met = Causes::NONE;
        while let Some(cause) = self.met_by(tally, call, met) {
            met = met.with(cause);
        }
        if call.failed && self.met_by_consecutive(consecutive, in_window) {
            met = met.with(Cause::ConsecutiveFailures);
        }
        met
    }

    /// The first policy that `tally` and `consecutive` failures in a row meet, if the last
    /// call failed and was slow. A fleet asks this of the tallies of its breakers together,
    /// which may be larger than any window. A pure function.
    #[must_use]
    pub fn policy_met(&self, tally: Tally, consecutive: u32) -> Option<Cause> {
        let call = Record { failed: true, slow: true, weight: 1 };
        let in_window = self.consecutive_within_window.then_some(tally.failed);
        self.all_met(tally, call, consecutive, in_window).of_policies().next()
    }

    pub(crate) const fn leak(&self) -> Leak {
        match self.leaky_bucket {
            Some(leak) => leak,
            None => Leak::NONE,
        }
    }

    pub(crate) const fn looks_for_slow(&self) -> bool {
        self.slow_after.is_some()
    }

    /// Whether a call that took `ticks` was slow.
    pub(crate) const fn is_slow(&self, ticks: u32) -> bool {
        match self.slow_after {
            Some(after) => ticks > after,
            None => false,
        }
    }

    pub(crate) const fn least_calls(&self) -> u32 {
        self.min_calls
    }

    /// What an abandoned call counts as.
    pub(crate) const fn abandoned(&self, slow: bool, probe: bool) -> Outcome {
        match self.abandoned {
            Abandoned::ByTime if slow && !probe => Outcome::Success,
            Abandoned::Failed => Outcome::Failure,
            Abandoned::ByTime if slow => Outcome::Failure,
            Abandoned::Ignored | Abandoned::ByTime => Outcome::Ignored,
        }
    }

    /// How many ticks an opening lasts that began at `tick` in `generation`, after
    /// `level` trips from half-open.
    #[inline]
    pub(crate) fn opening(&self, level: u32, generation: u32, tick: u32) -> u32 {
        let wait = match self.backoff {
            Some(Backoff { max, .. }) => self.backed_off(level, max),
            None => self.open_for,
        };
        let Some(jitter) = self.jitter else { return wait };
        let most = (wait as u64 * jitter.percent as u64 / 100) as u32;
        let drawn = mix(jitter.seed ^ mix(tick ^ mix(generation)));
        let longer = ((drawn as u64 * (most as u64 + 1)) >> 32) as u32;
        (wait + longer).min(MAX_TICKS)
    }

    /// The wait after `level` trips from half-open, without jitter and at most `max`.
    pub(super) const fn backed_off(&self, level: u32, max: u32) -> u32 {
        let (mut wait, mut fraction, mut times) = (self.open_for, 0, 0);
        while let Some(Backoff { factor, .. }) = self.backoff
            && times < level
            && wait < max
        {
            (wait, fraction) = factor.times(wait, fraction);
            times += 1;
        }
        if wait < max { wait } else { max }
    }

    /// Whether slow probes are counted separately.
    pub(crate) const fn judges_by_rate(&self) -> bool {
        self.probe_rate_after.is_some()
    }

    /// Whether a half-open phase has only one probe, whose result decides.
    pub(crate) const fn has_one_probe(&self) -> bool {
        self.probes == 1 && self.reuse_probes_until.is_none()
    }

    /// Whether one more probe may go out beside `probes`.
    pub(crate) const fn has_room_for_probe(&self, probes: Probes) -> bool {
        let Probes { out, succeeded, failed, .. } = probes;
        match self.reuse_probes_until {
            Some(_) => out < self.probes,
            // As below, in less code.
            None if self.has_one_probe() => out | succeeded | failed == 0,
            None => out + succeeded + failed < self.probes,
        }
    }

    /// How many more probes may go out beside `probes`.
    pub(crate) const fn room_for_probes(&self, probes: Probes) -> u32 {
        let Probes { out, succeeded, failed, .. } = probes;
        let taken = match self.reuse_probes_until {
            Some(_) => out,
            None => out + succeeded + failed,
        };
        self.probes.saturating_sub(taken)
    }

    /// The verdict of `probes`.
    pub(crate) const fn judge(&self, probes: Probes) -> Verdict {
        let finished = probes.succeeded + probes.failed;
        if let Some(after) = self.probe_rate_after {
            if finished < after {
                return Verdict::Undecided;
            }
            let bad = reached(self.failure_rate, probes.failed, finished)
                || reached(self.slow_rate, probes.slow, finished);
            return if bad { Verdict::Reopen } else { Verdict::Close };
        }
        let of = match self.reuse_probes_until {
            Some(finished) => finished,
            None => self.probes,
        };
        let needed = match self.successes {
            Some(count) => count,
            None => of,
        };
        if probes.succeeded >= needed {
            Verdict::Close
        } else if of == 1 || probes.failed > of - needed {
            Verdict::Reopen
        } else {
            Verdict::Undecided
        }
    }

    /// How many ticks half-open may last with a probe out while no probe is given out
    /// or ends.
    #[inline]
    pub(crate) fn probe_timeout_ticks(&self) -> Option<u32> {
        match self.probe_timeout {
            ProbeTimeout::OpenFor => Some(self.open_for.min(MAX_PROBE_TIMEOUT)),
            ProbeTimeout::Ticks(ticks) => Some(ticks),
            ProbeTimeout::Never => None,
        }
    }

    /// How many ticks the breaker may be half-open without a verdict.
    pub(crate) const fn longest_stay(&self) -> Option<u32> {
        self.longest_half_open
    }

    pub(crate) const fn next_after_probe_timeout(&self) -> AfterProbeTimeout {
        self.after_probe_timeout
    }

    pub(crate) const fn has_ramp(&self) -> bool {
        self.ramp.is_some()
    }

    /// The percentage of calls admitted `ticks` after closing; `None` for all.
    pub(crate) fn share_after(&self, ticks: u32) -> Option<u32> {
        let Ramp { shares, count, step } = self.ramp?;
        // Never 0; this spares the division a check that could panic.
        let index = ticks / if step == 0 { 1 } else { step };
        let share = shares.get(index as usize).filter(|_| index < count)?;
        Some((*share).into())
    }

    /// Which step of the ramp applies `ticks` after closing, and for how many more ticks.
    pub(crate) fn ramp_step_after(&self, ticks: u32) -> Option<(u32, u32)> {
        let step = self.ramp?.step;
        // Never 0; this spares the division a check that could panic.
        let step = if step == 0 { 1 } else { step };
        Some((ticks / step, step - ticks % step))
    }
}

impl Ratio {
    pub(super) const fn percent(percent: u32) -> Self {
        Self { part: percent, whole: 100 }
    }

    /// `ticks` and a `fraction` of a tick, in 2^15ths, times this ratio: rounded down to a
    /// 2^15th, and saturating. The parts of a factor are so small that no intermediate
    /// product overflows; a whole number makes no fraction.
    const fn times(self, ticks: u32, fraction: u32) -> (u32, u32) {
        // Never 0; this spares the division a check that could panic.
        let whole = if self.whole == 0 { 1 } else { self.whole };
        let product = (ticks % whole).wrapping_mul(self.part);
        let rest = ((product % whole) << 15).wrapping_add(fraction.wrapping_mul(self.part)) / whole;
        let more = product / whole + (rest >> 15);
        ((ticks / whole).saturating_mul(self.part).saturating_add(more), rest % (1 << 15))
    }
}

/// Whether `bad` of `calls` is at least `ratio`, compared exactly.
const fn reached(ratio: Option<Ratio>, bad: u32, calls: u32) -> bool {
    match ratio {
        Some(Ratio { part, whole }) => bad as u64 * whole as u64 >= part as u64 * calls as u64,
        None => false,
    }
}

/// A bijection of 32 bits that scatters: the finalizer of MurmurHash3 by
/// Austin Appleby, <https://github.com/aappleby/smhasher>, public domain.
pub(crate) const fn mix(mut bits: u32) -> u32 {
    bits ^= bits >> 16;
    bits = bits.wrapping_mul(0x85eb_ca6b);
    bits ^= bits >> 13;
    bits = bits.wrapping_mul(0xc2b2_ae35);
    bits ^ bits >> 16
}
