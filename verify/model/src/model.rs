//! The reference model.

use microbreaker::{
    AfterProbeTimeout, Cause, Command, Decision, Outcome, Phase, Tally, window::Record,
};

use crate::settings::{Abandoned, Backoff, Jitter, ProbeTimeout, Ramp, Ratio, Settings};
use crate::window::{Recent, elapsed};

/// The longest opening, in ticks; longer ones are cut to this.
const LONGEST: u64 = (1 << 31) - 1;
/// The longest probe timeout that is used by default.
const LONGEST_PROBING: u64 = 1 << 30;
/// Where the count of failures in a row stops.
const MOST_CONSECUTIVE: u32 = 255;
/// The most ticks by which a ramp is ahead.
const MOST_AHEAD: u64 = (1 << 23) - 1;
/// Where the backoff level stops.
const MOST_LEVEL: u32 = 15;

/// The phase, and what the breaker knows while in it.
#[derive(Clone, Debug)]
enum State {
    Closed {
        watch: Watch,
        /// While closing gradually, each call adds the current share, in percent. A call
        /// that reaches 100 is admitted, and the rest stays.
        credit: Option<u32>,
        /// How many ticks earlier than the phase the ramp began, elsewhere.
        ahead: u64,
    },
    Open {
        /// An explicit length, in ticks.
        explicit_length: Option<u64>,
        /// What tripped the breaker.
        tripped: Tripped,
    },
    HalfOpen {
        /// Probes given out that have not come back.
        out: u32,
        finished: Tally,
        /// The tick at which the breaker became half-open; it can stay so for several
        /// tenures.
        began: u64,
    },
    ForcedOpen,
    Disabled,
    MetricsOnly {
        watch: Watch,
        /// The policies that are met and have been reported.
        reported: Vec<Cause>,
    },
}

/// What tripped an open breaker.
#[derive(Clone, Debug)]
enum Tripped {
    Policy(Watch),
    Probes(Tally),
    /// A command, a probe's outcome that demanded the opening, or a deadline.
    Other,
}

/// What the policies look at.
#[derive(Clone, Debug)]
struct Watch {
    window: Recent,
    /// The level of the leaky bucket.
    level: u32,
    /// Failures in a row so far.
    consecutive: u32,
}

/// A call that has entered the window, and the tally right after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entered {
    call: Record,
    tally: Tally,
}

/// Permission to make one call.
#[derive(Clone, Copy, Debug)]
pub struct Permit {
    pub generation: u64,
    pub started: u64,
    pub is_probe: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub phase: Phase,
    pub retry_after: Option<u64>,
}

/// What an outcome did.
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
    /// The number of the tenure that begins.
    pub generation: u64,
    pub tick: u64,
}

/// The breaker at a glance, as the next caller would find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub phase: Phase,
    pub generation: u64,
    pub in_phase_for: u64,
    pub retry_after: Option<u64>,
    pub tally: Tally,
    pub failure_permille: Option<u32>,
    pub slow_permille: Option<u32>,
    pub consecutive_failures: u32,
    pub backoff_level: u32,
}

/// A breaker for one thread.
///
/// Ticks are counted in a `u64`; the breaker sees the low 32 bits.
#[derive(Clone, Debug)]
pub struct Model {
    settings: Settings,
    state: State,
    /// The number of the current tenure.
    pub generation: u64,
    /// The tick from which time in the phase is counted: when the tenure began, or while
    /// half-open, when a probe was last given out or ended...
    since: u64,
    /// ...plus this many ticks, if the tenure began at the deadline of the one before.
    delay: u64,
    /// The backoff level: trips from half-open without closing in between.
    level: u32,
    /// Every transition from one phase to another, in order.
    pub transitions: Vec<Transition>,
    /// Every trip that a dry run reported instead of tripping.
    pub would_trips: Vec<Cause>,
}

// Calls.
impl Model {
    /// A breaker that has been closed since tick 0.
    pub fn new(settings: Settings) -> Self {
        let state = State::Closed { watch: Watch::new(&settings, None), credit: None, ahead: 0 };
        Self {
            settings,
            state,
            generation: 0,
            since: 0,
            delay: 0,
            level: 0,
            transitions: Vec::new(),
            would_trips: Vec::new(),
        }
    }

