//! Random histories: the breaker against the model, after every step.
//!
//! `PROPTEST_CASES=10000 cargo test --release --test properties` looks harder.

mod model;

use std::cell::RefCell;
use std::mem;

use microbreaker::{
    Breaker, Cause, Clock, Config, CountWindow, ManualClock, Observer, Outcome, Permit, Phase,
    Rejected, STEP_BACK, Token, Transition, Window,
};
use model::{Effect, Model, Refusal, Settings};
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;

/// Where the histories begin on the model's clock, which never goes below 0.
const EPOCH: u64 = 1 << 32;
/// No phase gets older than this: a wrapping clock cannot show more.
const OLDEST: u64 = (1 << 32) - 2 * STEP_BACK as u64;

#[derive(Clone, Debug)]
enum Step {
    /// A call that ends at once.
    Call(Outcome),
    Acquire,
    /// Ends one of the calls that are under way, not always the oldest.
    Finish(usize, Outcome),
    Cancel(usize),
    Advance(u32),
    /// To the tick at which time alone makes a difference, or just beside it.
    ToEdge(i64),
    Back(u32),
    Manual(Command),
}

#[derive(Clone, Debug)]
enum Command {
    HalfOpen,
    Trip,
    TripFor(u32),
    Reset,
    ForceOpen,
    Disable,
}

#[derive(Debug)]
struct History {
    settings: Settings,
    start: u32,
    steps: Vec<Step>,
}

// What may happen.

/// Small numbers, and now and then any up to `most`.
fn up_to(most: u32) -> impl Strategy<Value = u32> {
    prop_oneof![3 => 1..=most.min(5), 2 => 1..=most]
}

/// Short times, and now and then any up to the longest.
fn ticks() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 1..=20_u32, 4 => 1..=2_000_u32, 1 => 1..=model::LONGEST as u32 - STEP_BACK]
}

fn settings(capacity: u32) -> impl Strategy<Value = Settings> {
    let window = if capacity == 0 {
        Just((None, None, 0, 1)).boxed()
    } else {
        // Often as tight as the window's words allow.
        prop_oneof![1 => Just(capacity), 3 => up_to(capacity)]
            .prop_flat_map(|last| {
                let count = proptest::option::of(up_to(last));
                let rate = proptest::option::of(prop_oneof![1..=100_u32, Just(50), Just(100)]);
                (count, rate, Just(last), up_to(last))
            })
            .boxed()
    };
    let probes = prop_oneof![3 => 1..=4_u32, 1 => 1..=31_u32]
        .prop_flat_map(|probes| (Just(probes), 1..=probes));
    let timeout = prop_oneof![2 => ticks().prop_map(Some), 1 => Just(None)];
    (window, proptest::option::of(up_to(255)), ticks(), probes, timeout).prop_map(
        |((count, rate, last, min), consecutive, open_for, (probes, successes), timeout)| {
            let none = count.is_none() && rate.is_none() && consecutive.is_none();
            Settings {
                consecutive_failures: if none { Some(3) } else { consecutive },
                failures_in_window: count,
                failure_rate: rate,
                min_calls: min,
                last_calls: last,
                open_for: open_for.into(),
                probes,
                successes,
                probe_timeout: timeout.map(Into::into),
            }
        },
    )
}

fn outcome(percent_failing: u32) -> impl Strategy<Value = Outcome> {
    prop_oneof![
        300 - 3 * percent_failing => Just(Outcome::Success),
        3 * percent_failing => Just(Outcome::Failure),
        6 => Just(Outcome::Ignored),
        1 => (0..3_u32, ticks()).prop_map(|(zero, ticks)| {
            Outcome::FailureOpenFor(if zero == 0 { 0 } else { ticks })
        }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => Just(Command::Reset),
        4 => Just(Command::HalfOpen),
        2 => Just(Command::Trip),
        2 => prop_oneof![Just(0), ticks(), Just(u32::MAX)].prop_map(Command::TripFor),
        1 => Just(Command::ForceOpen),
        1 => Just(Command::Disable),
    ]
}

fn step(percent_failing: u32, meddling: u32) -> impl Strategy<Value = Step> {
    let any = 0..16_usize;
    prop_oneof![
        50 => outcome(percent_failing).prop_map(Step::Call),
        15 => Just(Step::Acquire),
        14 => (any.clone(), outcome(percent_failing)).prop_map(|(i, o)| Step::Finish(i, o)),
        2 => any.prop_map(Step::Cancel),
        4 => prop_oneof![0..=3_u32, ticks()].prop_map(Step::Advance),
        6 => (-1..=1_i64).prop_map(Step::ToEdge),
        1 => (1..=STEP_BACK).prop_map(Step::Back),
        meddling => command().prop_map(Step::Manual),
    ]
}

/// About 1,000 steps; a failing history shrinks to the few that matter.
fn history(capacity: u32) -> impl Strategy<Value = History> {
    let failing = prop_oneof![1..=5_u32, 1..=99_u32];
    (failing, prop_oneof![Just(1_u32), Just(20)])
        .prop_flat_map(move |(failing, meddling)| {
            let start = prop_oneof![any::<u32>(), (1..=3_000_u32).prop_map(u32::wrapping_neg)];
            let steps = proptest::collection::vec(step(failing, meddling), 1..=2_000);
            (settings(capacity), start, steps)
        })
        .prop_map(|(settings, start, steps)| History { settings, start, steps })
}

// Doing it, in the breaker and in the model.

/// Remembers everything it hears.
#[derive(Debug, Default)]
struct Recorder {
    transitions: RefCell<Vec<Transition>>,
    outcomes: RefCell<Vec<(Outcome, bool)>>,
    rejections: RefCell<Vec<Rejected>>,
}

impl Observer for Recorder {
    fn transition(&self, transition: &Transition) {
        self.transitions.borrow_mut().push(*transition);
    }

    fn outcome(&self, outcome: Outcome, stale: bool) {
        self.outcomes.borrow_mut().push((outcome, stale));
    }

    fn rejection(&self, rejected: &Rejected) {
        self.rejections.borrow_mut().push(*rejected);
    }
}

type Recorded<'a, W> = Breaker<W, &'a ManualClock, &'a Recorder>;

struct Pair<'a, W: Window> {
    breaker: &'a Recorded<'a, W>,
    model: Model,
    clock: &'a ManualClock,
    heard: &'a Recorder,
    now: u64,
    /// The latest `now` there was.
    latest: u64,
    under_way: Vec<(Permit<'a, Recorded<'a, W>>, model::Permit)>,
}

