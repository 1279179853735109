//! What the models share. Everything here is for `--cfg loom` only.
//!
//! A model uses a breaker as a user does: through its public methods and its
//! observer. Its threads are loom's, so loom tries every interleaving and every
//! value that a load may return. What the models themselves share (the journal)
//! is hidden from loom on purpose, because it would order the threads.
#![cfg(loom)]

use std::sync::{Arc, Mutex};
use std::time::Instant;

use loom::sync::atomic::{AtomicU32, Ordering};
use microbreaker::{
    Breaker, Cause, Clock, Config, Observer, Outcome, Phase, Rejected, Token, Transition,
    window::Window,
};

/// Runs `f` in every interleaving.
pub fn model(f: impl Fn() + Sync + Send + 'static) {
    run(loom::model::Builder::new(), [f]);
}

/// Runs `f` in every interleaving with at most `preemptions` preemptions: for
/// models that would otherwise take longer than minutes.
pub fn model_with(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    models_with(preemptions, [f]);
}

/// Several models that count as one.
pub fn models_with<F: Fn() + Sync + Send + 'static>(
    preemptions: usize,
    models: impl IntoIterator<Item = F>,
) {
    let mut builder = loom::model::Builder::new();
    // `LOOM_MAX_PREEMPTIONS` takes precedence: `cargo xtask loom --full` sets it.
    builder.preemption_bound.get_or_insert(preemptions);
    run(builder, models);
}

/// Runs `f` in every interleaving with one preemption, and fails if one takes
/// more than `steps`.
pub fn bounded_model(steps: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(1);
    builder.max_branches = steps;
    builder.check(f);
}

/// Runs the models and prints the number of interleavings, which `cargo xtask` reads.
fn run<F: Fn() + Sync + Send + 'static>(
    mut builder: loom::model::Builder,
    models: impl IntoIterator<Item = F>,
) {
    let bound = match builder.preemption_bound {
        Some(bound) => bound.to_string(),
        None => "unbounded".into(),
    };
    // The longest model takes more steps than loom allows by default.
    builder.max_branches = 20_000;
    let limit = builder.max_duration;
    let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let start = Instant::now();
    for model in models {
        builder.max_duration = limit.map(|limit| limit.saturating_sub(start.elapsed()));
        let counted = count.clone();
        builder.check(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            model();
        });
    }
    let count = count.load(std::sync::atomic::Ordering::Relaxed);
    let took = start.elapsed();
    // loom stops silently at its limit.
    let end = if limit.is_some_and(|limit| took >= limit) { "stopped" } else { "ended" };
    eprintln!(
        "loom: preemptions {bound}, interleavings {count}, {end}, {:.2} s",
        took.as_secs_f32()
    );
}

/// Runs two operations on `shared` at once.
pub fn race<S: Send + Sync + 'static, A: 'static, B>(
    shared: &Arc<S>,
    a: impl FnOnce(&S) -> A + 'static,
    b: impl FnOnce(&S) -> B,
) -> (A, B) {
    let theirs = shared.clone();
    let a = loom::thread::spawn(move || a(&theirs));
    let b = b(shared);
    (a.join().unwrap(), b)
}

/// Runs three operations on `shared` at once.
pub fn race3<S: Send + Sync + 'static, A: 'static, B: 'static, C>(
    shared: &Arc<S>,
    a: impl FnOnce(&S) -> A + 'static,
    b: impl FnOnce(&S) -> B + 'static,
    c: impl FnOnce(&S) -> C,
) -> (A, B, C) {
    let theirs = shared.clone();
    let a = loom::thread::spawn(move || a(&theirs));
    let (b, c) = race(shared, b, c);
    (a.join().unwrap(), b, c)
}

/// A clock that the threads of a model advance. Relaxed: it orders nothing.
#[derive(Clone)]
pub struct Ticks(Arc<AtomicU32>);

impl Ticks {
    pub fn at(tick: u32) -> Self {
        Self(Arc::new(AtomicU32::new(tick)))
    }

    pub fn advance(&self, ticks: u32) {
        self.0.fetch_add(ticks, Ordering::Relaxed);
    }
}

impl Clock for Ticks {
    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn now_64(&self) -> Option<u64> {
        Some(self.now().into())
    }
}

/// A clock that stands still: cheaper to model than [`Ticks`].
pub struct Still;

impl Still {
    /// Far from 0, the initial tick of a new breaker.
    pub const NOW: u32 = 1000;
}

impl Clock for Still {
    fn now(&self) -> u32 {
        Self::NOW
    }

    fn now_64(&self) -> Option<u64> {
        Some(Self::NOW.into())
    }
}

/// Records what an observer hears.
#[derive(Default)]
pub struct Journal {
    transitions: Mutex<Vec<Transition>>,
    outcomes: Mutex<Vec<(Outcome, bool)>>,
    would_trips: Mutex<Vec<Cause>>,
}

impl Journal {
    /// The phases entered, in order. Checks first that each transition was heard
    /// once, and that together they are a path through the state diagram from
    /// `Closed`.
    pub fn path(&self) -> Vec<Phase> {
        let mut transitions = self.transitions.lock().unwrap().clone();
        transitions.sort_by_key(|transition| transition.generation);
        let mut path = vec![Phase::Closed];
        let mut last = None;
        for Transition { from, to, cause, generation, .. } in transitions {
            assert_ne!(last, Some(generation), "a transition was heard twice");
            assert_eq!(path.last(), Some(&from), "a transition was not heard");
            assert!(in_diagram(from, to, cause), "{from} to {to} by {cause:?}");
            last = Some(generation);
            path.push(to);
        }
        path
    }

