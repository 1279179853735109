//! No operation waits: every loop retries only because another operation made progress.
//!
//! loom tries every schedule, including those in which a thread stops for good after any
//! of its steps while another runs on. An operation that waited for the stopped thread
//! would loop until it exceeded the bound on its steps. So here operations meet in pairs,
//! under a bound that leaves room for the retries that the other's few swaps can cause,
//! and for little more: for each window, the steps of its longest pair, preparation
//! included, plus a margin. One preemption is enough to stop a thread anywhere.
//!
//! | what meets | in which loops it could wait |
//! |---|---|
//! | every pair of operations, in every situation, with a `CountWindow` | those of the breaker, which are the same for every window |
//! | every pair of the ways into a window, in every situation, with every window | those of the windows |
//! | every pair of operations on a throttle, with every kind of window that it can have; on a slot; two readings of a widened clock | their own |
//!
//! The ways into a window are to record a success, a slow success or a failure, to tally,
//! and to begin a tenure, which `trip` of an open breaker does and `reset`. Two that begin a
//! tenure meet in two situations only, where the window's tenure has begun and where it has
//! not. `WithSlow` has no loops of its own; of two time-based windows, which take long, it
//! meets no more than a bucket that is over.
//!
//! `Status::command` has no loop of its own. Handing over to a successor is not among the
//! operations.
//!
//! What bounds each loop:
//!
//! | loop | goes round again only after |
//! |---|---|
//! | `Word::update`, `record`, `open_manually`, `half_open`, `switch`, `follow`, `outlook`, `consistently` | another swap of the state word |
//! | `refresh`, `acquire_unhealthy`, `count_unhealthy`, `demand`, `hand_back` | the same, or its own swap |
//! | `Entered::settle` | another thread settled the state, or made a transition |
//! | `Ring::begin`, `Ring::head` | a step of the cursor, its own or another's |
//! | `CountWindow::append_success`, `append_failure`, `tally` | another outcome, a step, or a change of the quiet marker |
//! | `ShortWindow::append` | another outcome, or the beginning of a tenure |
//! | `LeakyBucket::change` | the same, if it changed the level |
//! | `TimeWindow::look`, `tally` | a move of the cursor, or the freezing of a bucket |
//! | `TimeWindow::newest`, `record` | the same, its own or another's, or another outcome |
//! | `Widened::now` | a later tick that another reading published |
#![cfg(loom)]

use std::sync::Arc;

use loom::thread::{self, ThreadId};
use microbreaker::clock::{Clock, Widened};
use microbreaker::window::{Kind, Window};
use microbreaker::{
    AfterProbeTimeout, Breaker, Config, CountWindow, Decision, FailureWindow, Gate, InFlight, Leak,
    LeakyBucket, Outcome, Permit, Phase, ShortWindow, Throttle, ThrottleConfig, TimeWindow, Token,
    WithSlow,
};
use microbreaker_loom_tests::*;

type Tested<W> = Observed<W, Clocks>;
type Operation<W> = fn(&Tested<W>, Token);

/// The clock of the main thread may be behind that of the other one.
struct Clocks {
    ticks: Ticks,
    main: ThreadId,
    behind: u32,
}

impl Clock for Clocks {
    fn now(&self) -> u32 {
        let behind = if thread::current().id() == self.main { self.behind } else { 0 };
        self.ticks.now() - behind
    }
}

fn operations<W: Window>() -> [Operation<W>; 21] {
    [
        |b, _| _ = b.hold(),
        |b, held| b.resume(held).success(),
        |b, held| b.resume(held).failure(),
        |b, held| b.resume(held).finish(Outcome::FailureOpenFor(100)),
        |b, held| b.resume(held).ignore(),
        |b, held| drop(b.resume(held)),
        |b, _| b.trip(),
        |b, _| b.trip_for(LONG),
        |b, _| _ = b.half_open(),
        |b, _| b.reset(),
        |b, _| b.force_open(),
        |b, _| b.disable(),
        |b, _| b.metrics_only(),
        |b, _| _ = b.phase(),
        |b, _| _ = b.snapshot(),
        |b, _| _ = b.tally(),
        |b, _| _ = b.outlook(),
        |b, _| _ = b.try_acquire_quietly().map(Permit::into_token),
        |b, _| b.offer(),
        |b, _| _ = b.follow(Decision::OpenFor(LONG)),
        |b, _| _ = b.follow(Decision::CloseAsOf(1)),
    ]
}