    pub fn acquire(&mut self, now: u64) -> Result<Permit, Refusal> {
        self.notice_deadline(now);
        let due = self.opening_left(now) == Some(0);
        if due {
            self.probe(Cause::OpeningOver, now);
        }
        let ticks = self.in_phase_for(now);
        let refused_for = self.ticks_left(now);
        let admitted = match &mut self.state {
            State::Closed { credit, ahead, .. } => {
                match (*credit, share_after(&self.settings, ticks + *ahead)) {
                    (Some(saved), Some(share)) => {
                        *credit = Some((saved + share) % 100);
                        saved + share >= 100
                    }
                    // Once a caller finds the ramp over, it is over for good.
                    _ => {
                        *credit = None;
                        true
                    }
                }
            }
            State::HalfOpen { .. } => self.give_probe(due, now),
            State::Disabled | State::MetricsOnly { .. } => true,
            State::Open { .. } | State::ForcedOpen => false,
        };
        if admitted {
            let is_probe = self.state.phase() == Phase::HalfOpen;
            Ok(Permit { generation: self.generation, started: now, is_probe })
        } else {
            Err(Refusal { phase: self.state.phase(), retry_after: refused_for })
        }
    }

    /// Whether there is room for one more probe.
    fn has_room(&self) -> bool {
        let State::HalfOpen { out, finished, .. } = self.state else { return false };
        // A finished probe frees its place only if the settings say so.
        let reuse = self.settings.reuse_probes_until.is_some();
        let given = if reuse { out } else { out + finished.calls };
        given < self.settings.probes
    }

    /// Gives out a probe, if there is room. `due`: it is the one with which half-open
    /// begins.
    fn give_probe(&mut self, due: bool, now: u64) -> bool {
        let room = self.has_room();
        if let State::HalfOpen { out, .. } = &mut self.state
            && room
        {
            // No permit of this tenure is out, so the next one begins. It keeps what the
            // probes have found so far.
            self.generation += u64::from(*out == 0 && !due);
            *out += 1;
            (self.since, self.delay) = (now, 0);
        }
        room
    }

    /// Ends a call that took `took` ticks; `None`: as many as the clock says.
    pub fn finish(
        &mut self,
        permit: Permit,
        outcome: Outcome,
        took: Option<u64>,
        now: u64,
    ) -> Effect {
        if permit.generation == self.generation {
            self.notice_deadline(now);
        }
        if permit.generation != self.generation {
            return Effect::Stale;
        }
        let slow = self.is_slow(permit, took, now);
        let call = record(outcome, slow);
        match (&self.state, outcome) {
            (State::Disabled, _) => {}
            (State::HalfOpen { .. }, Outcome::Ignored) => self.hand_back(now),
            (_, Outcome::Ignored) => {}
            (State::MetricsOnly { .. }, _) => self.watch_call(outcome, call, now),
            (_, Outcome::FailureOpenFor(ticks @ 1..)) => {
                self.open(Some(ticks.into()), Cause::Demanded, now);
            }
            (State::Closed { .. }, _) => self.finish_call(call, now),
            (State::HalfOpen { .. }, _) => self.finish_probe(call, now),
            (State::Open { .. } | State::ForcedOpen, _) => unreachable!("they give out no permits"),
        }
        Effect::Booked
    }

    /// Drops a permit without an outcome.
    pub fn cancel(&mut self, permit: Permit, now: u64) -> Effect {
        let outcome = self.abandoned(permit, None, now);
        self.finish(permit, outcome, None, now)
    }

    /// What a permit dropped without an outcome counts as.
    pub fn abandoned(&self, permit: Permit, took: Option<u64>, now: u64) -> Outcome {
        match self.settings.abandoned {
            Abandoned::Failed => Outcome::Failure,
            Abandoned::ByTime if self.is_slow(permit, took, now) => {
                if permit.is_probe {
                    Outcome::Failure
                } else {
                    Outcome::Success
                }
            }
            Abandoned::Ignored | Abandoned::ByTime => Outcome::Ignored,
        }
    }