    /// The outcomes heard, and whether they were stale, in no particular order.
    pub fn outcomes(&self) -> Vec<(Outcome, bool)> {
        self.outcomes.lock().unwrap().clone()
    }

    /// The causes for which the breaker reported that it would have tripped.
    pub fn would_trips(&self) -> Vec<Cause> {
        self.would_trips.lock().unwrap().clone()
    }

    /// How often a transition to `to` for `cause` was heard.
    pub fn heard(&self, to: Phase, cause: Cause) -> usize {
        let transitions = self.transitions.lock().unwrap();
        transitions.iter().filter(|heard| heard.to == to && heard.cause == cause).count()
    }
}

fn in_diagram(from: Phase, to: Phase, cause: Cause) -> bool {
    match cause {
        Cause::ConsecutiveFailures
        | Cause::FailuresInWindow
        | Cause::FailureRate
        | Cause::SlowRate => (from, to) == (Phase::Closed, Phase::Open),
        Cause::Demanded => matches!(from, Phase::Closed | Phase::HalfOpen) && to == Phase::Open,
        Cause::OpeningOver => (from, to) == (Phase::Open, Phase::HalfOpen),
        Cause::ProbesSucceeded => (from, to) == (Phase::HalfOpen, Phase::Closed),
        Cause::ProbesFailed => (from, to) == (Phase::HalfOpen, Phase::Open),
        Cause::ProbeTimeout => from == Phase::HalfOpen && matches!(to, Phase::Open | Phase::Closed),
        _ => from != to,
    }
}

impl Observer for Journal {
    fn transition(&self, transition: &Transition) {
        self.transitions.lock().unwrap().push(*transition);
    }

    fn outcome(&self, outcome: Outcome, stale: bool) {
        self.outcomes.lock().unwrap().push((outcome, stale));
    }

    fn would_trip(&self, cause: Cause) {
        self.would_trips.lock().unwrap().push(cause);
    }
}

/// A breaker with a journal.
pub type Observed<W, C = Still> = Breaker<W, C, Journal>;

/// A closed breaker at [`Still::NOW`].
pub fn still<W: Window>(config: Config, window: W) -> Arc<Observed<W>> {
    Arc::new(Breaker::observed(config, window, Still, Journal::default()))
}

/// A closed breaker, and the clock it reads.
pub fn ticking<W: Window>(config: Config, window: W) -> (Arc<Observed<W, Ticks>>, Ticks) {
    ticking_with(config, window, Ticks::at(Still::NOW))
}

/// The same, with a clock that the window reads too.
pub fn ticking_with<W: Window>(
    config: Config,
    window: W,
    ticks: Ticks,
) -> (Arc<Observed<W, Ticks>>, Ticks) {
    (Arc::new(Breaker::observed(config, window, ticks.clone(), Journal::default())), ticks)
}

/// Shorthands for what models do to a breaker.
pub trait Use {
    /// Acquires a permit and returns its token, which may go to another thread.
    fn hold(&self) -> Result<Token, Rejected>;
    /// Makes a call that succeeds. Returns whether it was admitted.
    fn succeed(&self) -> bool;
    /// Makes a call that fails. Returns whether it was admitted.
    fn fail(&self) -> bool;
    /// Makes a call that succeeds after `ticks`. Returns whether it was admitted.
    fn succeed_after(&self, ticks: u32) -> bool;
    /// The ticks until the next call is worth trying; the breaker must refuse.
    fn left(&self) -> Option<u32>;
}

impl<W: Window, C: Clock> Use for Observed<W, C> {
    fn hold(&self) -> Result<Token, Rejected> {
        self.try_acquire().map(|permit| permit.into_token())
    }

    fn succeed(&self) -> bool {
        self.try_acquire().map(|permit| permit.success()).is_ok()
    }

    fn fail(&self) -> bool {
        self.try_acquire().map(|permit| permit.failure()).is_ok()
    }

    fn succeed_after(&self, ticks: u32) -> bool {
        self.try_acquire().map(|permit| permit.took(ticks).success()).is_ok()
    }

    fn left(&self) -> Option<u32> {
        self.hold().expect_err("the breaker must refuse").retry_after
    }
}

/// A half-open breaker, and the tokens of the `out` probes it has out.
///
/// Opens at one failure, for 10 ticks; half-open for 20; needs `successes` of
/// `probes`.
pub fn probing(
    probes: u32,
    successes: u32,
    out: u32,
) -> (Arc<Observed<(), Ticks>>, Ticks, Vec<Token>) {
    let config = Config::new().consecutive_failures(1).probes(probes).successes(successes);
    half_open(config, (), out)
}

/// The same with another configuration and a window; always open for 10 ticks and
/// half-open for 20.
pub fn half_open<W: Window>(
    config: Config,
    window: W,
    out: u32,
) -> (Arc<Observed<W, Ticks>>, Ticks, Vec<Token>) {
    let (breaker, ticks) = ticking(config.open_for(10).probe_timeout(20), window);
    breaker.trip();
    ticks.advance(10);
    let tokens = (0..out).map(|_| breaker.hold().unwrap()).collect();
    (breaker, ticks, tokens)
}
