//! Compares the state after a step with what the step expects.

use std::collections::BTreeMap;
use std::fmt::Debug;

use microbreaker::Phase;

use crate::case::{Admit, Event, Expect, Move};
use crate::subject::Seen;

/// The state after a step.
pub(crate) struct After {
    pub(crate) seen: Seen,
    /// The answer to an `acquire`.
    pub(crate) admitted: Option<Result<(), Option<u64>>>,
    /// Whether the step was a command and was refused.
    pub(crate) refused: bool,
    /// Whether the step ended a call too late to count.
    pub(crate) stale: bool,
    pub(crate) rejected: u32,
    pub(crate) moves: Vec<Move>,
    pub(crate) events: BTreeMap<Event, u32>,
}

/// An expectation, and the actual value.
pub(crate) struct Finding {
    pub(crate) field: &'static str,
    pub(crate) expected: String,
    pub(crate) got: String,
    pub(crate) met: bool,
}

impl After {
    /// Compares each expectation with the actual value. `judged_after` is the number of
    /// probes after which half-open is judged by rate, if it is.
    pub(crate) fn findings(&self, expect: &Expect, judged_after: Option<u32>) -> Vec<Finding> {
        let Seen { phase, tally, rated, .. } = self.seen;
        let mut findings = Findings(Vec::new());
        let admit = self.admitted.map(|answer| match answer {
            Ok(()) => Admit::Admitted.name(),
            Err(_) => Admit::Rejected.name(),
        });
        findings.equal("admit", expect.admit.map(|admit| Some(admit.name())), admit);
        findings.equal("state", expect.state.map(Phase::name), phase.name());
        findings.equal("calls", expect.calls, tally.calls);
        findings.equal("failed", expect.failed, tally.failed);
        findings.equal("slow", expect.slow, tally.slow);
        findings.equal("level", expect.level, tally.level);
        let rate = |bad: u32| {
            let percent = f64::from(bad) * 100.0 / f64::from(tally.calls);
            (rated && tally.calls > 0).then_some(percent)
        };
        // Before the verdict, a case may say that the probes have no rate yet.
        let early = phase == Phase::HalfOpen && judged_after.is_some_and(|n| tally.calls < n);
        findings.rate("failure_rate", expect.failure_rate, rate(tally.failed), early);
        findings.rate("slow_rate", expect.slow_rate, rate(tally.slow), early);
        findings.equal("rejected", expect.rejected, self.rejected);
        self.wait(&mut findings, expect);
        self.transitions(&mut findings, expect);
        if let Some(events) = &expect.events {
            let got = events.keys().map(|event| (*event, self.count(*event))).collect();
            findings.add("events", events, &got, *events == got);
        }
        findings.equal("error", expect.error, self.refused);
        findings.0
    }

    fn wait(&self, findings: &mut Findings, expect: &Expect) {
        let Some(expected) = expect.retry_after else { return };
        let got = match self.admitted {
            Some(Err(wait)) => wait,
            _ => self.seen.retry_after,
        };
        // Where there is nothing to wait for, `None` and 0 mean the same.
        let waits = !matches!(self.seen.phase, Phase::Open | Phase::ForcedOpen);
        let same = expected == got || waits && expected.unwrap_or(0) == got.unwrap_or(0);
        findings.add("retry_after", &expected, &got, same);
    }

    /// A case may list a phase that began by itself before any call has noticed it.
    fn transitions(&self, findings: &mut Findings, expect: &Expect) {
        let Some(expected) = &expect.transitions else { return };
        let mut eager = self.moves.clone();
        let last = eager.last().map(|step| step.to);
        if let Some(from) = last.filter(|&phase| phase != self.seen.phase) {
            eager.push(Move { from, to: self.seen.phase });
        }
        let same = *expected == self.moves || *expected == eager;
        findings.add("transitions", expected, &self.moves, same);
    }

    fn count(&self, event: Event) -> u32 {
        self.events.get(&event).copied().unwrap_or(0)
    }
}

struct Findings(Vec<Finding>);

impl Findings {
    fn equal<T: Debug + PartialEq>(&mut self, field: &'static str, expected: Option<T>, got: T) {
        if let Some(expected) = expected {
            self.add(field, &expected, &got, expected == got);
        }
    }

    /// Rates are written with one decimal place.
    fn rate(
        &mut self,
        field: &'static str,
        expected: Option<Option<f64>>,
        got: Option<f64>,
        early: bool,
    ) {
        let Some(expected) = expected else { return };
        let same = match (expected, got) {
            // Cases may round either way: 6.25 to 6.2 or to 6.3.
            (Some(expected), Some(got)) => (expected - got).abs() <= 0.05 + 1e-9,
            (None, got) => early || got.is_none(),
            (Some(_), None) => false,
        };
        self.add(field, &expected, &got, same);
    }

    fn add<T: Debug>(&mut self, field: &'static str, expected: &T, got: &T, met: bool) {
        let (expected, got) = (plain(expected), plain(got));
        self.0.push(Finding { field, expected, got, met });
    }
}

/// A value, roughly as it is written in a case.
fn plain(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    let inner = text.strip_prefix("Some(").and_then(|text| text.strip_suffix(')'));
    match inner.unwrap_or(&text) {
        "None" => "null".into(),
        text => text.into(),
    }
}