    fn is_slow(&self, permit: Permit, took: Option<u64>, now: u64) -> bool {
        let took = took.unwrap_or_else(|| elapsed(now, permit.started));
        self.settings.slow_after.is_some_and(|after| took > u64::from(after))
    }

    fn finish_call(&mut self, call: Record, now: u64) {
        let entered = self.enter_window(call, now);
        self.count(entered, now);
    }

    /// The first half of ending a call while closed: the call enters the window.
    pub(crate) fn enter_window(&mut self, call: Record, now: u64) -> Entered {
        let State::Closed { watch, .. } = &mut self.state else { unreachable!() };
        watch.enter(&self.settings, call, now)
    }

    /// The second half: the call counts towards the failures in a row, and may trip the
    /// breaker.
    pub(crate) fn count(&mut self, entered: Entered, now: u64) {
        let State::Closed { watch, .. } = &mut self.state else { unreachable!() };
        if let Some(&cause) = watch.count(&self.settings, entered).first() {
            self.open(None, cause, now);
        }
    }

    /// The failures in a row so far, if a call with `permit` ends in two halves, because it
    /// enters a window.
    pub(crate) fn ends_in_halves(&self, permit: Permit) -> Option<u32> {
        match &self.state {
            State::Closed { watch, .. } if permit.generation == self.generation => {
                let has_window = !matches!(watch.window, Recent::None);
                let enters = has_window || self.settings.leaky_bucket.is_some();
                enters.then_some(watch.consecutive)
            }
            _ => None,
        }
    }

    /// Ends a call during a dry run.
    fn watch_call(&mut self, outcome: Outcome, call: Record, now: u64) {
        let State::MetricsOnly { watch, reported } = &mut self.state else { unreachable!() };
        // A policy has recovered once no call, however bad, would meet it: by time, or by this
        // call. A demand has ended once a call did not make it.
        let worst_call = record(Outcome::Failure, true);
        let met_before = watch.met(&self.settings, worst_call, watch.tally(now));
        reported.retain(|cause| *cause == Cause::Demanded || met_before.contains(cause));
        let entered = watch.enter(&self.settings, call, now);
        let demanded = matches!(outcome, Outcome::FailureOpenFor(1..)).then_some(Cause::Demanded);
        let counted = watch.count(&self.settings, entered);
        let met: Vec<_> = demanded.into_iter().chain(counted).collect();
        let still_met = watch.met(&self.settings, worst_call, watch.tally(now));
        let new = met.iter().filter(|cause| !reported.contains(cause));
        self.would_trips.extend(new);
        reported.retain(|cause| still_met.contains(cause));
        reported.extend(met);
    }

    fn hand_back(&mut self, now: u64) {
        let State::HalfOpen { out, .. } = &mut self.state else { unreachable!() };
        *out -= 1;
        (self.since, self.delay) = (now, 0);
    }

    fn finish_probe(&mut self, call: Record, now: u64) {
        self.hand_back(now);
        let settings = &self.settings;
        let State::HalfOpen { finished, .. } = &mut self.state else { unreachable!() };
        finished.calls += 1;
        let closes = if let Some(after) = settings.probe_rate_after {
            finished.failed += u32::from(call.failed);
            finished.slow += u32::from(call.slow);
            let bad = reached(settings.failure_rate, finished.failed, finished.calls)
                || reached(settings.slow_rate, finished.slow, finished.calls);
            (finished.calls >= after).then_some(!bad)
        } else {
            // A slow probe counts as failed.
            finished.failed += u32::from(call.failed || call.slow);
            let of = settings.reuse_probes_until.unwrap_or(settings.probes);
            let needed = settings.successes.unwrap_or(of);
            if finished.calls - finished.failed >= needed {
                Some(true)
            } else {
                (finished.failed > of - needed).then_some(false)
            }
        };
        match closes {
            Some(true) => self.close_gradually(Cause::ProbesSucceeded, now),
            Some(false) => self.open(None, Cause::ProbesFailed, now),
            None => {}
        }
    }

