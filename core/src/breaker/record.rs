//! Ending calls: recording outcomes, and the transitions they cause.

use core::borrow::Borrow;

use super::{Breaker, Standing};
use crate::clock::Clock;
use crate::config::{Config, MAX_COUNT, Verdict};
use crate::event::{Cause, Observer, Outcome};
use crate::phase::Phase;
use crate::state::State;
use crate::window::{Call, Kind, Tally, Tenure, Window};

impl<W: Window, C: Clock, O: Observer, G: Borrow<Config>> Breaker<W, C, O, G> {
    /// Ends a call of `generation` that is not a fast success of a healthy
    /// breaker. False if the outcome is stale.
    #[cold]
    pub(super) fn complete_unhealthy(&self, generation: u8, outcome: Outcome, call: Call) -> bool {
        loop {
            let state = self.settled();
            if state.generation() != generation {
                return false;
            }
            let done = match (state.phase(), outcome) {
                (Phase::Closed | Phase::MetricsOnly, Outcome::Ignored) => true,
                (Phase::Closed, Outcome::FailureOpenFor(ticks)) => {
                    self.open_for(state, ticks, Cause::Demanded)
                }
                (Phase::Closed | Phase::MetricsOnly, _) => {
                    return self.record(generation, outcome, call);
                }
                (Phase::HalfOpen, _) => match self.standing(state) {
                    Standing::Overdue => {
                        self.expire(state);
                        false
                    }
                    _ => self.probed(state, outcome, call),
                },
                (Phase::Disabled, _) => true,
                (Phase::Open | Phase::ForcedOpen, _) => return false,
            };
            if done {
                return true;
            }
        }
    }

    /// Records a call in `Closed`, and trips if that meets a policy; or in
    /// `MetricsOnly`, and reports if that would have tripped.
    fn record(&self, generation: u8, outcome: Outcome, call: Call) -> bool {
        let config = self.config();
        let tenure = self.tenure(generation);
        let Some(tally) = self.window.record(tenure, &self.span(), call) else { return false };
        let demanded = matches!(outcome, Outcome::FailureOpenFor(_)).then_some(Cause::Demanded);
        let met = demanded.or(config.met_by(tally, call));
        let in_window = Self::failures_left(tally);
        let mut stale = false;
        let update = self.word.update(|state| {
            stale = state.generation() != generation;
            if stale {
                return None;
            }
            let count = self.consecutive(state, call);
            let met = met.is_some() || call.failed && config.met_by_consecutive(count, in_window);
            let next = match state.phase() {
                Phase::Closed if met => state.open(),
                Phase::MetricsOnly => {
                    let met = met || state.is_reported() && !self.has_recovered(tenure, count);
                    state.with_consecutive(count).with_reported(met)
                }
                _ => state.with_consecutive(count),
            };
            (next != state).then_some(next)
        });
        if let Some((from, to)) = update {
            let cause = met.unwrap_or(Cause::ConsecutiveFailures);
            if to.phase() == Phase::Open {
                self.entered(from, to, cause, 0);
            } else if to.phase() == Phase::MetricsOnly && to.is_reported() && !from.is_reported() {
                self.observer.would_trip(cause);
            }
        }
        !stale
    }

    /// Whether no policy is met any more, whatever the last call was.
    fn has_recovered(&self, tenure: Tenure<'_>, consecutive: u32) -> bool {
        let tally = self.window.tally(tenure, &self.span());
        let in_window = Self::failures_left(tally);
        let either = Call { failed: true, slow: true };
        self.config().met_by(tally, either).is_none()
            && !self.config().met_by_consecutive(consecutive, in_window)
    }

    /// Failures that a window by time still holds, unless it holds so many calls
    /// that the last ones, as many as may be counted in a row, are among them.
    fn failures_left(tally: Tally) -> Option<u32> {
        let by_time = matches!(W::KIND, Kind::Time { .. });
        (by_time && tally.calls < MAX_COUNT).then_some(tally.failed)
    }

    /// Failures in a row after `call`, where they are counted.
    fn consecutive(&self, state: State, call: Call) -> u32 {
        if call.failed && self.config().counts_consecutive() { state.consecutive() + 1 } else { 0 }
    }

    /// Counts a probe, and decides if that settles it. False if `state` was no
    /// longer the state.
    fn probed(&self, state: State, outcome: Outcome, call: Call) -> bool {
        let config = self.config();
        let by_rate = config.judges_by_rate();
        let mut probes = state.probes(by_rate);
        if probes.out == 0 {
            // Only a permit that outlived a whole period of generations.
            return true;
        }
        match outcome {
            Outcome::FailureOpenFor(ticks) => return self.open_for(state, ticks, Cause::Demanded),
            Outcome::Ignored => {
                probes.out -= 1;
                return self.word.swap(state, state.with_probes(by_rate, probes));
            }
            Outcome::Success | Outcome::Failure => {}
        }
        let probes = config.with_finished(probes, call);
        match config.judge(probes) {
            Verdict::Close => self.transit(state, self.closing(state), Cause::ProbesSucceeded),
            Verdict::Reopen => {
                self.transit(state, state.reopen(by_rate, probes), Cause::ProbesFailed)
            }
            Verdict::Undecided => self.word.swap(state, state.with_probes(by_rate, probes)),
        }
    }
}
