//! Ending calls: recording outcomes, and the transitions they cause.

use core::mem;

use super::Breaker;
use super::time::Look;
use crate::clock::Clock;
use crate::config::{ConfigSource, Verdict};
use crate::event::{Cause, Causes, Observer};
use crate::footprint::FLASH_IS_SCARCE;
use crate::phase::Phase;
use crate::state::{Reading, State};
use crate::tally::{Record, Tally};
use crate::window::{MAX_COUNT, Tenure, Window};

/// What became of an outcome.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It changed nothing: the generation of its permit was over.
    Stale,
    /// It took effect.
    Counted,
    /// The breaker was handed over, so the outcome has yet to take effect on the
    /// successor.
    Late,
    /// The same, and it is already in the window of this breaker.
    LateRecorded,
}

impl Ended {
    pub(super) const fn is_late(self) -> bool {
        matches!(self, Self::Late | Self::LateRecorded)
    }
}

impl<W: Window, C: Clock, O: Observer, G: ConfigSource> Breaker<W, C, O, G> {
    /// Ends a call of `generation`.
    #[inline]
    pub(super) fn finish(&self, generation: u32, call: Record) -> Ended {
        let healthy = !call.counts_against() && self.word.load().is_healthy(generation);
        if healthy && self.window.try_success(self.tenure(generation), &self.reach()) {
            Ended::Counted
        } else if FLASH_IS_SCARCE {
            // One body serves both cases.
            self.count_unhealthy(generation, call)
        } else {
            self.count(generation, call, healthy)
        }
    }

    /// Ends a call of `generation` that succeeded, if nothing else has to be done for it.
    #[inline]
    pub(super) fn try_success(&self, generation: u32) -> bool {
        self.word.load().is_healthy(generation)
            && self.window.try_success(self.tenure(generation), &self.reach())
    }

    /// Ends a call of `generation` whose outcome changes something: any outcome but a
    /// success of a `healthy` breaker with a quiet window.
    #[inline(never)]
    fn count(&self, generation: u32, call: Record, healthy: bool) -> Ended {
        if !healthy {
            self.count_unhealthy(generation, call)
        } else if self.window.record(self.tenure(generation), &self.reach(), call).is_some() {
            Ended::Counted
        } else {
            self.uncounted(false)
        }
    }

    #[inline(never)]
    fn count_unhealthy(&self, generation: u32, call: Record) -> Ended {
        while let Some((state, reading)) = self.current(generation) {
            if state.is(Phase::HalfOpen) {
                if self.finish_probe(reading, state, call) {
                    return Ended::Counted;
                }
            } else if G::MANUAL_PHASES && state.is(Phase::Disabled) {
                return Ended::Counted;
            } else if G::MANUAL_PHASES && state.is(Phase::MetricsOnly) {
                return self.record_dry_run(generation, call, false);
            } else {
                return self.record(generation, call);
            }
        }
        self.uncounted(false)
    }

    /// Ends a call of `generation` whose outcome is already in the window, where its
    /// predecessor has recorded it.
    #[cold]
    pub(super) fn count_recorded(&self, generation: u32, call: Record, demanded: bool) -> Ended {
        let Some((state, _)) = self.current(generation) else {
            return self.uncounted(true);
        };
        let tally = self.window.tally(self.tenure(generation), &self.reach());
        if G::MANUAL_PHASES && state.is(Phase::MetricsOnly) {
            self.decide_dry_run(generation, call, tally, demanded)
        } else {
            self.decide(generation, call, tally)
        }
    }

    /// What became of an outcome that found its generation over.
    fn uncounted(&self, recorded: bool) -> Ended {
        match (self.is_retired(), recorded) {
            (false, _) => Ended::Stale,
            (true, false) => Ended::Late,
            (true, true) => Ended::LateRecorded,
        }
    }

    /// Ends a call of `generation` that demands an opening of `ticks`.
    #[cold]
    pub(super) fn demand(&self, generation: u32, slow: bool, ticks: u32) -> Ended {
        while let Some((state, _)) = self.current(generation) {
            if G::MANUAL_PHASES && state.is(Phase::MetricsOnly) {
                let call = Record { failed: true, slow, weight: 1 };
                return self.record_dry_run(generation, call, true);
            }
            let disabled = G::MANUAL_PHASES && state.is(Phase::Disabled);
            if disabled || self.open_for(state, ticks, Cause::Demanded) {
                return Ended::Counted;
            }
        }
        self.uncounted(false)
    }

    /// Ends a call of `generation` without counting it; a probe gives its place back.
    #[cold]
    pub(super) fn hand_back(&self, generation: u32) -> Ended {
        while let Some((state, reading)) = self.current(generation) {
            let probing = state.is(Phase::HalfOpen) && self.has_probe_out(state);
            if !probing || self.progress(reading, state, state.with_probe_back()) {
                return Ended::Counted;
            }
        }
        self.uncounted(false)
    }

    /// Returns the settled state if calls of `generation` still count in it, and what was
    /// read after it.
    #[inline(always)]
    fn current(&self, generation: u32) -> Option<(State, Reading)> {
        let place = self.place(generation);
        let Look { state, reading, .. } = self.refresh(generation);
        mem::forget(place);
        let refuses = state.is(Phase::Open)
            || G::MANUAL_PHASES && state.is(Phase::ForcedOpen)
            // Its generation may be that of a permit which the successor has given.
            || G::HANDS_OVER && state.is_retired();
        (state.generation() == generation && !refuses).then_some((state, reading))
    }