    /// Ends half-open if it is overdue.
    pub(crate) fn notice_deadline(&mut self, now: u64) {
        if !self.is_overdue(now) {
            return;
        }
        match self.settings.after_probe_timeout {
            // The new opening counts from the deadline.
            AfterProbeTimeout::Open => {
                let (since, delay) = (self.since, self.deadline().unwrap_or(0));
                self.open(None, Cause::ProbeTimeout, now);
                (self.since, self.delay) = (since, delay);
            }
            // This skips a generation.
            AfterProbeTimeout::FreshProbes => {
                self.generation += 1;
                self.probe(Cause::ProbeTimeout, now);
            }
            AfterProbeTimeout::Close => self.close_gradually(Cause::ProbeTimeout, now),
        }
    }
}

// Policies.
impl Watch {
    fn new(settings: &Settings, now: Option<u64>) -> Self {
        Self { window: Recent::new(settings, now), level: 0, consecutive: 0 }
    }

    fn enter(&mut self, settings: &Settings, call: Record, now: u64) -> Entered {
        self.window.record(call, now);
        if let Some(leak) = settings.leaky_bucket {
            let (level, up) = (u64::from(self.level), u64::from(leak.up()));
            let changed = if call.failed {
                (level + u64::from(call.weight) * up).min(leak.limit().into())
            } else {
                level.saturating_sub(leak.down().into())
            };
            self.level = changed as u32;
        }
        Entered { call, tally: self.tally(now) }
    }

    fn tally(&self, now: u64) -> Tally {
        Tally { level: self.level, ..self.window.tally(now) }
    }

    /// Counts the call that `entered`; the policies then met, in order of precedence.
    fn count(&mut self, settings: &Settings, entered: Entered) -> Vec<Cause> {
        let Entered { call, tally } = entered;
        self.consecutive =
            if call.failed { (self.consecutive + 1).min(MOST_CONSECUTIVE) } else { 0 };
        self.met(settings, call, tally)
    }

    /// The policies met after `call`, with `tally` in the window.
    fn met(&self, settings: &Settings, call: Record, tally: Tally) -> Vec<Cause> {
        let Tally { calls, failed, slow, level } = tally;
        let enough = calls >= settings.min_calls;
        // `min_calls` applies to the rates; to the failures in the window only if there is
        // no rate.
        let has_rate = settings.failure_rate.is_some() || settings.slow_rate.is_some();
        let count_met = settings.failures_in_window.is_some_and(|threshold| failed >= threshold);
        let row_met = settings.consecutive_failures.is_some_and(|threshold| {
            let aged = settings.consecutive_within_window && failed < threshold;
            self.consecutive >= threshold && !aged
        });
        let full = settings.leaky_bucket.is_some_and(|leak| level >= leak.limit());
        let by_rate = |rate, bad| calls > 0 && enough && reached(rate, bad, calls);
        let met = [
            (call.failed && (enough || has_rate) && count_met, Cause::FailuresInWindow),
            (call.failed && full, Cause::LeakyBucket),
            (call.failed && by_rate(settings.failure_rate, failed), Cause::FailureRate),
            (call.slow && by_rate(settings.slow_rate, slow), Cause::SlowRate),
            (call.failed && row_met, Cause::ConsecutiveFailures),
        ];
        met.into_iter().filter(|(met, _)| *met).map(|(_, cause)| cause).collect()
    }
}

/// What a call that ended with `outcome` counts as.
pub(crate) fn record(outcome: Outcome, slow: bool) -> Record {
    let weight = if let Outcome::WeightedFailure(weight) = outcome { weight } else { 1 };
    Record { failed: outcome != Outcome::Success, slow, weight }
}

/// Whether `bad` of `calls` reaches `ratio`.
fn reached(ratio: Option<Ratio>, bad: u32, calls: u32) -> bool {
    ratio.is_some_and(|Ratio { part, whole }| {
        u64::from(bad) * u64::from(whole) >= u64::from(part) * u64::from(calls)
    })
}

/// The share of calls admitted `ticks` after closing; `None` admits all.
fn share_after(settings: &Settings, ticks: u64) -> Option<u32> {
    let Ramp { shares, step } = settings.ramp.as_ref()?;
    shares.get((ticks / u64::from(*step)) as usize).map(|&share| share.into())
}

