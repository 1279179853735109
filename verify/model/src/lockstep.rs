//! Takes the breaker and the model through the same history and compares them
//! after every step.

use std::fmt::Debug;
use std::mem;
use std::rc::Rc;

use microbreaker::{
    Cause, Command, Decision, Outcome, Phase, Token,
    clock::{ManualClock, STEP_BACK},
};

use crate::model::{Effect, Model, Permit, Refusal, Snapshot};
use crate::real::{self, AnyPermit, SharedClock, Subject};
use crate::scenario::{self, Line};
use crate::settings::Settings;
use crate::window::TURN;

/// What happens to a breaker with `settings` whose clock starts at `start`.
#[derive(Clone, Debug)]
pub struct History {
    pub settings: Settings,
    pub start: u32,
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A call that ends immediately.
    Call(Outcome),
    /// A call that panics immediately.
    Panic,
    Acquire,
    /// Ends one of the calls in progress, not always the oldest. It took this many ticks;
    /// `None`: as many as the clock says.
    Finish(usize, Outcome, Option<u32>),
    Cancel(usize),
    Advance(u64),
    /// Advances to the next tick at which the passing of time changes something, or to the
    /// tick before or after it.
    ToEdge(i8),
    /// Steps the clock back, but never more than 2^16 ticks behind the latest tick so far.
    Back(u32),
    Manual(Command),
    /// What a fleet has decided. Step tables do not have it yet.
    Follow(Decision),
}

/// Takes a breaker with the history's settings through it.
///
/// # Errors
///
/// Where the breaker differs from the model, with the history as a scenario.
///
/// # Panics
///
/// If the settings are rejected.
pub fn run(history: &History) -> Result<(), String> {
    let clock = SharedClock::new(ManualClock::new(history.start));
    let breaker = real::breaker(&history.settings, Rc::clone(&clock)).expect("good settings");
    run_with(history, &*breaker, &clock)
}

/// Takes `breaker`, which reads `clock`, through the history.
///
/// # Errors
///
/// Same as [`run`].
pub fn run_with(
    history: &History,
    breaker: &dyn Subject,
    clock: &ManualClock,
) -> Result<(), String> {
    // The model's clock starts one turn ahead, so that it can step back below 0.
    let now = TURN + u64::from(history.start);
    let model = Model::new(history.settings.clone());
    let (in_progress, lines) = (Vec::new(), Vec::new());
    let mut pair = Pair { breaker, model, clock, now, latest: now, in_progress, calls: 0, lines };
    for (i, &step) in history.steps.iter().enumerate() {
        pair.step(step).map_err(|difference| {
            let scenario = scenario::json(&history.settings, &pair.lines);
            format!("step {i}, {step:?}: {difference}\nas a scenario: {scenario}")
        })?;
    }
    Ok(())
}

struct Pair<'a> {
    breaker: &'a dyn Subject,
    model: Model,
    clock: &'a ManualClock,
    now: u64,
    /// The latest value of `now` so far.
    latest: u64,
    in_progress: Vec<Call<'a>>,
    /// How many calls have begun.
    calls: u64,
    lines: Vec<Line>,
}

/// A call in progress.
struct Call<'a> {
    number: u64,
    permit: AnyPermit<'a>,
    expected: Permit,
}

type Checked = Result<(), String>;

fn same<T: Debug + PartialEq>(what: &str, got: T, expected: T) -> Checked {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got:?}, not {expected:?}")) }
}