    /// Whether a probe is out. While the permit of a probe ends, this is false only if
    /// that permit is stale and the generation counter has wrapped round to its value.
    pub(super) fn has_probe_out(&self, state: State) -> bool {
        state.probes(self.config().judges_by_rate()).out > 0
    }

    /// Records a call in `Closed`, and trips the breaker if that meets a policy.
    fn record(&self, generation: u32, call: Record) -> Ended {
        match self.window.record(self.tenure(generation), &self.reach(), call) {
            Some(tally) => self.decide(generation, call, tally),
            None => self.uncounted(false),
        }
    }

    /// Trips the breaker in `Closed` if `call`, which entered the window with `tally`,
    /// meets a policy.
    #[inline(always)]
    fn decide(&self, generation: u32, call: Record, tally: Tally) -> Ended {
        let config = self.config();
        let met = config.met_by(tally, call, Causes::NONE);
        if met.is_none() && !config.counts_consecutive() {
            // A successor with the same window may have another policy that is met.
            return match self.uncounted(true) {
                Ended::Stale => Ended::Counted,
                late => late,
            };
        }
        let in_window = self.failures_left(tally);
        loop {
            let state = self.word.load();
            if state.generation() != generation {
                return self.uncounted(true);
            }
            let count = self.consecutive(state, call);
            let row = call.failed && config.met_by_consecutive(count, in_window);
            let done = match met.or(row.then_some(Cause::ConsecutiveFailures)) {
                Some(cause) => self.transit(state, state.trip(), cause),
                None => {
                    let counted = state.with_consecutive(count);
                    counted == state || self.word.swap(state, counted)
                }
            };
            if done {
                return Ended::Counted;
            }
        }
    }

    /// Records a call in `MetricsOnly`, and reports each policy that it newly meets.
    fn record_dry_run(&self, generation: u32, call: Record, demanded: bool) -> Ended {
        self.forget_recovered(generation);
        match self.window.record(self.tenure(generation), &self.reach(), call) {
            Some(tally) => self.decide_dry_run(generation, call, tally, demanded),
            None => self.uncounted(false),
        }
    }

    /// Forgets the reports of policies that time alone has ended, before another call can
    /// meet them again.
    fn forget_recovered(&self, generation: u32) {
        let state = self.word.load();
        let reported = state.reported();
        if state.generation() != generation || reported == Causes::NONE {
            return;
        }
        let met = self.still_met(self.tenure(generation), state.consecutive());
        // A demand is no policy: it has ended once a call did not make it.
        let still = reported.and(met.with(Cause::Demanded));
        if still != reported {
            // If this fails, another thread is at it.
            let _ = self.word.swap(state, state.with_reported(still));
        }
    }

    /// Reports each policy that `call`, which entered the window with `tally`, newly meets.
    #[inline(always)]
    fn decide_dry_run(&self, generation: u32, call: Record, tally: Tally, demanded: bool) -> Ended {
        let tenure = self.tenure(generation);
        let demands = if demanded { Causes::NONE.with(Cause::Demanded) } else { Causes::NONE };
        let mut stale = false;
        let update = self.word.update(|state| {
            stale = state.generation() != generation;
            if stale {
                return None;
            }
            let count = self.consecutive(state, call);
            let met = self.met(tally, call, count).or(demands);
            // A reported policy stays reported until it is no longer met, whatever the
            // last call was.
            let kept = match state.reported() {
                Causes::NONE => Causes::NONE,
                reported => reported.and(self.still_met(tenure, count)),
            };
            let next = state.with_consecutive(count).with_reported(met.or(kept));
            (next != state).then_some(next)
        });
        if let Some((from, to)) = update {
            for cause in to.reported().of_policies() {
                if !from.reported().has(cause) {
                    self.observer.would_trip(cause);
                }
            }
        }
        if stale { self.uncounted(true) } else { Ended::Counted }
    }

    /// The policies that are met now, whatever the last call was.
    fn still_met(&self, tenure: Tenure<'_>, consecutive: u32) -> Causes {
        let tally = self.window.tally(tenure, &self.reach());
        self.met(tally, Record { failed: true, slow: true, weight: 1 }, consecutive)
    }

    fn met(&self, tally: Tally, call: Record, consecutive: u32) -> Causes {
        self.config().all_met(tally, call, consecutive, self.failures_left(tally))
    }

    /// The failures still inside a time-based window; `None` if no check is needed,
    /// because failures in a row do not age, or because the window holds `MAX_COUNT`
    /// calls or more and so every failure that can be counted in a row is still inside.
    fn failures_left(&self, tally: Tally) -> Option<u32> {
        let ages = self.config().ages_consecutive();
        (ages && tally.calls < MAX_COUNT).then_some(tally.failed)
    }

    /// The failures in a row after `call`; 0 if they are not counted.
    fn consecutive(&self, state: State, call: Record) -> u32 {
        if call.failed && self.config().counts_consecutive() { state.consecutive() + 1 } else { 0 }
    }

    /// Counts a finished probe, and closes or reopens if that decides it. Returns false
    /// if the state is no longer `state`.
    fn finish_probe(&self, reading: Reading, state: State, call: Record) -> bool {
        if !self.has_probe_out(state) {
            return true;
        }
        let by_rate = self.config().judges_by_rate();
        let finished = state.with_probe_finished(by_rate, call);
        let (next, cause) = match self.config().judge(finished.probes(by_rate)) {
            Verdict::Undecided => return self.progress(reading, state, finished),
            Verdict::Close => (self.closing(state), Cause::ProbesSucceeded),
            Verdict::Reopen => (finished.reopen(by_rate), Cause::ProbesFailed),
        };
        self.transit_as_of(reading, state, next, cause)
    }
}