// Manual control. A command finds the phase that a reader would see.
impl Model {
    /// Executes a command. A command that makes no sense in the current phase is refused
    /// with that phase.
    pub fn command(&mut self, command: Command, now: u64) -> Result<(), Phase> {
        if command == Command::TripFor(0) {
            // Demands nothing.
            return Ok(());
        }
        self.notice_deadline(now);
        match command {
            Command::Trip => self.open(None, Cause::Manual, now),
            Command::TripFor(ticks) => self.open(Some(ticks.into()), Cause::Manual, now),
            Command::HalfOpen => return self.half_open(now),
            // Begins a new tenure even if already closed.
            Command::Reset => self.close(None, 0, Cause::Manual, now),
            Command::ForceOpen => self.force_open(now),
            Command::Disable => self.disable(now),
            Command::MetricsOnly => self.metrics_only(now),
        }
        Ok(())
    }

    fn force_open(&mut self, now: u64) {
        if !matches!(self.state, State::ForcedOpen) {
            self.enter(State::ForcedOpen, Cause::Manual, now);
        }
    }

    fn disable(&mut self, now: u64) {
        if !matches!(self.state, State::Disabled) {
            self.enter(State::Disabled, Cause::Manual, now);
        }
    }

    fn metrics_only(&mut self, now: u64) {
        if !matches!(self.state, State::MetricsOnly { .. }) {
            let watch = Watch::new(&self.settings, Some(now));
            self.enter(State::MetricsOnly { watch, reported: Vec::new() }, Cause::Manual, now);
        }
    }

    fn half_open(&mut self, now: u64) -> Result<(), Phase> {
        match self.state {
            State::Closed { .. } | State::Disabled | State::MetricsOnly { .. } => {
                Err(self.state.phase())
            }
            State::HalfOpen { .. } => Ok(()),
            State::Open { .. } | State::ForcedOpen => {
                self.probe(Cause::Manual, now);
                Ok(())
            }
        }
    }
}

// What a fleet decides.
impl Model {
    /// Follows `decision`. Returns whether that began a tenure.
    pub fn follow(&mut self, decision: Decision, now: u64) -> bool {
        self.notice_deadline(now);
        let age = match decision {
            Decision::OpenFor(0) => return false,
            Decision::OpenFor(ticks) => return self.follow_opening(ticks.into(), now),
            Decision::Close => 0,
            Decision::CloseAsOf(age) => age.into(),
        };
        let follows = match self.state {
            State::Open { .. } | State::HalfOpen { .. } => true,
            State::Closed { .. } => {
                let is_over = share_after(&self.settings, age).is_none();
                decision != Decision::Close && !is_over && !self.is_ramping(now)
            }
            State::ForcedOpen | State::Disabled | State::MetricsOnly { .. } => false,
        };
        if follows {
            self.close_as_of(age, Cause::Fleet, now);
        }
        follows
    }

    fn follow_opening(&mut self, ticks: u64, now: u64) -> bool {
        let follows = match self.state {
            State::Closed { .. } | State::HalfOpen { .. } => true,
            State::Open { .. } => self.opening_left(now) == Some(0),
            State::ForcedOpen | State::Disabled | State::MetricsOnly { .. } => false,
        };
        if let State::Open { tripped, .. } = &mut self.state
            && follows
        {
            // It is over: a recovery that has failed, in a tenure that nobody sees.
            *tripped = Tripped::Other;
            self.level = (self.level + 1).min(MOST_LEVEL);
            self.generation += 1;
        }
        if follows {
            self.open(Some(ticks), Cause::Fleet, now);
        }
        follows
    }

    fn is_ramping(&self, now: u64) -> bool {
        let State::Closed { credit: Some(_), ahead, .. } = self.state else { return false };
        share_after(&self.settings, self.in_phase_for(now) + ahead).is_some()
    }
}

// New settings while in use.
impl Model {
    /// Goes on as before, but trips at this many failures in a row.
    pub fn reload(&mut self, consecutive_failures: u32) {
        self.settings.consecutive_failures = Some(consecutive_failures);
    }
}

