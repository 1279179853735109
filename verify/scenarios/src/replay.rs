//! Takes a subject through the steps of a case.

use std::collections::{BTreeMap, HashMap};

use microbreaker::{Command, Outcome, Phase};

use crate::case::{Case, Event, Expect, Move, Op, Step};
use crate::expect::After;
use crate::subject::{End, Seen, Subject};

/// The result of a step.
pub(crate) struct Frame {
    /// The state after it, or why the step was impossible.
    pub(crate) after: Result<After, String>,
    /// What the looks between this step and the next one saw, with their ticks.
    pub(crate) gap: Vec<(u64, Seen)>,
}

/// Takes all steps of `case`, and looks at the subject `looks` times between two of them, for
/// the pictures; looking changes nothing.
pub(crate) fn replay(case: &Case, subject: &mut dyn Subject, looks: u64) -> Vec<Frame> {
    let first = case.steps.first().map_or(0, |step| step.at);
    subject.set_clock(first);
    let mut replay = Replay::new(case.config.initial_state, subject);
    let mut frames = Vec::new();
    for (index, step) in case.steps.iter().enumerate() {
        replay.subject.set_clock(step.at);
        let after = replay.make(index, step);
        let next = case.steps.get(index + 1).map_or(step.at, |next| next.at);
        let ticks = next.saturating_sub(step.at);
        let looks = looks.min(ticks.saturating_sub(1));
        let gap = (1..=looks).map(|look| {
            let tick = step.at + ticks * look / (looks + 1);
            replay.subject.set_clock(tick);
            (tick, replay.subject.look())
        });
        let gap = gap.collect();
        let over = after.is_err();
        frames.push(Frame { after, gap });
        if over {
            break;
        }
    }
    frames
}

/// Keeps the records that cases expect but a breaker does not keep.
struct Replay<'a> {
    subject: &'a mut dyn Subject,
    /// The steps that started the calls in progress, by name.
    calls: HashMap<String, usize>,
    /// How many of the subject's transitions and would-be trips have been processed.
    processed: (usize, usize),
    moves: Vec<Move>,
    /// The phase that the last transition led to.
    phase: Phase,
    /// Rejections since that transition.
    rejected: u32,
    events: BTreeMap<Event, u32>,
}

impl<'a> Replay<'a> {
    fn new(initial: Option<Phase>, subject: &'a mut dyn Subject) -> Self {
        let way: &[Command] = match initial.unwrap_or(Phase::Closed) {
            Phase::Closed => &[],
            Phase::Open => &[Command::Trip],
            Phase::HalfOpen => &[Command::Trip, Command::HalfOpen],
            Phase::ForcedOpen => &[Command::ForceOpen],
            Phase::Disabled => &[Command::Disable],
            Phase::MetricsOnly => &[Command::MetricsOnly],
            other => unreachable!("no way leads to {other}"),
        };
        for &command in way {
            subject.command(command);
        }
        // How the initial phase was reached does not count.
        let processed = (subject.transitions().len(), subject.would_trips().len());
        let phase = subject.look().phase;
        let (moves, events) = (Vec::new(), BTreeMap::new());
        Self { subject, calls: HashMap::new(), processed, moves, phase, rejected: 0, events }
    }

    fn make(&mut self, index: usize, step: &Step) -> Result<After, String> {
        let takes_arg = match step.op {
            Op::OpenFor => step.arg.is_some(),
            Op::Failure => true,
            _ => step.arg.is_none(),
        };
        let takes_weight = step.op == Op::Failure && step.arg.is_none();
        if !takes_arg
            || step.dur.is_some() && !step.op.is_finish()
            || step.weight.is_some() && !takes_weight
        {
            return Err(format!(
                "{:?} lacks its arg, or has an arg, a dur or a weight that it does not take",
                step.op
            ));
        }
        let mut admitted = None;
        let mut refused = false;
        let mut stale = false;
        match step.op {
            Op::Check => {}
            Op::Acquire => {
                let answer = self.subject.acquire(index);
                if answer.is_ok() {
                    // Without a name, or if the name is reused, the permit is
                    // held until the end.
                    self.calls.extend(step.call.clone().map(|call| (call, index)));
                }
                admitted = Some(answer);
            }
            op if op.is_finish() => stale = self.finish(step)?,
            op => refused = !self.command(op, step.arg, &step.expect),
        }
        self.process_reports();
        if let Some(Err(_)) = admitted {
            self.rejected += 1;
            self.count(Event::Rejected);
        }
        let seen = self.subject.look();
        let same_phase = seen.phase == self.phase;
        Ok(After {
            seen,
            admitted,
            refused,
            stale,
            // A phase that has just begun by itself has rejected nothing yet.
            rejected: if same_phase { self.rejected } else { 0 },
            moves: self.moves.clone(),
            events: self.events.clone(),
        })
    }