impl Pair<'_> {
    fn step(&mut self, step: Step) -> Checked {
        match step {
            Step::Call(outcome) => {
                let made = self.breaker.call(outcome);
                self.check_call(outcome, made.map_err(refusal))?;
            }
            Step::Panic => {
                let made = self.breaker.call_panicking();
                self.check_call(Outcome::Failure, made.map_err(refusal))?;
            }
            Step::Acquire => self.acquire()?,
            Step::Finish(..) | Step::Cancel(..) if self.in_progress.is_empty() => {}
            Step::Finish(i, outcome, took) => {
                self.finish(i % self.in_progress.len(), outcome, took)?;
            }
            Step::Cancel(i) => self.cancel(i % self.in_progress.len())?,
            Step::Advance(ticks) => self.set_clock(self.now + ticks),
            Step::ToEdge(beside) => {
                if let Some(edge) = self.model.edge(self.now) {
                    self.set_clock(edge.saturating_add_signed(beside.into()).max(self.now));
                }
            }
            Step::Back(ticks) => {
                let back = self.now - u64::from(ticks);
                self.set_clock(back.max(self.latest - u64::from(STEP_BACK)));
            }
            Step::Manual(command) => self.command(command)?,
            Step::Follow(decision) => self.follow(decision)?,
        }
        // Stale permits are recognized for at most 255 transitions, so old ones end here.
        let generation = self.model.generation;
        let is_old = |call: &Call<'_>| call.expected.generation + 250 < generation;
        while let Some(i) = self.in_progress.iter().position(is_old) {
            self.finish(i, Outcome::Failure, None)?;
        }
        self.compare()
    }

    fn set_clock(&mut self, tick: u64) {
        self.now = tick;
        // After whole turns it shows a tick that is as far behind as before.
        let behind = (self.latest as u32).wrapping_sub(tick as u32);
        let shown = if behind <= STEP_BACK { tick + u64::from(behind) } else { tick };
        self.latest = self.latest.max(shown);
        self.clock.set(tick as u32);
        self.note("check");
    }

    fn acquire(&mut self) -> Checked {
        let (got, expected) = (self.breaker.try_acquire(), self.model.acquire(self.now));
        self.note_acquire(expected.is_ok());
        match (got, expected) {
            (Ok(permit), Ok(expected)) => {
                self.in_progress.push(Call { number: self.calls, permit, expected });
                Ok(())
            }
            (Err(rejected), Err(expected)) => self.check_rejection(refusal(rejected), expected),
            (got, expected) => Err(format!("acquire: {got:?}, not {expected:?}")),
        }
    }

    /// Checks a call that was `made` and ended with `outcome`, or was refused.
    fn check_call(&mut self, outcome: Outcome, made: Result<(), Refusal>) -> Checked {
        let permit = self.model.acquire(self.now);
        self.note_acquire(permit.is_ok());
        match (made, permit) {
            (Ok(()), Ok(permit)) => {
                let effect = self.model.finish(permit, outcome, None, self.now);
                self.note_finish(self.calls, outcome, Some(0));
                self.check_outcome(outcome, effect)
            }
            (Err(refusal), Err(expected)) => self.check_rejection(refusal, expected),
            (made, expected) => Err(format!("call: {made:?}, not {expected:?}")),
        }
    }

    fn finish(&mut self, i: usize, outcome: Outcome, took: Option<u32>) -> Checked {
        let Call { number, mut permit, mut expected } = self.in_progress.swap_remove(i);
        // Some calls end in another context, which gets only an integer.
        if i % 2 == 1 {
            let bits = permit.into_token().to_bits();
            permit = self.breaker.resume(Token::from_bits(bits).expect("it was a token"));
            expected.started = self.now;
        }
        permit.finish(outcome, took);
        let effect = self.model.finish(expected, outcome, took.map(Into::into), self.now);
        self.note_finish(number, outcome, took);
        self.check_outcome(outcome, effect)
    }

    fn cancel(&mut self, i: usize) -> Checked {
        let Call { number, permit, expected } = self.in_progress.swap_remove(i);
        permit.cancel();
        let outcome = self.model.abandoned(expected, None, self.now);
        let effect = self.model.cancel(expected, self.now);
        self.note("cancel").call = Some(number);
        self.check_outcome(outcome, effect)
    }

    fn command(&mut self, command: Command) -> Checked {
        let got = self.breaker.command(command).map_err(|refused| (refused.from, refused.to));
        let expected = self.model.command(command, self.now);
        same("command", got, expected.map_err(|from| (from, Phase::HalfOpen)))?;
        let (op, arg) = match command {
            Command::Trip => ("open", None),
            Command::TripFor(ticks) => ("open_for", Some(ticks)),
            Command::HalfOpen => ("half_open", None),
            Command::Reset => ("reset", None),
            Command::ForceOpen => ("force_open", None),
            Command::Disable => ("disable", None),
            Command::MetricsOnly => ("metrics_only", None),
        };
        self.note(op).arg = arg;
        Ok(())
    }

    fn follow(&mut self, decision: Decision) -> Checked {
        let (got, expected) =
            (self.breaker.follow(decision), self.model.follow(decision, self.now));
        same("followed", got, expected)?;
        let (op, arg) = match decision {
            Decision::OpenFor(ticks) => ("follow_open_for", Some(ticks)),
            Decision::Close => ("follow_close", None),
            Decision::CloseAsOf(ticks) => ("follow_close_as_of", Some(ticks)),
        };
        self.note(op).arg = arg;
        Ok(())
    }

    fn check_rejection(&self, got: Refusal, expected: Refusal) -> Checked {
        let reported = mem::take(&mut *self.breaker.recorder().rejections.borrow_mut());
        same("reported rejections", reported.into_iter().map(refusal).collect(), vec![got])?;
        same("rejection", got, expected)
    }

    fn check_outcome(&self, outcome: Outcome, effect: Effect) -> Checked {
        let reported = mem::take(&mut *self.breaker.recorder().outcomes.borrow_mut());
        same("reported outcomes", reported, vec![(outcome, effect == Effect::Stale)])
    }

    /// Compares everything that can be read, and what was reported since the
    /// last step.
    fn compare(&mut self) -> Checked {
        let (breaker, model, now) = (self.breaker, &mut self.model, self.now);
        same("phase", breaker.phase(), model.phase(now))?;
        same("tally", breaker.tally(), model.tally(now))?;
        let seen = breaker.snapshot();
        let got = Snapshot {
            phase: seen.phase,
            generation: seen.generation.into(),
            in_phase_for: seen.in_phase_for.into(),
            retry_after: seen.retry_after.map(Into::into),
            tally: seen.tally,
            failure_permille: seen.failure_permille(),
            slow_permille: seen.slow_permille(),
            consecutive_failures: seen.consecutive_failures,
            backoff_level: seen.backoff_level,
        };
        let expected = model.snapshot(now);
        let generation = u64::from(expected.generation as u8);
        same("snapshot", got, Snapshot { generation, ..expected })?;

        let recorder = breaker.recorder();
        let got: Vec<(Phase, Phase, Cause, u8, u32)> =
            mem::take(&mut *recorder.transitions.borrow_mut())
                .iter()
                .map(|t| (t.from, t.to, t.cause, t.generation, t.tick))
                .collect();
        let expected: Vec<_> = mem::take(&mut model.transitions)
            .iter()
            .map(|t| (t.from, t.to, t.cause, t.generation as u8, t.tick as u32))
            .collect();
        same("transitions", got, expected)?;
        let got = mem::take(&mut *recorder.would_trips.borrow_mut());
        same("would have tripped", got, mem::take(&mut model.would_trips))?;
        same("unexpected reports of outcomes", recorder.outcomes.borrow().len(), 0)?;
        same("unexpected reports of rejections", recorder.rejections.borrow().len(), 0)
    }

    // These note each step for the scenario, with what the model expects after it.

    fn note(&mut self, op: &'static str) -> &mut Line {
        let state = self.model.phase(self.now);
        let at = self.now.cast_signed() - TURN.cast_signed();
        self.lines.push(Line {
            at,
            op,
            call: None,
            dur: None,
            arg: None,
            weight: None,
            admitted: None,
            state,
        });
        self.lines.last_mut().expect("just pushed")
    }

    fn note_acquire(&mut self, admitted: bool) {
        self.calls += 1;
        let call = Some(self.calls);
        let line = self.note("acquire");
        (line.call, line.admitted) = (call, Some(admitted));
    }

    fn note_finish(&mut self, call: u64, outcome: Outcome, dur: Option<u32>) {
        let (op, arg) = match outcome {
            Outcome::Success => ("success", None),
            Outcome::Failure | Outcome::WeightedFailure(_) => ("failure", None),
            Outcome::FailureOpenFor(ticks) => ("failure", Some(ticks)),
            Outcome::Ignored => ("ignore", None),
        };
        let line = self.note(op);
        (line.call, line.dur, line.arg) = (Some(call), dur, arg);
        if let Outcome::WeightedFailure(weight) = outcome {
            line.weight = Some(weight);
        }
    }
}

pub(crate) fn refusal(rejected: microbreaker::Rejected) -> Refusal {
    Refusal { phase: rejected.phase, retry_after: rejected.retry_after.map(Into::into) }
}
