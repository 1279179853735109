//! Replays cases and reports the results.

use std::fmt;
use std::rc::Rc;

use microbreaker::{Throttle, ThrottleConfig, clock::ManualClock};
use microbreaker_model::AnyTimeWindow;
use microbreaker_model::real::{self, SharedClock};
use microbreaker_model::{Model, Settings, Window};

use crate::case::{self, Case, Rule, Step};
use crate::expect::Finding;
use crate::replay::{Frame, replay};
use crate::settings::{approximation, settings};
use crate::subject::{ModelSubject, RealSubject, ThrottleSubject, Ticks};

/// The result of a case.
#[derive(Debug)]
pub enum Verdict {
    Passed,
    Failed(Failure),
    /// The design rules the case out, for this reason.
    Skipped(String),
}

/// The first step whose expectations the breaker or the model did not meet.
#[derive(Debug)]
pub struct Failure {
    /// Counted from 1.
    pub step: usize,
    /// The step in describe.
    what: String,
    findings: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {}", self.step, self.what)?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n    {finding}"))
    }
}

/// Replays `case` on the real breaker and on the model.
pub fn check(case: &Case) -> Verdict {
    let mut runs = match on_breaker(case, 0) {
        Ok(frames) => vec![("breaker", frames)],
        Err(reason) => return Verdict::Skipped(reason),
    };
    // The throttle has no model.
    if case.config.throttle.is_none() {
        match on_model(case) {
            Ok(frames) => runs.push(("model", frames)),
            Err(reason) => return Verdict::Skipped(reason),
        }
    }
    let half_open = &case.config.half_open;
    let judged_after = half_open.evaluate_after.filter(|_| half_open.rule == Rule::Rate);
    for (index, step) in case.steps.iter().enumerate() {
        let findings =
            runs.iter().flat_map(|(who, frames)| compare(who, &frames[index], step, judged_after));
        let mut findings: Vec<_> = findings.collect();
        if !findings.is_empty() {
            findings.extend(approximation(case));
            return Verdict::Failed(Failure { step: index + 1, what: describe(step), findings });
        }
    }
    Verdict::Passed
}

/// Replays `case` on the real breaker, and looks at it `looks` times between two steps.
pub(crate) fn on_breaker(case: &Case, looks: u64) -> Result<Vec<Frame>, String> {
    let settings = settings(case)?;
    let clock = Rc::new(ManualClock::new(0));
    if let Some(throttle) = case.config.throttle {
        return on_throttle(case, throttle, &settings, clock, looks);
    }
    let breaker = real::breaker(&settings, clock.clone())
        .map_err(|error| format!("the breaker refuses this configuration: {error}"))?;
    Ok(replay(case, &mut RealSubject::new(breaker.as_ref(), clock), looks))
}

fn on_throttle(
    case: &Case,
    config: case::Throttle,
    settings: &Settings,
    clock: SharedClock,
    looks: u64,
) -> Result<Vec<Frame>, String> {
    let case::Throttle { multiplier_tenths, cap, seed } = config;
    let config = ThrottleConfig::new(seed).multiplier_tenths(multiplier_tenths).cap(cap);
    let Window::Time { buckets, ticks } = settings.window else {
        return Err("a throttle is replayed with a time-based window".into());
    };
    let window = AnyTimeWindow::<true>::new(buckets);
    let throttle = Throttle::try_new(config.bucket(ticks), window, Ticks(clock.clone()), ());
    let throttle =
        throttle.map_err(|error| format!("the throttle refuses this configuration: {error}"))?;
    Ok(replay(case, &mut ThrottleSubject::new(&throttle, clock), looks))
}

fn on_model(case: &Case) -> Result<Vec<Frame>, String> {
    Ok(replay(case, &mut ModelSubject::new(Model::new(settings(case)?)), 0))
}

/// The expectations that are not met, in describe.
fn compare(who: &str, frame: &Frame, step: &Step, judged_after: Option<u32>) -> Vec<String> {
    let findings = match &frame.after {
        Ok(after) => after.findings(&step.expect, judged_after),
        Err(error) => return vec![format!("{who}: {error}")],
    };
    let unmet = findings.into_iter().filter(|finding| !finding.met);
    let say = |Finding { field, expected, got, .. }| {
        format!("{field}: expected {expected}, {who} has {got}")
    };
    unmet.map(say).collect()
}

fn describe(step: &Step) -> String {
    let call = step.call.as_ref().map(|call| format!(" {call}")).unwrap_or_default();
    let arg = step.arg.map(|arg| format!(" for {arg} ticks")).unwrap_or_default();
    format!("{:?}{call}{arg} at tick {}", step.op, step.at)
}
