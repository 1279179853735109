//! Turns a case's configuration into the breaker's.

use microbreaker::{AfterProbeTimeout, Leak};
use microbreaker_model::real::MOST_CALLS;
use microbreaker_model::{
    Backoff, Jitter, MOST_BUCKETS, ProbeTimeout, Ramp, Ratio, Settings, Window,
};

use crate::case::{self, Case, Decide, HalfOpen, MaxWaitTo, Op, Rule, Scope};

/// The most times that a backoff multiplies.
const MAX_LEVEL: u32 = 15;
/// The longest wait possible.
const MAX_TICKS: u64 = (1 << 31) - 1;

/// The settings for `case`, or why the design rules them out.
pub(crate) fn settings(case: &Case) -> Result<Settings, String> {
    let config = &case.config;
    let mut settings = Settings {
        window: window(case)?,
        consecutive_failures: config.consecutive_failures,
        failures_in_window: config.failure_count,
        failure_rate: config.failure_rate.map(percent).transpose()?,
        slow_rate: config.slow_rate.map(percent).transpose()?,
        slow_after: config.slow_after.map(|after| ticks("slow_after", after)).transpose()?,
        leaky_bucket: config
            .leaky_bucket
            .map(|case::LeakyBucket { up, down, limit }| Leak::new(up, down, limit)),
        min_calls: config.min_calls.unwrap_or(1).max(1),
        open_for: ticks("open_for", config.open_for)?,
        backoff: backoff(case)?,
        jitter: config.jitter.map(|case::Jitter { percent, seed }| Jitter { percent, seed }),
        ramp: ramp(case)?,
        ..Settings::default()
    };
    // A time-based window that no other policy watches is there for the failures in a row.
    let others = [settings.failures_in_window.is_some(), settings.failure_rate.is_some()];
    settings.consecutive_within_window = settings.consecutive_failures.is_some()
        && matches!(settings.window, Window::Time { .. })
        && !others.contains(&true)
        && settings.slow_rate.is_none();
    half_open(&config.half_open, acquires(case), &mut settings)?;
    for step in &case.steps {
        if let (Op::OpenFor | Op::Failure, Some(arg)) = (step.op, step.arg) {
            ticks("an opening", arg)?;
        }
    }
    Ok(settings)
}

/// The most calls that `case` can make.
fn acquires(case: &Case) -> u32 {
    case.steps.iter().filter(|step| step.op == Op::Acquire).count() as u32
}

fn window(case: &Case) -> Result<Window, String> {
    match case.config.window {
        case::Window::Consecutive {} => {
            // The policy needs no window, but an expectation about what was recorded does.
            let asks = case.steps.iter().any(|step| step.expect.asks_for_window());
            Ok(if asks { Window::Count(MOST_CALLS) } else { Window::None })
        }
        case::Window::Count { size } if size > MOST_CALLS && acquires(case) > MOST_CALLS => {
            Err(format!("a count-based window holds at most {MOST_CALLS} calls, not {size}"))
        }
        // A window that never fills up may as well be smaller.
        case::Window::Count { size } => Ok(Window::Count(size.min(MOST_CALLS))),
        case::Window::Time { size, buckets } => {
            if buckets == 0 || size < buckets {
                return Err(format!("{size} ticks cannot be divided into {buckets} buckets"));
            }
            ticks("a window", size)?;
            // Merges buckets, if there are too many, into fewer of equal length.
            let most = u64::from(MOST_BUCKETS).min(buckets);
            let buckets = (1..=most).rev().find(|count| buckets % count == 0).unwrap_or(1);
            Ok(Window::Time {
                buckets: buckets as u32,
                // All buckets have the same length. Rounded up, so that the window is never too
                // short.
                ticks: ticks("a bucket", size.div_ceil(buckets))?,
            })
        }
    }
}

/// How the window differs from the one that `case` asks for, if it does. That may explain
/// why the case fails.
pub(crate) fn approximation(case: &Case) -> Option<String> {
    let case::Window::Time { size, buckets } = case.config.window else { return None };
    let Ok(Window::Time { buckets: had, ticks }) = window(case) else { return None };
    let differs = u64::from(had) != buckets || u64::from(had) * u64::from(ticks) != size;
    differs.then(|| {
        format!("its window is {had} x {ticks} ticks instead of {size} ticks in {buckets} buckets")
    })
}

