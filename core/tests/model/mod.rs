//! A breaker for one thread, as plainly as it can be written.
//!
//! The property tests compare the real one with this, step by step. Here time
//! is a `u64` that never wraps, generations are a `u64` that never repeats, the
//! window is a queue, and nothing is packed into bits. Only the names of
//! phases, causes and outcomes are taken from the crate.

#![allow(unreachable_pub, reason = "a module of test crates")]

use std::collections::VecDeque;

use microbreaker::{Cause, Outcome, Phase};

/// The longest opening of a length of its own, in ticks; longer ones count as
/// this.
pub const LONGEST: u64 = (1 << 31) - 1;

/// What makes the breaker trip, and how it recovers.
#[derive(Clone, Debug)]
pub struct Settings {
    pub consecutive_failures: Option<u32>,
    pub failures_in_window: Option<u32>,
    /// In percent.
    pub failure_rate: Option<u32>,
    pub min_calls: u32,
    /// 0: no window.
    pub last_calls: u32,
    pub open_for: u64,
    pub probes: u32,
    pub successes: u32,
    /// `None`: probes may take for ever.
    pub probe_timeout: Option<u64>,
}

/// What the breaker is, and what it knows while it is that.
#[derive(Clone, Debug)]
enum State {
    Closed {
        /// Failures in a row.
        consecutive: u32,
        /// The last calls, oldest first; true for a failure.
        window: VecDeque<bool>,
    },
    Open {
        since: u64,
        length: u64,
        /// What the window held that tripped it.
        tripped: Tally,
    },
    HalfOpen {
        since: u64,
        /// Probes that were given out and have not come back.
        out: u32,
        succeeded: u32,
        failed: u32,
    },
    ForcedOpen,
    Disabled,
}

/// Leave to make one call.
#[derive(Debug)]
pub struct Permit {
    pub generation: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub phase: Phase,
    pub retry_after: Option<u64>,
}

/// What became of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Booked,
    /// The permit's tenure is over: nothing happened.
    Stale,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    pub from: Phase,
    pub to: Phase,
    pub cause: Cause,
    /// Number of the tenure that began.
    pub generation: u64,
    pub tick: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub calls: u32,
    pub failed: u32,
}

#[derive(Debug)]
pub struct Model {
    settings: Settings,
    state: State,
    /// Number of the current tenure.
    pub generation: u64,
    /// Every transition from one phase to another, in order.
    pub transitions: Vec<Transition>,
}

// Calls.
impl Model {
    pub fn new(settings: Settings) -> Self {
        Self { settings, state: State::closed(), generation: 0, transitions: Vec::new() }
    }

    pub fn acquire(&mut self, now: u64) -> Result<Permit, Refusal> {
        self.notice_deadline(now);
        if let State::Open { since, length, .. } = self.state {
            match length.saturating_sub(elapsed(now, since)) {
                0 => self.enter(State::half_open(now), Cause::OpeningOver, now),
                left => return self.refuse(Some(left)),
            }
        }
        match &mut self.state {
            State::Closed { .. } | State::Disabled => {}
            State::HalfOpen { out, succeeded, failed, .. }
                if *out + *succeeded + *failed < self.settings.probes =>
            {
                *out += 1;
            }
            _ => return self.refuse(None),
        }
        Ok(Permit { generation: self.generation })
    }

    fn refuse(&self, retry_after: Option<u64>) -> Result<Permit, Refusal> {
        Err(Refusal { phase: self.state.phase(), retry_after })
    }

    pub fn finish(&mut self, permit: Permit, outcome: Outcome, now: u64) -> Effect {
        if permit.generation == self.generation {
            self.notice_deadline(now);
        }
        if permit.generation != self.generation {
            return Effect::Stale;
        }
        match (self.state.phase(), outcome) {
            (Phase::Disabled, _) => {}
            (_, Outcome::FailureOpenFor(ticks)) => {
                self.open(u64::from(ticks).min(LONGEST), Cause::Demanded, now);
            }
            (Phase::Closed, outcome) => self.finish_call(outcome, now),
            (Phase::HalfOpen, outcome) => self.finish_probe(outcome, now),
            (phase, _) => unreachable!("{phase} gives out no permits"),
        }
        Effect::Booked
    }

    fn finish_call(&mut self, outcome: Outcome, now: u64) {
        let State::Closed { consecutive, window } = &mut self.state else { unreachable!() };
        let failed = match outcome {
            Outcome::Success => false,
            Outcome::Failure => true,
            _ => return,
        };
        *consecutive = if failed { *consecutive + 1 } else { 0 };
        window.push_back(failed);
        if window.len() > self.settings.last_calls as usize {
            window.pop_front();
        }
        // Policies are looked at only after an outcome that counts against them.
        if failed && let Some(cause) = self.policy_met() {
            self.open(self.settings.open_for, cause, now);
        }
    }

    fn finish_probe(&mut self, outcome: Outcome, now: u64) {
        let State::HalfOpen { out, succeeded, failed, .. } = &mut self.state else {
            unreachable!()
        };
        *out -= 1;
        match outcome {
            Outcome::Success => *succeeded += 1,
            Outcome::Failure => *failed += 1,
            _ => {}
        }
        let Settings { probes, successes, open_for, .. } = self.settings;
        if *succeeded >= successes {
            self.enter(State::closed(), Cause::ProbesSucceeded, now);
        } else if *failed > probes - successes {
            self.open(open_for, Cause::ProbesFailed, now);
        }
    }

