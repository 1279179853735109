//! Compares the breaker with the reference model, for any configuration that the breaker
//! accepts and any history.

#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::{Corpus, fuzz_target};
use microbreaker::{
    AfterProbeTimeout, Command, Decision, Leak, Outcome, ShortWindow, clock::ManualClock,
};
use microbreaker_model::{
    Abandoned, Backoff, History, Jitter, ProbeTimeout, Ramp, Ratio, Settings, Step, Window,
    lockstep, real,
};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(history) = history(&mut Unstructured::new(bytes)) else { return Corpus::Reject };
    let clock = real::SharedClock::new(ManualClock::new(history.start));
    // A bad configuration only has to be rejected without a panic.
    let Ok(breaker) = real::breaker(&history.settings, clock.clone()) else {
        return Corpus::Reject;
    };
    check(&history, &*breaker, &clock);
    // If the calls fit into one word, also tries the window that has one.
    if let Window::Count(1..=ShortWindow::CAPACITY) = history.settings.window
        && history.settings.slow_rate.is_none()
    {
        let clock = real::SharedClock::new(ManualClock::new(history.start));
        let breaker = real::with_window(&history.settings, ShortWindow::new(), clock.clone());
        check(&history, &*breaker.expect("accepted before"), &clock);
    }
    Corpus::Keep
});

fn check(history: &History, breaker: &dyn real::Subject, clock: &real::SharedClock) {
    if let Err(difference) = lockstep::run_with(history, breaker, clock) {
        panic!("{difference}");
    }
}

fn history(u: &mut Unstructured<'_>) -> Result<History> {
    let (settings, start) = (settings(u)?, u.arbitrary()?);
    let mut steps = Vec::new();
    // A bucket of a time-based window counts up to 1,023 calls exactly.
    while !u.is_empty() && steps.len() < 2_000 {
        steps.push(step(u)?);
    }
    Ok(History { settings, start, steps })
}

/// Mostly a small number, from one byte; sometimes any.
fn number(u: &mut Unstructured<'_>) -> Result<u32> {
    match u8::arbitrary(u)? {
        255 => u.arbitrary(),
        254 => Ok(u32::from(u16::arbitrary(u)?)),
        small => Ok(small.into()),
    }
}

fn maybe<T>(
    u: &mut Unstructured<'_>,
    something: impl FnOnce(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Option<T>> {
    if u.arbitrary()? { something(u).map(Some) } else { Ok(None) }
}

fn settings(u: &mut Unstructured<'_>) -> Result<Settings> {
    // Few choices, because each takes long to compile.
    let buckets = [1, 2, 3, 5, 10, 60, 126];
    let window = match u.int_in_range(0..=3)? {
        0 => Window::None,
        1 => Window::Count(number(u)?),
        2 => Window::Time { buckets: *u.choose(&buckets)?, ticks: number(u)? },
        _ => Window::Failures { buckets: *u.choose(&buckets)?, ticks: number(u)? },
    };
    let slow = match window {
        Window::Count(_) | Window::Time { .. } => u.arbitrary()?,
        Window::None | Window::Failures { .. } => false,
    };
    Ok(Settings {
        window,
        consecutive_failures: maybe(u, number)?,
        failures_in_window: maybe(u, number)?,
        failure_rate: maybe(u, ratio)?,
        slow_rate: if slow { Some(ratio(u)?) } else { None },
        leaky_bucket: maybe(u, |u| Ok(Leak::new(number(u)?, number(u)?, number(u)?)))?,
        slow_after: if slow { Some(number(u)?) } else { None },
        min_calls: number(u)?,
        open_for: number(u)?,
        backoff: maybe(u, |u| Ok(Backoff { factor: ratio(u)?, max: number(u)? }))?,
        jitter: maybe(u, |u| Ok(Jitter { percent: number(u)?, seed: u.arbitrary()? }))?,
        probes: number(u)?,
        reuse_probes_until: maybe(u, number)?,
        successes: maybe(u, number)?,
        probe_rate_after: maybe(u, number)?,
        probe_timeout: match u.int_in_range(0..=2)? {
            0 => ProbeTimeout::OpenFor,
            1 => ProbeTimeout::Ticks(number(u)?),
            _ => ProbeTimeout::Never,
        },
        after_probe_timeout: match u.int_in_range(0..=2)? {
            0 => AfterProbeTimeout::Open,
            1 => AfterProbeTimeout::FreshProbes,
            _ => AfterProbeTimeout::Close,
        },
        ramp: maybe(u, ramp)?,
        longest_half_open: maybe(u, number)?,
        consecutive_within_window: u.arbitrary()?,
        abandoned: match u.int_in_range(0..=2)? {
            0 => Abandoned::Ignored,
            1 => Abandoned::Failed,
            _ => Abandoned::ByTime,
        },
    })
}

fn ratio(u: &mut Unstructured<'_>) -> Result<Ratio> {
    Ok(Ratio { part: number(u)?, whole: number(u)? })
}

fn ramp(u: &mut Unstructured<'_>) -> Result<Ramp> {
    let count = u.int_in_range(1..=7)?;
    let shares = (0..count).map(|_| u.arbitrary()).collect::<Result<_>>()?;
    Ok(Ramp { shares, step: number(u)? })
}

fn outcome(u: &mut Unstructured<'_>) -> Result<Outcome> {
    Ok(match u.int_in_range(0..=9)? {
        0..=2 => Outcome::Success,
        3..=6 => Outcome::Failure,
        7 => Outcome::Ignored,
        8 => Outcome::WeightedFailure(u.arbitrary()?),
        _ => Outcome::FailureOpenFor(number(u)?),
    })
}

fn step(u: &mut Unstructured<'_>) -> Result<Step> {
    Ok(match u.int_in_range(0..=15)? {
        0..=3 => Step::Call(outcome(u)?),
        4 | 5 => Step::Acquire,
        6..=8 => Step::Finish(u8::arbitrary(u)?.into(), outcome(u)?, maybe(u, number)?),
        9 => Step::Cancel(u8::arbitrary(u)?.into()),
        10 => Step::Advance(number(u)?.into()),
        // Close to a multiple of where the clock or a part of it wraps.
        11 => {
            let turn = *u.choose(&[1_u64 << 23, 1 << 24, 1 << 32])?;
            let turns = turn * u.int_in_range(1..=4)?;
            let beside = u64::from(number(u)?);
            Step::Advance(if u.arbitrary()? {
                turns + beside
            } else {
                turns.saturating_sub(beside)
            })
        }
        12 | 13 => Step::ToEdge(u.int_in_range(-1..=1)?),
        14 => Step::Back(u.int_in_range(0..=1 << 16)?),
        _ => match u.int_in_range(0..=9)? {
            0 => Step::Manual(Command::HalfOpen),
            1 => Step::Manual(Command::Trip),
            2 => Step::Manual(Command::TripFor(number(u)?)),
            3 => Step::Manual(Command::Reset),
            4 => Step::Manual(Command::ForceOpen),
            5 => Step::Manual(Command::Disable),
            6 => Step::Manual(Command::MetricsOnly),
            7 => Step::Follow(Decision::OpenFor(number(u)?)),
            8 => Step::Follow(Decision::Close),
            _ => Step::Follow(Decision::CloseAsOf(number(u)?)),
        },
    })
}
