//! What there is to see in a replay, in terms of a picture's x.

use microbreaker::Phase;

use super::scale::Scale;
use crate::case::{Case, Op, Rule};
use crate::replay::Frame;
use crate::subject::Seen;

/// A phase from an x to another.
pub(super) struct Span {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) phase: Phase,
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Success,
    Failure,
    Neutral,
    Refused,
    /// It has not ended.
    Pending,
}

/// A call from an x to another.
pub(super) struct Call {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) mark: Mark,
    pub(super) slow: bool,
    /// The phase it began in was over.
    pub(super) stale: bool,
}

/// A quantity that a policy looks at.
pub(super) struct Meter {
    pub(super) name: &'static str,
    pub(super) limit: f64,
    pub(super) top: f64,
    pub(super) unit: &'static str,
    /// Runs of points: while there is something to look at.
    pub(super) runs: Vec<Vec<(f64, f64)>>,
}

/// One look at the breaker.
struct Look {
    x: f64,
    seen: Seen,
    /// What the call that just ended added to a streak that has ended too.
    streak: u32,
}

pub(super) struct Story {
    pub(super) spans: Vec<Span>,
    pub(super) calls: Vec<Call>,
    pub(super) meters: Vec<Meter>,
}

impl Story {
    pub(super) fn new(case: &Case, frames: &[Frame], scale: &Scale) -> Self {
        let looks = looks(case, frames, scale);
        Self {
            spans: spans(&looks, scale.end()),
            calls: calls(case, frames, scale),
            meters: meters(case, &looks, scale.end()),
        }
    }
}

fn looks(case: &Case, frames: &[Frame], scale: &Scale) -> Vec<Look> {
    let mut looks: Vec<Look> = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        let Ok(after) = &frame.after else { break };
        let failed = matches!(case.steps[index].op, Op::Failure | Op::Panic);
        let before = looks.last().map_or(0, |look| look.seen.consecutive);
        let streak = if failed { before + 1 } else { 0 };
        looks.push(Look { x: scale.step(index), seen: after.seen, streak });
        looks.extend(frame.gap.iter().map(|&(tick, seen)| Look {
            x: scale.between(index, tick),
            seen,
            streak: 0,
        }));
    }
    looks
}

fn spans(looks: &[Look], end: f64) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for look in looks {
        match spans.last_mut() {
            Some(span) if span.phase == look.seen.phase => span.to = look.x,
            last => {
                if let Some(span) = last {
                    span.to = look.x;
                }
                spans.push(Span { from: look.x, to: look.x, phase: look.seen.phase });
            }
        }
    }
    if let Some(span) = spans.last_mut() {
        span.to = end;
    }
    spans
}

fn calls(case: &Case, frames: &[Frame], scale: &Scale) -> Vec<Call> {
    let slow_after = case.config.slow_after.filter(|_| case.config.slow_rate.is_some());
    let tenure = |index: usize| frames[index].after.as_ref().map_or(0, |after| after.moves.len());
    let mut calls = Vec::new();
    for (index, step) in case.steps.iter().enumerate().take(frames.len()) {
        let Ok(after) = &frames[index].after else { break };
        let Some(answer) = after.admitted else { continue };
        let from = scale.step(index);
        if answer.is_err() {
            calls.push(Call { from, to: from, mark: Mark::Refused, slow: false, stale: false });
            continue;
        }
        let rest = case.steps.iter().enumerate().take(frames.len()).skip(index + 1);
        let mut rest = rest.filter(|(_, next)| next.call == step.call && next.op.is_finish());
        let Some((end, finish)) = rest.next().filter(|_| step.call.is_some()) else {
            let to = scale.end();
            calls.push(Call { from, to, mark: Mark::Pending, slow: false, stale: false });
            continue;
        };
        let took = finish.dur.unwrap_or(finish.at.saturating_sub(step.at));
        calls.push(Call {
            from,
            to: scale.step(end),
            mark: match finish.op {
                Op::Success => Mark::Success,
                Op::Failure | Op::Panic => Mark::Failure,
                _ => Mark::Neutral,
            },
            slow: slow_after.is_some_and(|after| took > after),
            stale: tenure(end - 1) != tenure(index),
        });
    }
    calls
}

fn meters(case: &Case, looks: &[Look], end: f64) -> Vec<Meter> {
    let config = &case.config;
    let mut meters = Vec::new();
    let mut add = |name, limit: Option<u32>, unit, value: &dyn Fn(&Look) -> f64, probes: bool| {
        let Some(limit) = limit.map(f64::from) else { return };
        let watched = move |phase| {
            if probes {
                phase == Phase::HalfOpen
            } else {
                matches!(phase, Phase::Closed | Phase::MetricsOnly)
            }
        };
        let runs = runs(looks, end, value, &watched);
        let most = runs.iter().flatten().map(|&(_, value)| value).fold(limit, f64::max);
        let top = if unit == "%" { 100.0 } else { most };
        meters.push(Meter { name, limit, top, unit, runs });
    };
    let streak = |look: &Look| f64::from(look.seen.consecutive.max(look.streak));
    add("failures in a row", config.consecutive_failures, "", &streak, false);
    let failed = |look: &Look| f64::from(look.seen.tally.failed);
    add("failures in window", config.failure_count, "", &failed, false);
    let rate = |look: &Look, bad: u32| {
        let percent = f64::from(bad) * 100.0 / f64::from(look.seen.tally.calls);
        if look.seen.rated { percent } else { 0.0 }
    };
    let failure_rate = |look: &Look| rate(look, look.seen.tally.failed);
    add("failure rate", config.failure_rate, "%", &failure_rate, false);
    let slow_rate = |look: &Look| rate(look, look.seen.tally.slow);
    add("slow-call rate", config.slow_rate, "%", &slow_rate, false);
    let half_open = &config.half_open;
    match half_open.rule {
        Rule::NeedOf if half_open.permits > 1 => {
            let succeeded = |look: &Look| {
                let tally = look.seen.tally;
                f64::from(tally.calls.saturating_sub(tally.failed))
            };
            add("probes succeeded", half_open.need, "", &succeeded, true);
        }
        Rule::Rate => add("probes' failure rate", config.failure_rate, "%", &failure_rate, true),
        Rule::NeedOf => {}
    }
    // A meter that never had anything to show would only confuse.
    meters.retain(|meter| meter.runs.iter().flatten().any(|&(_, value)| value > 0.0));
    meters
}

/// The values while the phase is one in which they are `watched`, and what the
/// last of them came to as that ended.
fn runs(
    looks: &[Look],
    end: f64,
    value: &dyn Fn(&Look) -> f64,
    watched: &dyn Fn(Phase) -> bool,
) -> Vec<Vec<(f64, f64)>> {
    let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut was_watched = false;
    for look in looks {
        let is_watched = watched(look.seen.phase);
        if is_watched && !was_watched {
            runs.push(Vec::new());
        }
        let ended = was_watched && !is_watched && look.seen.phase == Phase::Open;
        if let Some(run) = runs.last_mut().filter(|_| is_watched || ended) {
            run.push((look.x, value(look)));
        }
        was_watched = is_watched;
    }
    if let Some(run) = runs.last_mut().filter(|_| was_watched)
        && let Some(&(_, value)) = run.last()
    {
        run.push((end, value));
    }
    runs
}