    /// A half-open breaker without a verdict at its deadline has been open
    /// again since then.
    fn notice_deadline(&mut self, now: u64) {
        if let Some(late) = self.overdue(now) {
            self.open(self.settings.open_for, Cause::ProbeTimeout, now);
            if let State::Open { since, .. } = &mut self.state {
                *since = now.saturating_sub(late);
            }
        }
    }
}

// Policies.
impl Model {
    fn policy_met(&self) -> Option<Cause> {
        let State::Closed { consecutive, .. } = &self.state else { return None };
        let s = &self.settings;
        let Tally { calls, failed } = self.tally();
        // `min_calls` goes for rates; where there is none, for the count.
        let enough = calls >= s.min_calls;
        if (enough || s.failure_rate.is_some())
            && s.failures_in_window.is_some_and(|threshold| failed >= threshold)
        {
            Some(Cause::FailuresInWindow)
        } else if enough && s.failure_rate.is_some_and(|percent| failed * 100 >= percent * calls) {
            Some(Cause::FailureRate)
        } else if s.consecutive_failures.is_some_and(|threshold| *consecutive >= threshold) {
            Some(Cause::ConsecutiveFailures)
        } else {
            None
        }
    }
}

// Control by hand. None of these waits for a deadline to be noticed first: they
// replace whatever there is. Only `half_open` cares, because whether it has
// anything to do depends on it.
impl Model {
    pub fn trip(&mut self, now: u64) {
        self.open(self.settings.open_for, Cause::Manual, now);
    }

    pub fn trip_for(&mut self, ticks: u32, now: u64) {
        self.open(u64::from(ticks).min(LONGEST), Cause::Manual, now);
    }

    /// Always a fresh tenure, even when closed already.
    pub fn reset(&mut self, now: u64) {
        self.enter(State::closed(), Cause::Manual, now);
    }

    pub fn force_open(&mut self, now: u64) {
        if !matches!(self.state, State::ForcedOpen) {
            self.enter(State::ForcedOpen, Cause::Manual, now);
        }
    }

    pub fn disable(&mut self, now: u64) {
        if !matches!(self.state, State::Disabled) {
            self.enter(State::Disabled, Cause::Manual, now);
        }
    }

    /// False if it makes no sense.
    pub fn half_open(&mut self, now: u64) -> bool {
        self.notice_deadline(now);
        match self.state {
            State::Closed { .. } | State::Disabled => false,
            State::HalfOpen { .. } => true,
            State::Open { .. } | State::ForcedOpen => {
                self.enter(State::half_open(now), Cause::Manual, now);
                true
            }
        }
    }
}

// Readings, which change nothing.
impl Model {
    /// Eager: what an acquire at `now` would find.
    pub fn phase(&self, now: u64) -> Phase {
        match self.state {
            State::Open { since, length, .. } if elapsed(now, since) >= length => Phase::HalfOpen,
            State::HalfOpen { .. } => match self.overdue(now) {
                Some(late) if late < self.settings.open_for => Phase::Open,
                _ => Phase::HalfOpen,
            },
            _ => self.state.phase(),
        }
    }

    pub fn tally(&self) -> Tally {
        match &self.state {
            State::Closed { window, .. } => Tally {
                calls: window.len() as u32,
                failed: window.iter().filter(|&&failed| failed).count() as u32,
            },
            State::Open { tripped, .. } => *tripped,
            _ => Tally::default(),
        }
    }

    /// When the current opening or probing began.
    pub fn since(&self) -> Option<u64> {
        match self.state {
            State::Open { since, .. } | State::HalfOpen { since, .. } => Some(since),
            _ => None,
        }
    }

    /// The tick from which on time alone makes a difference.
    pub fn edge(&self) -> Option<u64> {
        match self.state {
            State::Open { since, length, .. } => Some(since + length),
            State::HalfOpen { since, .. } => self.settings.probe_timeout.map(|most| since + most),
            _ => None,
        }
    }

    /// How late a half-open breaker is, if it is.
    fn overdue(&self, now: u64) -> Option<u64> {
        match (&self.state, self.settings.probe_timeout) {
            (&State::HalfOpen { since, .. }, Some(most)) => elapsed(now, since).checked_sub(most),
            _ => None,
        }
    }
}

// Transitions.
impl Model {
    fn open(&mut self, length: u64, cause: Cause, now: u64) {
        let closed = matches!(self.state, State::Closed { .. });
        let tripped = if closed { self.tally() } else { Tally::default() };
        self.enter(State::Open { since: now, length, tripped }, cause, now);
    }

    fn enter(&mut self, state: State, cause: Cause, now: u64) {
        let from = self.state.phase();
        self.state = state;
        self.generation += 1;
        let (to, generation) = (self.state.phase(), self.generation);
        // One to the phase already held is a new tenure, but no news.
        if from != to {
            self.transitions.push(Transition { from, to, cause, generation, tick: now });
        }
    }
}

impl State {
    fn closed() -> Self {
        Self::Closed { consecutive: 0, window: VecDeque::new() }
    }

    fn half_open(now: u64) -> Self {
        Self::HalfOpen { since: now, out: 0, succeeded: 0, failed: 0 }
    }

    fn phase(&self) -> Phase {
        match self {
            Self::Closed { .. } => Phase::Closed,
            Self::Open { .. } => Phase::Open,
            Self::HalfOpen { .. } => Phase::HalfOpen,
            Self::ForcedOpen => Phase::ForcedOpen,
            Self::Disabled => Phase::Disabled,
        }
    }
}

/// A clock that stepped back shows that no time has passed.
fn elapsed(now: u64, since: u64) -> u64 {
    now.saturating_sub(since)
}