fn backoff(case: &Case) -> Result<Option<Backoff>, String> {
    let Some(case::Backoff { factor, max }) = case.config.backoff else { return Ok(None) };
    if factor == 1.0 {
        return Ok(None);
    }
    let factor = ratio(factor, 1).filter(|factor| factor.part > factor.whole).ok_or_else(|| {
        format!("the backoff multiplies by more than 1, exactly, not by {factor}")
    })?;
    // A maximum that is out of reach means none, but the configuration would reject it.
    let product = |fine: u128| fine * u128::from(factor.part) / u128::from(factor.whole);
    let (open_for, most) = (u128::from(case.config.open_for) << 15, u128::from(MAX_TICKS) << 15);
    let reach = (0..MAX_LEVEL).fold(open_for, |fine, _| product(fine).min(most));
    let reach = (reach >> 15) as u64;
    let max = ticks("the backoff's maximum", max.unwrap_or(reach).min(reach))?;
    Ok(Some(Backoff { factor, max }))
}

fn ramp(case: &Case) -> Result<Option<Ramp>, String> {
    match &case.config.ramp {
        Some(case::Ramp { shares, .. }) if !(1..=7).contains(&shares.len()) => {
            Err(format!("a ramp has 1 to 7 shares, not {}", shares.len()))
        }
        Some(case::Ramp { shares, step }) => Ok(Some(Ramp { shares: shares.clone(), step: *step })),
        None => Ok(None),
    }
}

fn half_open(half_open: &HalfOpen, acquires: u32, settings: &mut Settings) -> Result<(), String> {
    let permits = half_open.permits;
    let finished = match half_open.rule {
        Rule::NeedOf => {
            let of = half_open.of.unwrap_or(permits);
            let need = half_open.need.unwrap_or(of);
            // With a single probe, early and late are the same.
            if half_open.decide == Decide::Late && need.max(of) > 1 {
                return Err("a verdict by need is given as soon as it is certain".into());
            }
            if half_open.scope == Scope::Episode && permits != of {
                return Err(format!(
                    "a stay has as many permits as its verdict counts, not {permits} for {of}"
                ));
            }
            settings.successes = Some(need);
            of
        }
        Rule::Rate => {
            let after = half_open.evaluate_after.unwrap_or(permits);
            settings.probe_rate_after = Some(after);
            after
        }
    };
    // A case with fewer acquires than permits cannot tell how many permits there are. So
    // allow no more than it can use: the breaker may not be able to count that far.
    settings.probes = permits.min(acquires.max(finished));
    if half_open.scope == Scope::Inflight {
        settings.reuse_probes_until = Some(finished);
    }
    settings.probe_timeout = match half_open.probe_timeout {
        Some(timeout) => ProbeTimeout::Ticks(ticks("probe_timeout", timeout)?),
        None => ProbeTimeout::Never,
    };
    let max_wait = half_open.max_wait.filter(|&wait| wait > 0);
    (settings.longest_half_open, settings.after_probe_timeout) =
        match (max_wait, half_open.reprobe_every) {
            (None, None) => (None, AfterProbeTimeout::Open),
            (None, Some(every)) => {
                (Some(ticks("reprobe_every", every)?), AfterProbeTimeout::FreshProbes)
            }
            (Some(wait), None) => (
                Some(ticks("max_wait", wait)?),
                match half_open.max_wait_to {
                    None | Some(MaxWaitTo::Open) => AfterProbeTimeout::Open,
                    Some(MaxWaitTo::Closed) => AfterProbeTimeout::Close,
                },
            ),
            (Some(_), Some(_)) => {
                return Err("a stay either ends after max_wait or has fresh probes".into());
            }
        };
    Ok(())
}

fn percent(rate: f64) -> Result<Ratio, String> {
    ratio(rate, 100)
        .filter(|ratio| ratio.part <= ratio.whole)
        .ok_or_else(|| format!("a rate is 0 to 100 percent, with few decimals, not {rate}"))
}

/// `number / of` as an exact ratio, if `number` has at most 4 decimal places.
fn ratio(number: f64, of: u32) -> Option<Ratio> {
    let decimals = |digits| 10_u32.pow(digits);
    (0..=4).map(decimals).find_map(|scale| {
        let part = number * f64::from(scale);
        // A number read as a decimal is off by less than this.
        let near = part.round();
        let exact = (part - near).abs() < 1e-6 && (0.0..=65_535.0).contains(&near);
        exact.then(|| Ratio { part: near as u32, whole: of * scale })
    })
}

fn ticks(what: &str, ticks: u64) -> Result<u32, String> {
    let most = MAX_TICKS;
    u32::try_from(ticks)
        .ok()
        .filter(|&ticks| u64::from(ticks) <= most)
        .ok_or_else(|| format!("{what} is at most {most} ticks, not {ticks}"))
}
