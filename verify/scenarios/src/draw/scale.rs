//! Where ticks and steps are placed in the picture.

use crate::case::{Case, Op, Step};

/// The least width of the time axis.
const WIDTH: f64 = 640.0;
/// The width of each step, in addition to that of the time since the step before, because many
/// steps have the same tick.
const STEP: f64 = 14.0;
/// The same, for the end of a call that began in the step before.
const END: f64 = 9.0;

pub(super) struct Scale {
    /// The x coordinate of each step, and one more for the end.
    steps: Vec<f64>,
    ticks: Vec<u64>,
}

impl Scale {
    pub(super) fn new(case: &Case, left: f64) -> Self {
        let ticks: Vec<u64> = case.steps.iter().map(|step| step.at).collect();
        let gaps = case.steps.windows(2);
        let least: Vec<f64> = gaps.map(|pair| room(&pair[0], &pair[1])).collect();
        let elapsed: Vec<f64> =
            ticks.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as f64).collect();
        let total: f64 = elapsed.iter().sum();
        let steps: f64 = least.iter().sum::<f64>() + 2.0 * STEP;
        // The width that the steps leave over is divided in proportion to time.
        let spare = if total > 0.0 { (WIDTH - steps).max(WIDTH / 3.0) } else { 0.0 };
        let stretch = if total > 0.0 { 1.0 } else { (WIDTH / steps).clamp(1.0, 2.5) };
        let mut x = left + STEP;
        let mut places = vec![x];
        for (least, elapsed) in least.iter().zip(&elapsed) {
            x += least * stretch + if total > 0.0 { spare * elapsed / total } else { 0.0 };
            places.push(x);
        }
        places.push(x + STEP);
        Self { steps: places, ticks }
    }

    /// The x coordinate of a step.
    pub(super) fn step(&self, index: usize) -> f64 {
        self.steps[index]
    }

    /// The x coordinate of a tick between a step and the next one.
    pub(super) fn between(&self, index: usize, tick: u64) -> f64 {
        let (from, to) = (self.steps[index], self.steps[index + 1]);
        let since = tick.saturating_sub(self.ticks[index]) as f64;
        let next = self.ticks.get(index + 1).copied().unwrap_or(tick);
        let all = next.saturating_sub(self.ticks[index]).max(1) as f64;
        from + (to - from) * (since / all).min(1.0)
    }

    pub(super) fn end(&self) -> f64 {
        self.steps[self.steps.len() - 1]
    }
}

fn room(step: &Step, next: &Step) -> f64 {
    let own_end = step.op == Op::Acquire && next.op.is_finish() && step.call == next.call;
    if own_end { END } else { STEP }
}