    /// Ends a call. True if it ended too late to count.
    fn finish(&mut self, step: &Step) -> Result<bool, String> {
        let name = step.call.as_deref().ok_or("the step names no call")?;
        let unknown = || format!("no call named {name} is in progress");
        let call = self.calls.remove(name).ok_or_else(unknown)?;
        let took = step.dur.map(|ticks| u32::try_from(ticks).unwrap_or(u32::MAX));
        let finished = |outcome| End::Finished { outcome, took };
        let (end, event) = match (step.op, step.arg) {
            (Op::Success, _) => (finished(Outcome::Success), Event::Success),
            (Op::Failure, Some(ticks)) => {
                (finished(Outcome::FailureOpenFor(ticks as u32)), Event::Failure)
            }
            (Op::Failure, None) => {
                let failure = step.weight.map_or(Outcome::Failure, Outcome::WeightedFailure);
                (finished(failure), Event::Failure)
            }
            (Op::Panic, _) => (End::Panicked, Event::Failure),
            (Op::Ignore, _) => (finished(Outcome::Ignored), Event::Ignored),
            _ => (End::Cancelled, Event::Cancelled),
        };
        self.count(event);
        Ok(self.subject.finish(call, end))
    }

    /// False if the command was refused.
    fn command(&mut self, op: Op, arg: Option<u64>, expect: &Expect) -> bool {
        match op {
            Op::Open => self.subject.command(Command::Trip),
            Op::OpenFor => {
                let ticks = u32::try_from(arg.unwrap_or(0)).unwrap_or(u32::MAX);
                self.subject.command(Command::TripFor(ticks))
            }
            Op::HalfOpen => self.half_open(expect),
            // Closing a closed breaker does nothing.
            Op::Close if self.subject.look().phase == Phase::Closed => true,
            Op::Close | Op::Reset => self.subject.command(Command::Reset),
            Op::ForceOpen => self.subject.command(Command::ForceOpen),
            Op::Disable => self.subject.command(Command::Disable),
            Op::MetricsOnly => self.subject.command(Command::MetricsOnly),
            op => unreachable!("{op:?} is no command"),
        }
    }

    /// Cases about probes begin with this step to reach half-open, even from a phase in
    /// which the command makes no sense. Unless the case expects a refusal, this then trips
    /// the breaker first, and records both transitions as one.
    fn half_open(&mut self, expect: &Expect) -> bool {
        let elsewhere = expect.state.is_some_and(|state| state != Phase::HalfOpen);
        let refusal_expected = expect.error == Some(true) || elsewhere;
        if self.subject.command(Command::HalfOpen) {
            return true;
        }
        if refusal_expected {
            return false;
        }
        self.process_reports();
        let from = self.phase;
        self.subject.command(Command::Trip);
        self.subject.command(Command::HalfOpen);
        self.processed.0 = self.subject.transitions().len();
        self.enter(Move { from, to: Phase::HalfOpen });
        true
    }

    /// Processes what the subject has reported since the last time.
    fn process_reports(&mut self) {
        let transitions = self.subject.transitions();
        let would_trips = self.subject.would_trips();
        for &(step, cause) in &transitions[self.processed.0..] {
            // The policy is met before the breaker trips.
            Event::of(cause).into_iter().for_each(|event| self.count(event));
            self.enter(step);
        }
        for &cause in &would_trips[self.processed.1..] {
            Event::of(cause).into_iter().for_each(|event| self.count(event));
        }
        self.processed = (transitions.len(), would_trips.len());
    }

    fn enter(&mut self, step: Move) {
        self.moves.push(step);
        self.phase = step.to;
        self.rejected = 0;
        self.count(Event::StateTransition);
        match step.to {
            Phase::Open => self.count(Event::Opened),
            Phase::HalfOpen => self.count(Event::HalfOpened),
            Phase::Closed => self.count(Event::Closed),
            _ => {}
        }
    }

    fn count(&mut self, event: Event) {
        *self.events.entry(event).or_default() += 1;
    }
}
