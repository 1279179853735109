//! Which instance gets a call.

use std::time::Duration;

use microbreaker::Phase;

use super::instance::{Admitted, Instance};
use crate::breaker::Breaker;
use crate::error::Rejected;

/// One choice among instances.
pub(super) struct Choice<'a, T> {
    pub(super) instances: &'a [Instance<T>],
    /// Those at which this call has failed.
    pub(super) tried: &'a [Instance<T>],
    /// How many instances may be left out.
    pub(super) most_open: usize,
    pub(super) least_in_flight: bool,
}

/// What an instance is good for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Admits calls, or a share of them.
    Serving,
    /// Admits probes, unless all are out.
    Due,
    /// Refuses until its time is over.
    Open,
    /// Refuses until an operator says otherwise.
    ForcedOpen,
}

fn standing<T>(instance: &Instance<T>) -> Standing {
    match instance.breaker().phase() {
        Phase::Closed | Phase::Disabled | Phase::MetricsOnly => Standing::Serving,
        Phase::HalfOpen => Standing::Due,
        Phase::Open => Standing::Open,
        _ => Standing::ForcedOpen,
    }
}

/// An instance to ask, and whether to call it although its breaker may refuse.
type Candidate<'a, T> = (&'a Instance<T>, bool);

impl<'a, T> Choice<'a, T> {
    /// An instance that is due for a probe.
    pub(super) fn due(&self) -> Option<Admitted<T>> {
        self.standing(Standing::Due).find_map(Instance::admit)
    }

    /// The instance for a first attempt that is no probe. `turn` is the place of the call in
    /// the rotation.
    pub(super) fn first(&self, turn: usize) -> Option<Admitted<T>> {
        let anyway = self.anyway();
        self.in_turn(turn, self.serving().chain(anyway.iter().copied()))
    }

    /// The instance for a further attempt. A probe is more likely to fail than a call, so
    /// here it comes after them.
    pub(super) fn next(&self, turn: usize) -> Option<Admitted<T>> {
        let serving = self.in_turn(turn, self.serving()).or_else(|| self.due());
        serving.or_else(|| self.in_turn(turn, self.anyway().into_iter()))
    }

    /// For a call that those have refused whose turn it was: the best instance, if that many
    /// may not be left out; or else any that admits the call, all being asked.
    ///
    /// # Errors
    ///
    /// The refusal of the one that may be asked the soonest; `None` if there is no instance.
    pub(super) fn any(&self) -> Result<Admitted<T>, Option<Rejected>> {
        // They close gradually, or opened after `first` had seen them closed.
        if self.most_open < self.instances.len()
            && let Some(best) = self.instances.iter().min_by_key(|it| soonest(it.breaker()))
            && best.breaker().phase() != Phase::ForcedOpen
        {
            return Ok(best.admit_anyway());
        }
        let mut refusal: Option<Rejected> = None;
        for instance in self.instances {
            match instance.admit_or_refuse() {
                Ok(admitted) => return Ok(admitted),
                Err(rejected) => {
                    if refusal.as_ref().is_none_or(|best| wait(&rejected) < wait(best)) {
                        refusal = Some(rejected);
                    }
                }
            }
        }
        Err(refusal)
    }

    /// The instances that were not tried and are in this standing.
    fn standing(&self, wanted: Standing) -> impl Iterator<Item = &'a Instance<T>> + Clone {
        self.instances.iter().filter(move |it| standing(it) == wanted && !self.has_tried(it))
    }

    fn has_tried(&self, instance: &Instance<T>) -> bool {
        self.tried.iter().any(|tried| tried.is(instance))
    }

    fn serving(&self) -> impl Iterator<Item = Candidate<'a, T>> + Clone {
        self.standing(Standing::Serving).map(|instance| (instance, false))
    }

    /// The refusing instances that get calls nevertheless, because more are left out than
    /// may be: the soonest to be asked again.
    fn anyway(&self) -> Vec<Candidate<'a, T>> {
        let at_least = self.instances.len() - self.most_open;
        if at_least == 0 {
            return Vec::new();
        }
        let serving = self.instances.iter().filter(|it| standing(it) == Standing::Serving);
        let missing = at_least.saturating_sub(serving.count());
        if missing == 0 {
            return Vec::new();
        }
        let may = |it: &&Instance<T>| matches!(standing(it), Standing::Due | Standing::Open);
        let mut best: Vec<_> = self.instances.iter().filter(may).collect();
        best.sort_by_cached_key(|it| it.breaker().snapshot().retry_after.unwrap_or(Duration::ZERO));
        best.truncate(missing);
        best.into_iter().filter(|it| !self.has_tried(it)).map(|it| (it, true)).collect()
    }

    /// Asks the candidates until one admits the call, beginning with the one whose turn it
    /// is, or that has the fewest calls in progress.
    fn in_turn(
        &self,
        turn: usize,
        candidates: impl Iterator<Item = Candidate<'a, T>> + Clone,
    ) -> Option<Admitted<T>> {
        let count = candidates.clone().count();
        let ask = |(instance, anyway): Candidate<'a, T>| {
            instance.admit().or_else(|| anyway.then(|| instance.admit_anyway()))
        };
        let first = turn.checked_rem(count)?;
        if self.least_in_flight {
            let rotated = candidates.clone().cycle().skip(first).take(count);
            let least = rotated.min_by_key(|(instance, _)| instance.in_flight());
            if let Some(admitted) = least.and_then(ask) {
                return Some(admitted);
            }
        }
        // Where one that closes gradually refuses, the others take its place in turn.
        let round = turn / count;
        let others = (0..count - 1).map(|i| first + 1 + (round + i) % (count - 1));
        let order = std::iter::once(first).chain(others).map(|place| place % count);
        order.filter_map(|place| candidates.clone().nth(place)).find_map(ask)
    }
}

/// How soon it is worth asking a breaker again, as something to compare.
type Wait = (bool, Duration, bool);

fn wait(rejected: &Rejected) -> Wait {
    wait_in(rejected.phase(), rejected.retry_after())
}

fn soonest(breaker: &Breaker) -> Wait {
    let snapshot = breaker.snapshot();
    wait_in(snapshot.phase, snapshot.retry_after)
}

fn wait_in(phase: Phase, wait: Option<Duration>) -> Wait {
    match phase {
        // One that closes gradually may admit the next call.
        Phase::Closed => (false, Duration::ZERO, false),
        phase => (wait.is_none(), wait.unwrap_or_default(), phase == Phase::ForcedOpen),
    }
}