/// One for each way into a window: four that record or read, [`COMMANDS`] that begin a
/// tenure.
fn operations_on_windows<W: Window>() -> [Operation<W>; 4 + COMMANDS] {
    [
        |b, held| b.resume(held).success(),
        |b, held| b.resume(held).took(SLOW_AFTER + 1).success(),
        |b, held| b.resume(held).failure(),
        |b, _| _ = b.tally(),
        |b, _| b.trip(),
        |b, _| b.reset(),
    ]
}

const COMMANDS: usize = 2;

const SLOW_AFTER: u32 = 5;
const BUCKET: u32 = 8;
const OPEN_FOR: u32 = 10;
const PROBE_TIMEOUT: u32 = 20;
/// Does not fit into the state word exactly.
const LONG: u32 = 20_000_001;

/// Two outcomes decide everything, so that both threads have a part in it.
const CONFIG: Config = Config::new()
    .consecutive_failures(2)
    .open_for(OPEN_FOR)
    .probes(2)
    .probe_timeout(PROBE_TIMEOUT)
    .abandoned_fails();
const BY_COUNT: Config = CONFIG.failures_in_window(2).last_calls(2);
const BY_TIME: Config = CONFIG.failures_in_window(2).bucket(BUCKET);

/// With slow calls watched.
const fn timed(config: Config) -> Config {
    config.slow_rate(100).slow_after(SLOW_AFTER).min_calls(2)
}