type Checked = Result<(), TestCaseError>;

impl<'a, W: Window> Pair<'a, W> {
    fn step(&mut self, step: &Step) -> Checked {
        match *step {
            Step::Call(outcome) => self.call(outcome)?,
            Step::Acquire => self.acquire()?,
            Step::Finish(..) | Step::Cancel(..) if self.under_way.is_empty() => {}
            Step::Finish(i, outcome) => self.finish(i % self.under_way.len(), outcome)?,
            Step::Cancel(i) => self.cancel(i % self.under_way.len())?,
            Step::Advance(ticks) => self.set_clock(self.now + u64::from(ticks)),
            Step::ToEdge(beside) => {
                if let Some(edge) = self.model.edge() {
                    self.set_clock(edge.saturating_add_signed(beside).max(self.now));
                }
            }
            Step::Back(ticks) => {
                let back = self.now - u64::from(ticks);
                self.set_clock(back.max(self.latest - u64::from(STEP_BACK)));
            }
            Step::Manual(ref command) => self.command(command)?,
        }
        // The documented limit of telling stale permits is 255 transitions.
        while let Some(i) =
            self.under_way.iter().position(|(_, p)| p.generation + 250 < self.model.generation)
        {
            self.finish(i, Outcome::Failure)?;
        }
        self.compare()
    }

    fn set_clock(&mut self, tick: u64) {
        let oldest = self.model.since().map_or(u64::MAX, |since| since + OLDEST);
        self.now = tick.min(oldest);
        self.latest = self.latest.max(self.now);
        self.clock.set(self.now as u32);
    }

    fn acquire(&mut self) -> Checked {
        match (self.breaker.try_acquire(), self.model.acquire(self.now)) {
            (Ok(permit), Ok(expected)) => {
                self.under_way.push((permit, expected));
                Ok(())
            }
            (Err(rejected), Err(expected)) => self.same_refusal(rejected, expected),
            (got, expected) => Err(TestCaseError::fail(format!("{got:?}, not {expected:?}"))),
        }
    }

    fn call(&mut self, outcome: Outcome) -> Checked {
        let mut made = false;
        let call = || {
            made = true;
            Ok::<(), ()>(())
        };
        let result = self.breaker.call_classified(call, |_| outcome);
        match self.model.acquire(self.now) {
            Ok(permit) => {
                prop_assert!(made && result.is_ok(), "the call was not made: {result:?}");
                let effect = self.model.finish(permit, outcome, self.now);
                self.same_effect(outcome, effect)
            }
            Err(expected) => {
                prop_assert!(!made, "the call was made");
                self.same_refusal(*result.unwrap_err().rejected().unwrap(), expected)
            }
        }
    }

    fn finish(&mut self, i: usize, outcome: Outcome) -> Checked {
        let (mut permit, expected) = self.under_way.swap_remove(i);
        if i % 2 == 1 {
            let bits = permit.into_token().to_bits();
            permit = self.breaker.resume(Token::from_bits(bits));
        }
        permit.finish(outcome);
        let effect = self.model.finish(expected, outcome, self.now);
        self.same_effect(outcome, effect)
    }

    fn cancel(&mut self, i: usize) -> Checked {
        let (permit, expected) = self.under_way.swap_remove(i);
        drop(permit);
        let effect = self.model.finish(expected, Outcome::Ignored, self.now);
        self.same_effect(Outcome::Ignored, effect)
    }