// Readings. They change nothing.
impl Model {
    /// The phase that an acquire at `now` would find.
    pub fn phase(&self, now: u64) -> Phase {
        self.ahead(now).0.state.phase()
    }

    /// The tally of the window; while open, that of the window or the probes that tripped
    /// the breaker.
    pub fn tally(&self, now: u64) -> Tally {
        match &self.state {
            State::Closed { watch, .. } | State::MetricsOnly { watch, .. } => watch.tally(now),
            State::Open { tripped: Tripped::Policy(watch), .. } => watch.tally(now),
            State::Open { tripped: Tripped::Probes(finished), .. } => *finished,
            _ => Tally::default(),
        }
    }

    pub fn snapshot(&self, now: u64) -> Snapshot {
        let (ahead, began) = self.ahead(now);
        // `min_calls` does not apply to probes.
        let (tally, least_calls) = match ahead.state {
            State::HalfOpen { finished, .. }
            | State::Open { tripped: Tripped::Probes(finished), .. } => (finished, 1),
            _ => (ahead.tally(now), ahead.settings.min_calls),
        };
        let permille = |bad| {
            (tally.calls >= least_calls && tally.calls > 0)
                .then(|| (bad * 1_000 + tally.calls / 2) / tally.calls)
        };
        let consecutive = match &ahead.state {
            State::Closed { watch, .. } | State::MetricsOnly { watch, .. } => watch.consecutive,
            _ => 0,
        };
        let counts_consecutive = ahead.settings.consecutive_failures.is_some();
        Snapshot {
            phase: ahead.state.phase(),
            generation: ahead.generation,
            in_phase_for: if began { ahead.in_phase_for(now) } else { 0 },
            retry_after: ahead.ticks_left(now),
            tally,
            failure_permille: permille(tally.failed),
            slow_permille: ahead.settings.slow_rate.and_then(|_| permille(tally.slow)),
            consecutive_failures: if counts_consecutive { consecutive } else { 0 },
            backoff_level: ahead.level,
        }
    }

    /// The next tick at which the passing of time changes something, if any.
    pub fn edge(&self, now: u64) -> Option<u64> {
        let ticks = match &self.state {
            State::Open { .. } => Some(self.delay + self.opening()),
            State::HalfOpen { .. } => self.deadline(),
            State::Closed { credit: Some(_), ahead, .. } => {
                let step = u64::from(self.settings.ramp.as_ref()?.step);
                Some(((self.in_phase_for(now) + ahead) / step + 1) * step - ahead)
            }
            _ => None,
        };
        ticks.map(|ticks| self.since + ticks)
    }

    /// The model as the next caller would find it, and whether that tenure has already
    /// begun.
    fn ahead(&self, now: u64) -> (Self, bool) {
        let mut ahead = self.clone();
        ahead.notice_deadline(now);
        let mut began =
            ahead.generation == self.generation || matches!(ahead.state, State::Open { .. });
        if ahead.opening_left(now) == Some(0) {
            ahead.probe(Cause::OpeningOver, now);
            began = false;
        }
        (ahead, began)
    }

    /// Ticks until it is worth trying again, if that is known.
    fn ticks_left(&self, now: u64) -> Option<u64> {
        match self.state {
            State::HalfOpen { .. } if !self.has_room() => {
                self.deadline().map(|ticks| ticks.saturating_sub(self.in_phase_for(now)))
            }
            _ => self.opening_left(now),
        }
    }

    fn in_phase_for(&self, now: u64) -> u64 {
        elapsed(now, self.since).saturating_sub(self.delay)
    }

    /// Ticks until the opening is over, if the breaker is open.
    fn opening_left(&self, now: u64) -> Option<u64> {
        let open = matches!(self.state, State::Open { .. });
        open.then(|| self.opening().saturating_sub(self.in_phase_for(now)))
    }

