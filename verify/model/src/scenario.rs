//! Prints a history as a scenario: a table of steps in JSON, for `cargo xtask scenarios`.

use std::fmt::Write;

use microbreaker::{AfterProbeTimeout, Leak, Phase};

use crate::settings::{Backoff, Jitter, ProbeTimeout, Ramp, Ratio, Settings, Window};

/// A step, and what the model expects after it.
#[derive(Clone, Debug)]
pub struct Line {
    /// The tick, not wrapped; negative if the clock stepped back past 0.
    pub at: i64,
    pub op: &'static str,
    pub call: Option<u64>,
    pub dur: Option<u32>,
    pub arg: Option<u32>,
    pub weight: Option<u8>,
    pub admitted: Option<bool>,
    pub state: Phase,
}

/// The scenario of `lines` with `settings`.
///
/// A few settings have no field in the scenarios' schema; they are written
/// under their own names.
pub fn json(settings: &Settings, lines: &[Line]) -> String {
    let steps: Vec<String> = lines.iter().map(step).collect();
    let config = object(&config(settings));
    format!(
        r#"{{"id": "P", "title": "found at random", "config": {config}, "steps": [{}]}}"#,
        steps.join(", ")
    )
}

type Entry = (&'static str, Option<String>);

/// The entries that have a value.
fn object(entries: &[Entry]) -> String {
    let mut text = String::new();
    for (key, value) in entries {
        if let Some(value) = value {
            let comma = if text.is_empty() { "" } else { ", " };
            write!(text, r#"{comma}"{key}": {value}"#).expect("writing to a String cannot fail");
        }
    }
    format!("{{{text}}}")
}

fn number<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn step(line: &Line) -> String {
    let admitted = |yes| if yes { r#""admitted""# } else { r#""rejected""# }.to_owned();
    let expect = object(&[
        ("admit", line.admitted.map(admitted)),
        ("state", Some(format!(r#""{}""#, line.state))),
    ]);
    object(&[
        ("at", Some(line.at.to_string())),
        ("op", Some(format!(r#""{}""#, line.op))),
        ("call", line.call.map(|call| format!(r#""c{call}""#))),
        ("dur", number(line.dur)),
        ("arg", number(line.arg)),
        ("weight", number(line.weight)),
        ("expect", Some(expect)),
    ])
}

fn config(settings: &Settings) -> Vec<Entry> {
    let window = match settings.window {
        Window::None => r#"{"kind": "consecutive"}"#.to_owned(),
        Window::Count(calls) => format!(r#"{{"kind": "count", "size": {calls}}}"#),
        Window::Time { buckets, ticks } => by_time("time", buckets, ticks),
        Window::Failures { buckets, ticks } => by_time("failures", buckets, ticks),
    };
    let fraction = |Ratio { part, whole }, of| f64::from(part) * of / f64::from(whole);
    let backoff = |Backoff { factor, max }| {
        format!(r#"{{"factor": {}, "max": {max}}}"#, fraction(factor, 1.0))
    };
    let rate = |rate: Option<Ratio>| rate.map(|rate| fraction(rate, 100.0).to_string());
    let jitter = |Jitter { percent, seed }| format!(r#"{{"percent": {percent}, "seed": {seed}}}"#);
    let bucket = |leak: Leak| {
        let (up, down, limit) = (leak.up(), leak.down(), leak.limit());
        format!(r#"{{"up": {up}, "down": {down}, "limit": {limit}}}"#)
    };
    let ramp =
        |Ramp { shares, step }: &Ramp| format!(r#"{{"shares": {shares:?}, "step": {step}}}"#);
    vec![
        ("window", Some(window)),
        ("consecutive_failures", number(settings.consecutive_failures)),
        ("failure_count", number(settings.failures_in_window)),
        ("failure_rate", rate(settings.failure_rate)),
        ("slow_rate", rate(settings.slow_rate)),
        ("slow_after", number(settings.slow_after)),
        ("leaky_bucket", settings.leaky_bucket.map(bucket)),
        ("min_calls", Some(settings.min_calls.to_string())),
        ("open_for", Some(settings.open_for.to_string())),
        ("backoff", settings.backoff.map(backoff)),
        ("half_open", Some(object(&half_open(settings)))),
        ("jitter", settings.jitter.map(jitter)),
        ("ramp", settings.ramp.as_ref().map(ramp)),
        ("abandoned", Some(format!(r#""{:?}""#, settings.abandoned))),
    ]
}

fn by_time(kind: &str, buckets: u32, ticks: u32) -> String {
    let size = buckets * ticks;
    format!(r#"{{"kind": "{kind}", "size": {size}, "buckets": {buckets}}}"#)
}

fn half_open(settings: &Settings) -> Vec<Entry> {
    let reuse = settings.reuse_probes_until;
    let of = reuse.unwrap_or(settings.probes);
    let by_need = settings.probe_rate_after.is_none();
    let need = by_need.then(|| settings.successes.unwrap_or(of));
    let probe_timeout = match settings.probe_timeout {
        ProbeTimeout::OpenFor => Some(settings.open_for),
        ProbeTimeout::Ticks(ticks) => Some(ticks),
        ProbeTimeout::Never => None,
    };
    let wait = settings.longest_half_open;
    let (max_wait, max_wait_to, reprobe_every) = match settings.after_probe_timeout {
        AfterProbeTimeout::Open => (wait, wait.map(|_| r#""open""#.to_owned()), None),
        AfterProbeTimeout::Close => (wait, wait.map(|_| r#""closed""#.to_owned()), None),
        AfterProbeTimeout::FreshProbes => (None, None, wait),
    };
    let scope = if reuse.is_some() { r#""inflight""# } else { r#""episode""# };
    let rule = if by_need { r#""need_of""# } else { r#""rate""# };
    vec![
        ("permits", Some(settings.probes.to_string())),
        ("scope", Some(scope.to_owned())),
        ("rule", Some(rule.to_owned())),
        ("need", number(need)),
        ("of", number(by_need.then_some(of))),
        ("evaluate_after", number(settings.probe_rate_after)),
        ("probe_timeout", number(probe_timeout)),
        ("max_wait", number(max_wait)),
        ("max_wait_to", max_wait_to),
        ("reprobe_every", number(reprobe_every)),
    ]
}