    fn command(&mut self, command: &Command) -> Checked {
        let Self { breaker, model, now, .. } = self;
        match *command {
            Command::Trip => (breaker.trip(), model.trip(*now)).0,
            Command::TripFor(ticks) => (breaker.trip_for(ticks), model.trip_for(ticks, *now)).0,
            Command::Reset => (breaker.reset(), model.reset(*now)).0,
            Command::ForceOpen => (breaker.force_open(), model.force_open(*now)).0,
            Command::Disable => (breaker.disable(), model.disable(*now)).0,
            Command::HalfOpen => {
                let phase = model.phase(*now);
                let result = breaker.half_open();
                prop_assert_eq!(result.is_ok(), model.half_open(*now));
                if let Err(refused) = result {
                    prop_assert_eq!((refused.from, refused.to), (phase, Phase::HalfOpen));
                }
            }
        }
        Ok(())
    }

    fn same_refusal(&self, got: Rejected, expected: Refusal) -> Checked {
        prop_assert_eq!(mem::take(&mut *self.heard.rejections.borrow_mut()), [got]);
        let retry_after = got.retry_after.map(u64::from);
        prop_assert_eq!(Refusal { phase: got.phase, retry_after }, expected);
        Ok(())
    }

    fn same_effect(&self, outcome: Outcome, effect: Effect) -> Checked {
        let heard = mem::take(&mut *self.heard.outcomes.borrow_mut());
        prop_assert_eq!(heard, [(outcome, effect == Effect::Stale)]);
        Ok(())
    }

    /// Everything that can be read, and what was heard since the last step.
    fn compare(&mut self) -> Checked {
        prop_assert_eq!(self.breaker.phase(), self.model.phase(self.now), "phase");
        let tally = self.breaker.tally();
        let expected = self.model.tally();
        prop_assert_eq!((tally.calls, tally.failed), (expected.calls, expected.failed), "tally");

        let got: Vec<(Phase, Phase, Cause, u8, u32)> =
            mem::take(&mut *self.heard.transitions.borrow_mut())
                .iter()
                .map(|t| (t.from, t.to, t.cause, t.generation, t.tick))
                .collect();
        let expected: Vec<_> = mem::take(&mut self.model.transitions)
            .iter()
            .map(|t| (t.from, t.to, t.cause, t.generation as u8, t.tick as u32))
            .collect();
        prop_assert_eq!(got, expected, "transitions");
        prop_assert!(self.heard.outcomes.borrow().is_empty(), "an outcome from nowhere");
        prop_assert!(self.heard.rejections.borrow().is_empty(), "a rejection from nowhere");
        Ok(())
    }
}

fn config(settings: &Settings) -> Config {
    let mut config = Config::new()
        .last_calls(settings.last_calls)
        .min_calls(settings.min_calls)
        .open_for(settings.open_for as u32)
        .probes(settings.probes)
        .successes(settings.successes);
    if let Some(count) = settings.consecutive_failures {
        config = config.consecutive_failures(count);
    }
    if let Some(count) = settings.failures_in_window {
        config = config.failures_in_window(count);
    }
    if let Some(percent) = settings.failure_rate {
        config = config.failure_rate(percent);
    }
    match settings.probe_timeout {
        Some(ticks) => config.probe_timeout(ticks as u32),
        None => config.no_probe_timeout(),
    }
}

fn agree<W: Window>(window: W, history: History) -> Checked {
    let now = EPOCH + u64::from(history.start);
    let clock = ManualClock::new(now as u32);
    let heard = Recorder::default();
    let config = config(&history.settings);
    let breaker = Breaker::try_new(config, window, &clock, &heard).unwrap();
    let model = Model::new(history.settings);
    let (breaker, clock, heard) = (&breaker, &clock, &heard);
    let mut pair = Pair { breaker, model, clock, heard, now, latest: now, under_way: Vec::new() };
    prop_assert_eq!(clock.now(), history.start);
    for (i, step) in history.steps.iter().enumerate() {
        pair.step(step).map_err(|e| TestCaseError::fail(format!("step {i}, {step:?}: {e}")))?;
    }
    Ok(())
}

/// One in `part` of the usual number of cases.
fn one_in(part: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.div_ceil(part),
        // Most of the time goes into random numbers; these are cheap.
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: None,
        ..usual
    }
}

/// Enough words for the last 200 calls.
type Last200 = CountWindow<{ CountWindow::<3>::words_for(200) }>;

proptest! {
    #![proptest_config(one_in(1))]

    #[test]
    fn a_window_of_up_to_200(history in history(200)) {
        agree(Last200::new(), history)?;
    }
}

// Small words and few of them, so that the ring wraps every few calls and its
// laps wrap too.
proptest! {
    #![proptest_config(one_in(4))]

    #[test]
    fn no_window(history in history(0)) {
        agree((), history)?;
    }

    #[test]
    fn the_smallest_ring(history in history(1)) {
        agree(CountWindow::<3, 1>::new(), history)?;
    }

    #[test]
    fn a_ring_of_single_calls(history in history(3)) {
        agree(CountWindow::<5, 1>::new(), history)?;
    }

    #[test]
    fn a_ring_of_three_small_words(history in history(2)) {
        agree(CountWindow::<3, 2>::new(), history)?;
    }

    #[test]
    fn a_ring_of_five_small_words(history in history(9)) {
        agree(CountWindow::<5, 3>::new(), history)?;
    }
}
