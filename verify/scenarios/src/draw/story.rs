//! What the picture of a replay shows, with its x coordinates.

use microbreaker::Phase;

use super::scale::Scale;
use crate::case::{Case, Op, Rule};
use crate::replay::Frame;
use crate::subject::Seen;

/// A phase, from one x to another.
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
    /// The call has not ended.
    Pending,
}

/// A call, from one x to another.
pub(super) struct Call {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) mark: Mark,
    pub(super) slow: bool,
    /// It ended too late to count.
    pub(super) stale: bool,
}

/// A quantity that a policy watches, against time.
pub(super) struct Meter {
    pub(super) name: &'static str,
    pub(super) limit: Option<f64>,
    pub(super) top: f64,
    pub(super) unit: &'static str,
    /// A run of points for each time span in which the quantity is watched.
    pub(super) runs: Vec<Vec<(f64, f64)>>,
}

/// One look at the breaker.
struct Look {
    x: f64,
    tick: u64,
    seen: Seen,
    /// Failures in a row, including the one that just tripped the breaker.
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
        let step = &case.steps[index];
        let tripped = step.op.is_finish() && step.arg.is_none() && after.seen.phase == Phase::Open;
        let before = looks.last().filter(|look| tripped && look.seen.phase == Phase::Closed);
        let streak = before.map_or(after.seen.consecutive, |look| look.seen.consecutive + 1);
        looks.push(Look { x: scale.step(index), tick: step.at, seen: after.seen, streak });
        looks.extend(frame.gap.iter().map(|&(tick, seen)| Look {
            x: scale.between(index, tick),
            tick,
            seen,
            streak: seen.consecutive,
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
    let is_stale = |index: usize| frames[index].after.as_ref().is_ok_and(|after| after.stale);
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
            stale: is_stale(end),
        });
    }
    calls
}

/// Whose outcomes a meter shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Calls,
    Probes,
}

impl Source {
    /// Whether those outcomes are watched in `phase`.
    fn is_watched(self, phase: Phase) -> bool {
        match self {
            Self::Calls => matches!(phase, Phase::Closed | Phase::MetricsOnly),
            Self::Probes => phase == Phase::HalfOpen,
        }
    }
}

fn meters(case: &Case, looks: &[Look], end: f64) -> Vec<Meter> {
    let config = &case.config;
    let half_open = &config.half_open;
    let by_need = half_open.rule == Rule::NeedOf;
    let needed = half_open.need.filter(|_| by_need && half_open.permits > 1);
    let judged_rate = config.failure_rate.filter(|_| !by_need);
    // A throttle starts to refuse when this share of calls has failed or been refused.
    let refusing =
        config.throttle.map(|throttle| 100.0 - 1_000.0 / f64::from(throttle.multiplier_tenths));

    let streak = |look: &Look| f64::from(look.streak);
    let level = |look: &Look| f64::from(look.seen.tally.level);
    let failed = |look: &Look| f64::from(look.seen.tally.failed);
    let succeeded =
        |look: &Look| f64::from(look.seen.tally.calls.saturating_sub(look.seen.tally.failed));
    let rate = |look: &Look, bad: u32| {
        let percent = f64::from(bad) * 100.0 / f64::from(look.seen.tally.calls);
        if look.seen.rated { percent } else { 0.0 }
    };
    let failure_rate = |look: &Look| rate(look, look.seen.tally.failed);
    let slow_rate = |look: &Look| rate(look, look.seen.tally.slow);

    let limit = config.leaky_bucket.map(|bucket| f64::from(bucket.limit));
    type Value<'a> = &'a dyn Fn(&Look) -> f64;
    let all: [(Option<f64>, &str, &str, Source, Value<'_>); 8] = [
        (
            config.consecutive_failures.map(f64::from),
            "failures in a row",
            "",
            Source::Calls,
            &streak,
        ),
        (config.failure_count.map(f64::from), "failures in window", "", Source::Calls, &failed),
        (limit, "level of the bucket", "", Source::Calls, &level),
        (config.failure_rate, "failure rate", "%", Source::Calls, &failure_rate),
        (config.slow_rate, "slow-call rate", "%", Source::Calls, &slow_rate),
        (refusing, "failed or refused", "%", Source::Calls, &failure_rate),
        (needed.map(f64::from), "probes succeeded", "", Source::Probes, &succeeded),
        (judged_rate, "probes' failure rate", "%", Source::Probes, &failure_rate),
    ];
    let meters = all.into_iter().filter_map(|(limit, name, unit, source, value)| {
        let limit = limit?;
        // The breaker closes with the last success that is needed.
        let at_close = (source == Source::Probes && unit.is_empty()).then_some(limit);
        let runs = runs(looks, end, value, at_close, source);
        let most = runs.iter().flatten().map(|&(_, value)| value).fold(limit, f64::max);
        let top = if unit == "%" { 100.0 } else { most };
        Some(Meter { name, limit: Some(limit), top, unit, runs })
    });
    let meters = meters.chain(ramp(case, looks, end));
    // A meter that stays at 0 would only confuse.
    meters.filter(|meter| meter.runs.iter().flatten().any(|&(_, value)| value > 0.0)).collect()
}

/// The share of calls admitted after closing.
fn ramp(case: &Case, looks: &[Look], end: f64) -> Option<Meter> {
    let ramp = case.config.ramp.as_ref()?;
    let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
    let (mut before, mut since) = (None, None);
    for look in looks {
        let phase = look.seen.phase;
        if phase != Phase::Closed {
            since = None;
        } else if before == Some(Phase::HalfOpen) {
            since = Some(look.tick);
            runs.push(Vec::new());
        }
        if let Some((since, run)) = since.zip(runs.last_mut()) {
            let step = (look.tick.saturating_sub(since) / u64::from(ramp.step.max(1))) as usize;
            run.push((look.x, ramp.shares.get(step).map_or(100.0, |&share| share.into())));
        }
        before = Some(phase);
    }
    if let Some(run) = runs.last_mut().filter(|_| since.is_some()) {
        run.push((end, run[run.len() - 1].1));
    }
    Some(Meter { name: "calls admitted", limit: None, top: 100.0, unit: "%", runs })
}

/// The values while `source` is watched, and the last one when that ends.
fn runs(
    looks: &[Look],
    end: f64,
    value: &dyn Fn(&Look) -> f64,
    at_close: Option<f64>,
    source: Source,
) -> Vec<Vec<(f64, f64)>> {
    let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut was_watched = false;
    for look in looks {
        let is_watched = source.is_watched(look.seen.phase);
        if is_watched && !was_watched {
            runs.push(Vec::new());
        }
        let value = match look.seen.phase {
            _ if is_watched => Some(value(look)),
            Phase::Open if was_watched => Some(value(look)),
            Phase::Closed if was_watched => at_close,
            _ => None,
        };
        if let Some((run, value)) = runs.last_mut().zip(value) {
            run.push((look.x, value));
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
