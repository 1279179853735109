//! The recent calls, and time as a wrapping clock shows it.

use std::collections::VecDeque;

use microbreaker::{Tally, clock::STEP_BACK, window::Record};

use crate::settings::{Settings, Window};

/// One turn of the clock.
pub(crate) const TURN: u64 = 1 << 32;

/// The ticks from `since` to `now`, as far as a wrapping clock can show them.
///
/// Whole turns do not show, and the last 2^16 ticks of a turn read as a step
/// back, which counts as no time.
pub fn elapsed(now: u64, since: u64) -> u64 {
    let ticks = now.saturating_sub(since) % TURN;
    if ticks >= TURN - u64::from(STEP_BACK) { 0 } else { ticks }
}

/// The calls in the window, oldest first.
#[derive(Clone, Debug)]
pub(crate) enum Recent {
    None,
    Count {
        last: usize,
        calls: VecDeque<Record>,
    },
    Time {
        buckets: u64,
        ticks: u64,
        failures_only: bool,
        /// The tick at which the newest bucket became that, once there is one.
        newest: Option<u64>,
        calls: VecDeque<(u64, Record)>,
    },
}

impl Recent {
    /// An empty window that begins at `now`, if that is known.
    pub(crate) fn new(settings: &Settings, now: Option<u64>) -> Self {
        match settings.window {
            Window::None => Self::None,
            Window::Count(last) => Self::Count { last: last as usize, calls: VecDeque::new() },
            Window::Time { buckets, ticks } => Self::timed(buckets, ticks, false, now),
            Window::Failures { buckets, ticks } => Self::timed(buckets, ticks, true, now),
        }
    }

    fn timed(buckets: u32, ticks: u32, failures_only: bool, now: Option<u64>) -> Self {
        let (buckets, ticks) = (u64::from(buckets), u64::from(ticks));
        Self::Time { buckets, ticks, failures_only, newest: now, calls: VecDeque::new() }
    }

    pub(crate) fn record(&mut self, call: Record, now: u64) {
        match self {
            Self::None => {}
            Self::Count { last, calls } => {
                calls.push_back(call);
                if calls.len() > *last {
                    calls.pop_front();
                }
            }
            Self::Time { failures_only: true, .. } if !call.failed => {}
            Self::Time { buckets, ticks, newest, calls, .. } => {
                let tick = seen(now, *newest);
                let bucket = bucket(tick, *ticks);
                if newest.is_none_or(|newest| self::bucket(newest, *ticks) != bucket) {
                    *newest = Some(tick);
                }
                calls.push_back((bucket, call));
                calls.retain(|(number, _)| number + *buckets > bucket);
            }
        }
    }

    pub(crate) fn tally(&self, now: u64) -> Tally {
        let mut tally = Tally::default();
        let mut add = |call: &Record| {
            tally.calls += 1;
            tally.failed += u32::from(call.failed);
            tally.slow += u32::from(call.slow);
        };
        match self {
            Self::None => {}
            Self::Count { calls, .. } => calls.iter().for_each(add),
            Self::Time { buckets, ticks, newest, calls, .. } => {
                let bucket = bucket(seen(now, *newest), *ticks);
                let held = calls.iter().filter(|(number, _)| number + buckets > bucket);
                held.for_each(|(_, call)| add(call));
            }
        }
        tally
    }
}

/// The number of the bucket that contains `tick`. Buckets start anew at each turn of the
/// clock, at tick 0, so the last bucket of a turn is cut short.
fn bucket(tick: u64, ticks: u64) -> u64 {
    let (turn, in_turn) = (tick / TURN, tick % TURN);
    turn * TURN.div_ceil(ticks) + in_turn / ticks
}

/// `now`, as seen by a thread that knows of a bucket that began at `newest`: that tick or a
/// later one.
fn seen(now: u64, newest: Option<u64>) -> u64 {
    newest.map_or(now, |newest| newest + elapsed(now, newest))
}