    /// How long the opening lasts.
    fn opening(&self) -> u64 {
        if let State::Open { explicit_length: Some(length), .. } = self.state {
            return length.min(LONGEST);
        }
        let mut wait = u64::from(self.settings.open_for);
        if let Some(Backoff { factor, max }) = self.settings.backoff {
            // In 2^15ths of a tick.
            let mut fine = u128::from(wait) << 15;
            for _ in 0..self.level {
                let product = fine * u128::from(factor.part) / u128::from(factor.whole);
                fine = product.min(u128::from(max) << 15);
            }
            wait = (fine >> 15) as u64;
        }
        if let Some(Jitter { percent, seed }) = self.settings.jitter {
            let most = wait * u64::from(percent) / 100;
            let tick = (self.since + self.delay) as u32;
            let drawn = mix(seed ^ mix(tick ^ mix(self.generation as u8 as u32)));
            wait += (u64::from(drawn) * (most + 1)) >> 32;
        }
        wait.min(LONGEST)
    }

    /// Ticks from `since` until half-open is overdue, if it can be.
    fn deadline(&self) -> Option<u64> {
        let State::HalfOpen { out, began, .. } = self.state else { return None };
        let by_probe = match self.settings.probe_timeout {
            ProbeTimeout::OpenFor => Some(u64::from(self.settings.open_for).min(LONGEST_PROBING)),
            ProbeTimeout::Ticks(ticks) => Some(ticks.into()),
            ProbeTimeout::Never => None,
        };
        let stayed = elapsed(self.since, began);
        let longest = self.settings.longest_half_open;
        let by_stay = longest.map(|longest| u64::from(longest).saturating_sub(stayed));
        by_probe.filter(|_| out > 0).into_iter().chain(by_stay).min()
    }

    pub(crate) fn is_overdue(&self, now: u64) -> bool {
        self.deadline().is_some_and(|most| self.in_phase_for(now) >= most)
    }
}

/// The finalizer of MurmurHash3 by Austin Appleby, in the public domain.
fn mix(mut bits: u32) -> u32 {
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x85eb_ca6b);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0xc2b2_ae35);
    bits ^ (bits >> 16)
}

// Transitions.
impl Model {
    fn open(&mut self, explicit_length: Option<u64>, cause: Cause, now: u64) {
        let tripped = match &self.state {
            State::Closed { watch, .. } | State::MetricsOnly { watch, .. } => {
                Tripped::Policy(watch.clone())
            }
            State::HalfOpen { finished, .. } if cause == Cause::ProbesFailed => {
                Tripped::Probes(*finished)
            }
            _ => Tripped::Other,
        };
        if matches!(self.state, State::HalfOpen { .. }) {
            self.level = (self.level + 1).min(MOST_LEVEL);
        }
        self.enter(State::Open { explicit_length, tripped }, cause, now);
    }

    fn probe(&mut self, cause: Cause, now: u64) {
        let half_open = State::HalfOpen { out: 0, finished: Tally::default(), began: now };
        self.enter(half_open, cause, now);
    }

    fn close_gradually(&mut self, cause: Cause, now: u64) {
        self.close_as_of(0, cause, now);
    }

    /// Closes with what is left of a ramp that began `age` ticks ago.
    fn close_as_of(&mut self, age: u64, cause: Cause, now: u64) {
        let credit = share_after(&self.settings, age).map(|_| 0);
        self.close(credit, age.min(MOST_AHEAD), cause, now);
    }

    fn close(&mut self, credit: Option<u32>, ahead: u64, cause: Cause, now: u64) {
        self.level = 0;
        let watch = Watch::new(&self.settings, Some(now));
        self.enter(State::Closed { watch, credit, ahead }, cause, now);
    }

    fn enter(&mut self, state: State, cause: Cause, now: u64) {
        let from = self.state.phase();
        self.state = state;
        self.generation += 1;
        (self.since, self.delay) = (now, 0);
        let (to, generation) = (self.state.phase(), self.generation);
        // A transition to the current phase begins a new tenure without a report.
        if from != to {
            self.transitions.push(Transition { from, to, cause, generation, tick: now });
        }
    }
}

impl State {
    fn phase(&self) -> Phase {
        match self {
            Self::Closed { .. } => Phase::Closed,
            Self::Open { .. } => Phase::Open,
            Self::HalfOpen { .. } => Phase::HalfOpen,
            Self::ForcedOpen => Phase::ForcedOpen,
            Self::Disabled => Phase::Disabled,
            Self::MetricsOnly { .. } => Phase::MetricsOnly,
        }
    }
}