/// Declares the situations, and for each the test that every operation meets every other
/// in it.
macro_rules! situations {
    ($($(#[$doc:meta])* $situation:ident in $test:ident;)+) => {
        /// What the two operations find.
        #[derive(Clone, Copy)]
        enum Situation {
            $($(#[$doc])* $situation,)+
        }

        use Situation::*;

        const SITUATIONS: &[Situation] = &[$($situation,)+];

        $(
            #[test]
            fn $test() {
                every_operation($situation);
            }
        )+
    };
}

situations! {
    Closed in closed;
    /// With a window that is full and without a failure.
    Quiet in quiet;
    /// With a failure in a bucket that is over.
    BucketOver in bucket_over;
    /// The same, but only by the clock of one of the two.
    ClocksApart in clocks_apart;
    Ramping in ramping;
    RampOver in ramp_over;
    Open in open;
    OpenForExplicitLength in open_for_explicit_length;
    OpenAndDue in open_and_due;
    HalfOpen in half_open;
    HalfOpenByRate in half_open_by_rate;
    /// By its probes: opens again.
    Overdue in overdue;
    /// By its probes: starts anew.
    OverdueWithFreshProbes in overdue_with_fresh_probes;
    /// By its probes: closes.
    OverdueToClose in overdue_to_close;
    /// By its longest stay: opens again.
    StayedTooLong in stayed_too_long;
    ForcedOpen in forced_open;
    Disabled in disabled;
    MetricsOnly in metrics_only;
}

impl Situation {
    /// Whether there can be such a situation with a window `W`.
    fn is_possible<W: Window>(self) -> bool {
        match self {
            HalfOpenByRate => !matches!(W::KIND, Kind::None | Kind::Time { calls: false, .. }),
            _ => true,
        }
    }

    fn config(self, config: Config) -> Config {
        match self {
            Ramping | RampOver => config.ramp([50], OPEN_FOR),
            HalfOpenByRate => config.failure_rate(100).probe_rate_after(2),
            OverdueWithFreshProbes => config.after_probe_timeout(AfterProbeTimeout::FreshProbes),
            OverdueToClose => config.after_probe_timeout(AfterProbeTimeout::Close),
            StayedTooLong => config.no_probe_timeout().longest_half_open(PROBE_TIMEOUT),
            _ => config,
        }
    }

    /// Brings a new `breaker` here. Returns two tokens of calls that are under way.
    fn enter<W: Window>(self, breaker: &Tested<W>, ticks: &Ticks) -> [Token; 2] {
        // A ramp admits every other call.
        let hold = || breaker.hold().or_else(|_| breaker.hold()).unwrap();
        let hold_two = || [hold(), hold()];
        let half_open = || {
            breaker.trip();
            ticks.advance(OPEN_FOR);
        };
        match self {
            Closed => hold_two(),
            Quiet => {
                (0..3).for_each(|_| _ = breaker.succeed());
                hold_two()
            }
            BucketOver | ClocksApart => {
                breaker.fail();
                if let BucketOver = self {
                    ticks.advance(BUCKET);
                }
                hold_two()
            }
            Ramping | RampOver => {
                half_open();
                (0..2).for_each(|_| _ = breaker.succeed());
                let held = hold_two();
                if let RampOver = self {
                    ticks.advance(OPEN_FOR);
                }
                held
            }
            Open | OpenAndDue => {
                let held = hold_two();
                breaker.trip();
                if let OpenAndDue = self {
                    ticks.advance(OPEN_FOR);
                }
                held
            }
            OpenForExplicitLength => {
                let held = hold_two();
                breaker.trip_for(LONG);
                held
            }
            HalfOpen | HalfOpenByRate => {
                half_open();
                hold_two()
            }
            Overdue | OverdueWithFreshProbes | OverdueToClose | StayedTooLong => {
                half_open();
                let held = hold_two();
                ticks.advance(PROBE_TIMEOUT + 1);
                held
            }
            ForcedOpen => {
                let held = hold_two();
                breaker.force_open();
                held
            }
            Disabled => {
                breaker.disable();
                hold_two()
            }
            MetricsOnly => {
                breaker.metrics_only();
                breaker.fail();
                hold_two()
            }
        }
    }
}

/// Every pair of `operations` in `situation`, each in at most `steps`, but for those of
/// the last `apart`.
fn every_pair<W: Window + Send + Sync + 'static>(
    operations: &[Operation<W>],
    apart: usize,
    situation: Situation,
    (window, config, steps): (fn() -> W, Config, usize),
) {
    let behind = if let ClocksApart = situation { BUCKET } else { 0 };
    for (i, a) in operations[..operations.len() - apart].iter().enumerate() {
        // With clocks apart it matters which thread does what.
        for b in &operations[if behind > 0 { 0 } else { i }..] {
            let (a, b) = (*a, *b);
            bounded_model(steps, move || {
                let ticks = Ticks::at(Still::NOW + behind);
                let clocks = Clocks { main: thread::current().id(), behind, ticks: ticks.clone() };
                let config = situation.config(config);
                let breaker = Breaker::observed(config, window(), clocks, Journal::default());
                let breaker = Arc::new(breaker);
                let [x, y] = situation.enter(&breaker, &ticks);
                race(&breaker, move |breaker| a(breaker, x), |breaker| b(breaker, y));
                breaker.observer().path();
            });
        }
    }
}

/// Every pair of operations, with a `CountWindow`.
fn every_operation(situation: Situation) {
    every_pair(&operations(), 0, situation, (CountWindow::<4, 1>::new, BY_COUNT, 680));
}

/// The pairs of operations on the window, in every situation.
fn every_situation<W: Window + Send + Sync + 'static>(tried: (fn() -> W, Config, usize)) {
    for situation in SITUATIONS.iter().copied().filter(|situation| situation.is_possible::<W>()) {
        let apart = if matches!(situation, Closed | Open) { 0 } else { COMMANDS };
        every_pair(&operations_on_windows(), apart, situation, tried);
    }
}

#[test]
fn no_window() {
    every_situation((|| (), CONFIG, 480));
}

#[test]
fn short_window() {
    every_situation((ShortWindow::new, BY_COUNT, 560));
}

#[test]
fn short_window_and_slow_calls() {
    let window = || WithSlow::new(ShortWindow::new(), ShortWindow::new());
    every_situation((window, timed(BY_COUNT), 680));
}

#[test]
fn leaky_bucket() {
    let config = CONFIG.leaky_bucket(Leak::new(2, 1, 4));
    every_situation((|| LeakyBucket::new(()), config, 560));
}

#[test]
fn count_window() {
    every_situation((CountWindow::<4, 1>::new, BY_COUNT, 600));
}

#[test]
fn count_window_and_slow_calls() {
    let window = || WithSlow::new(CountWindow::<4, 1>::new(), CountWindow::new());
    every_situation((window, timed(BY_COUNT), 760));
}

#[test]
fn time_window() {
    every_situation((TimeWindow::<1>::new, BY_TIME, 760));
}

#[test]
fn time_window_and_slow_calls() {
    let window = || WithSlow::new(TimeWindow::<1>::new(), TimeWindow::new());
    let [success, slow_success, _, tally, ..] = operations_on_windows();
    every_pair(&[success, slow_success, tally], 0, BucketOver, (window, timed(BY_TIME), 880));
}

#[test]
fn failure_window() {
    every_situation((FailureWindow::<1>::new, BY_TIME, 760));
}

/// Every pair of operations on a throttle that refuses almost every call.
fn every_pair_throttled<W: Window + Send + Sync + 'static>(
    window: fn() -> W,
    length: fn(ThrottleConfig) -> ThrottleConfig,
) {
    type Throttled<W> = Throttle<W, Still>;
    let operations: [fn(&Throttled<W>, Token); 6] = [
        |t, _| _ = t.try_acquire().map(Permit::into_token),
        |t, held| t.complete(held, 0, None, Outcome::Success),
        |t, held| t.complete(held, 0, None, Outcome::Failure),
        |t, held| t.complete(held, 0, None, Outcome::Ignored),
        |t, held| t.complete(held, 0, None, t.abandoned(held, 0, None)),
        |t, _| _ = t.tally(),
    ];
    for (i, a) in operations.into_iter().enumerate() {
        for b in operations[i..].iter().copied() {
            bounded_model(280, move || {
                let config = length(ThrottleConfig::new(7)).multiplier_tenths(10).cap(99);
                let throttle = Arc::new(Throttle::new(config, window(), Still));
                let [x, y] = [(); 2].map(|()| throttle.try_acquire().unwrap().into_token());
                for _ in 0..2 {
                    throttle.complete(x, 0, None, Outcome::Failure);
                }
                race(&throttle, move |throttle| a(throttle, x), move |throttle| b(throttle, y));
            });
        }
    }
}

#[test]
fn throttles() {
    every_pair_throttled(ShortWindow::new, |config| config.last_calls(2));
    every_pair_throttled(CountWindow::<4, 1>::new, |config| config.last_calls(2));
    every_pair_throttled(TimeWindow::<1>::new, |config| config.bucket(BUCKET));
}

#[test]
fn a_call_in_flight() {
    type Shared = (Observed<()>, InFlight);
    let operations: [fn(&Shared) -> bool; 4] = [
        |(b, slot)| slot.put(b.try_acquire().unwrap()).is_ok(),
        |(b, slot)| slot.finish(b, Outcome::Success),
        |(_, slot)| slot.take().is_some(),
        |(_, slot)| slot.is_under_way(),
    ];
    for filled in [false, true] {
        for (i, a) in operations.into_iter().enumerate() {
            for b in operations[i..].iter().copied() {
                bounded_model(80, move || {
                    let config = CONFIG.consecutive_failures(9);
                    let breaker = Breaker::observed(config, (), Still, Journal::default());
                    let shared = Arc::new((breaker, InFlight::new()));
                    if filled {
                        shared.1.put(shared.0.try_acquire().unwrap()).unwrap();
                    }
                    race(&shared, a, b);
                });
            }
        }
    }
}

#[test]
fn a_widened_clock() {
    bounded_model(80, || {
        let counter = Ticks::at(0xfffe);
        let clock = Arc::new(Widened::<16, _>::new(counter.clone()));
        clock.now();
        let read = move |clock: &Widened<16, Ticks>| {
            counter.advance(2);
            clock.now();
        };
        race(&clock, read.clone(), read);
    });
}

/// An interrupt handler that runs while an operation reads the clock, between
/// publishing a phase and publishing when it began: the handler runs to its end
/// while the interrupted operation stands still.
#[test]
fn an_interrupt_beside_another_thread() {
    model_with(2, || {
        let breaker = Arc::new_cyclic(|breaker: &std::sync::Weak<_>| {
            let breaker = breaker.clone();
            let armed = std::sync::atomic::AtomicBool::new(true);
            let clock: Box<dyn Fn() -> u32 + Send + Sync> = Box::new(move || {
                let breaker: Option<Arc<Interrupted>> = breaker.upgrade();
                if let Some(Interrupted(breaker)) = breaker.as_deref()
                    && armed.swap(false, std::sync::atomic::Ordering::Relaxed)
                {
                    assert!(breaker.hold().is_err());
                    breaker.trip_for(100);
                }
                Still::NOW
            });
            let config = Config::new().consecutive_failures(1).open_for(10);
            Interrupted(Breaker::observed(config, (), clock, Journal::default()))
        });
        let _ = race(&breaker, |b| b.0.trip(), |b| b.0.hold());
        assert_eq!(breaker.0.observer().path(), [Phase::Closed, Phase::Open]);
        assert_eq!(breaker.0.left(), Some(100));
    });
}

struct Interrupted(Observed<(), Box<dyn Fn() -> u32 + Send + Sync>>);
