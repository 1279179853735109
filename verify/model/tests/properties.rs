//! Compares the breaker with the reference model after every step of random histories with
//! random configurations, and the throttle with its formula.
//!
//! `PROPTEST_CASES=10000 cargo test --release -p microbreaker-model --test properties`
//! searches longer. A failing case is also printed as a scenario.

use std::collections::VecDeque;

use microbreaker::{
    AfterProbeTimeout, Command, CountWindow, Decision, Gate, Leak, Outcome, ShortWindow, Throttle,
    ThrottleConfig, TimeWindow, WithSlow,
    clock::{ManualClock, STEP_BACK, elapsed},
};
use microbreaker_model::lockstep::{run, run_with};
use microbreaker_model::real::{self, SharedClock};
use microbreaker_model::{
    Abandoned, Backoff, History, Jitter, ProbeTimeout, Ramp, Ratio, Settings, Step, Window,
};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;

const MAX_TICKS: u32 = (1 << 31) - 1;
const MAX_LIMIT: u32 = (1 << 23) - 1;
const LONGEST_STAY: u32 = (1 << 23) - (1 << 16) - 1;

// Configurations.

/// `Some` with probability `likely`, which may be 0 or 1.
fn maybe<S>(likely: f64, something: S) -> BoxedStrategy<Option<S::Value>>
where
    S: Strategy + 'static,
    S::Value: Clone + 'static,
{
    if likely == 0.0 {
        Just(None).boxed()
    } else if likely == 1.0 {
        something.prop_map(Some).boxed()
    } else {
        option::weighted(likely, something).boxed()
    }
}

/// From 1: mostly small numbers, sometimes any up to `most`.
fn up_to(most: u32) -> impl Strategy<Value = u32> + Clone {
    prop_oneof![3 => 1..=most.min(5), 2 => 1..=most]
}

/// From 1: mostly short times, sometimes any up to `most`.
fn ticks(most: u32) -> impl Strategy<Value = u32> + Clone {
    prop_oneof![4 => 1..=most.min(20), 4 => 1..=most.min(2_000), 1 => 1..=most]
}

fn percent() -> impl Strategy<Value = u32> + Clone {
    prop_oneof![1..=100_u32, Just(50), Just(100)]
}

fn leak() -> impl Strategy<Value = Leak> + Clone {
    prop_oneof![3 => 1..=30_u32, 1 => up_to(MAX_LIMIT)].prop_flat_map(|limit| {
        let steps = (up_to(limit), up_to(limit));
        steps.prop_map(move |(up, down)| Leak::new(up, down, limit))
    })
}

fn by_count(most: u32) -> impl Strategy<Value = Window> {
    // Often as many calls as the window's words can hold.
    prop_oneof![1 => Just(most), 3 => up_to(most)].prop_map(Window::Count)
}

fn by_time() -> impl Strategy<Value = Window> {
    let buckets = prop_oneof![4 => 1..=5_u32, 2 => 6..=20_u32, 1 => Just(60), 1 => Just(126)];
    let bucket = buckets.prop_flat_map(|buckets| (Just(buckets), ticks(MAX_TICKS / buckets)));
    (bucket, prop::bool::weighted(0.7)).prop_map(|((buckets, ticks), calls)| {
        if calls { Window::Time { buckets, ticks } } else { Window::Failures { buckets, ticks } }
    })
}

/// Policies that suit `window`, in otherwise default settings.
fn policies(window: Window) -> impl Strategy<Value = Settings> {
    let (counted, rated, most) = match window {
        Window::None => (0.0, 0.0, 1),
        Window::Count(calls) => (0.5, 0.5, calls),
        Window::Time { .. } => (0.5, 0.5, 512),
        Window::Failures { .. } => (0.5, 0.0, 512),
    };
    let min_calls = if rated == 0.0 { Just(1).boxed() } else { up_to(most).boxed() };
    let slow_after = prop_oneof![Just(0), 0..=3_u32, ticks(MAX_TICKS)];
    let by_time = matches!(window, Window::Time { .. } | Window::Failures { .. });
    (
        maybe(counted, up_to(most)),
        maybe(rated, percent()),
        maybe(rated, (percent(), slow_after)),
        min_calls,
        (option::of(up_to(255)), any::<bool>()),
        option::weighted(0.2, leak()),
    )
        .prop_map(move |(count, rate, slow, min_calls, (consecutive, ages), leaky_bucket)| {
            let none = [count, rate, slow.map(|(percent, _)| percent)] == [None; 3];
            let none = none && leaky_bucket.is_none();
            let consecutive = if none { consecutive.or(Some(3)) } else { consecutive };
            Settings {
                window,
                consecutive_failures: consecutive,
                consecutive_within_window: ages && by_time && consecutive.is_some(),
                failures_in_window: count,
                failure_rate: rate.map(Ratio::percent),
                slow_rate: slow.map(|(percent, _)| Ratio::percent(percent)),
                slow_after: slow.map(|(_, after)| after),
                leaky_bucket,
                min_calls,
                ..Settings::default()
            }
        })
}

/// How long an opening lasts.
fn openings() -> impl Strategy<Value = (u32, Option<Backoff>, Option<Jitter>)> {
    let whole = prop_oneof![2..=4_u32, 2..=100_000_u32].prop_map(Ratio::times);
    let fraction =
        (1..=100_u32, 1..=200_u32).prop_map(|(whole, more)| Ratio { part: whole + more, whole });
    let backoff = (prop_oneof![whole, fraction], any::<u32>());
    let jitter = (1..=100_u32, any::<u32>()).prop_map(|(percent, seed)| Jitter { percent, seed });
    (ticks(MAX_TICKS), option::of(backoff), option::weighted(0.3, jitter)).prop_map(
        |(open_for, backoff, jitter)| {
            let backoff = backoff.map(|(factor, any)| {
                let product = |wait| wait * u64::from(factor.part) / u64::from(factor.whole);
                let reach = (0..15).fold(u64::from(open_for), |wait, _| product(wait).min(1 << 40));
                let reach = reach.min(MAX_TICKS.into()) as u32;
                Backoff { factor, max: open_for + any % (reach - open_for + 1) }
            });
            (open_for, backoff, jitter)
        },
    )
}

/// `settings`, with random ones for how the breaker recovers.
fn with_recovery(settings: Settings) -> impl Strategy<Value = Settings> {
    let has_rate = settings.failure_rate.is_some() || settings.slow_rate.is_some();
    let by_rate = if has_rate { any::<bool>().boxed() } else { Just(false).boxed() };
    let probes = by_rate.prop_flat_map(|by_rate| {
        let most = if by_rate { 15 } else { 31 };
        let places = (up_to(most), option::weighted(0.3, up_to(most)));
        places.prop_flat_map(move |(probes, reuse)| {
            let of = up_to(reuse.unwrap_or(probes));
            let rule = (option::weighted(0.7, of.clone()), maybe(f64::from(by_rate), of));
            (Just(probes), Just(reuse), rule)
        })
    });
    let timeout = prop_oneof![
        1 => Just(ProbeTimeout::OpenFor),
        2 => ticks(1 << 30).prop_map(ProbeTimeout::Ticks),
        1 => Just(ProbeTimeout::Never),
    ];
    let after = prop_oneof![
        2 => Just(AfterProbeTimeout::Open),
        1 => Just(AfterProbeTimeout::FreshProbes),
        1 => Just(AfterProbeTimeout::Close),
    ];
    let shares = prop::collection::vec(1..=99_u8, 1..=7);
    let ramp = (shares, ticks(MAX_TICKS / 7)).prop_map(|(mut shares, step)| {
        shares.sort_unstable();
        Ramp { shares, step }
    });
    let longest = option::weighted(0.3, prop_oneof![1..=300_u32, 1..=LONGEST_STAY]);
    let by_time = if settings.slow_after.is_some() { 2 } else { 0 };
    let abandoned = prop_oneof![
        6 => Just(Abandoned::Ignored),
        2 => Just(Abandoned::Failed),
        by_time => Just(Abandoned::ByTime),
    ];
    (openings(), probes, (timeout, longest, after), option::weighted(0.3, ramp), abandoned)
        .prop_map(move |(openings, probes, timeout, ramp, abandoned)| {
            let (open_for, backoff, jitter) = openings;
            let (probes, reuse_probes_until, (successes, probe_rate_after)) = probes;
            let (probe_timeout, longest_half_open, after_probe_timeout) = timeout;
            Settings {
                open_for,
                backoff,
                jitter,
                probes,
                reuse_probes_until,
                successes,
                probe_rate_after,
                probe_timeout,
                longest_half_open,
                after_probe_timeout,
                ramp,
                abandoned,
                ..settings.clone()
            }
        })
}

// Histories.

fn outcome(percent_failing: u32) -> impl Strategy<Value = Outcome> + Clone {
    prop_oneof![
        300 - 3 * percent_failing => Just(Outcome::Success),
        3 * percent_failing => Just(Outcome::Failure),
        6 => Just(Outcome::Ignored),
        1 => prop_oneof![Just(0), ticks(u32::MAX)].prop_map(Outcome::FailureOpenFor),
        percent_failing => prop_oneof![0..=3_u8, any::<u8>()].prop_map(Outcome::WeightedFailure),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => Just(Command::Reset),
        4 => Just(Command::HalfOpen),
        2 => Just(Command::Trip),
        2 => prop_oneof![Just(0), ticks(u32::MAX), Just(u32::MAX)].prop_map(Command::TripFor),
        1 => Just(Command::ForceOpen),
        1 => Just(Command::Disable),
        2 => Just(Command::MetricsOnly),
    ]
}

fn decision() -> impl Strategy<Value = Decision> {
    let age = prop_oneof![0..=5_u32, ticks(MAX_TICKS), Just(u32::MAX)];
    prop_oneof![
        2 => prop_oneof![Just(0), ticks(u32::MAX), Just(u32::MAX)].prop_map(Decision::OpenFor),
        1 => Just(Decision::Close),
        3 => age.prop_map(Decision::CloseAsOf),
    ]
}

/// Idle times close to multiples of where the clock or a part of it wraps.
fn long_gap() -> impl Strategy<Value = u64> {
    let turn = prop_oneof![Just(1_u64 << 23), Just(1 << 24), Just(1 << 32)];
    let beside = prop_oneof![Just(0), -3..=3_i64, -70_000..=70_000_i64];
    (turn, 1..=4_u64, beside).prop_map(|(turn, count, beside)| {
        (turn * count).checked_add_signed(beside).expect("a turn is longer")
    })
}

fn step(percent_failing: u32, commands: u32) -> impl Strategy<Value = Step> {
    let any = 0..16_usize;
    let took = option::weighted(0.3, prop_oneof![0..=5_u32, ticks(u32::MAX)]);
    let outcome = outcome(percent_failing);
    let finish = (any.clone(), outcome.clone(), took);
    prop_oneof![
        100 => outcome.prop_map(Step::Call),
        1 => Just(Step::Panic),
        30 => Just(Step::Acquire),
        28 => finish.prop_map(|(i, outcome, took)| Step::Finish(i, outcome, took)),
        4 => any.prop_map(Step::Cancel),
        12 => prop_oneof![0..=3_u32, ticks(MAX_TICKS)].prop_map(|ticks| Step::Advance(ticks.into())),
        1 => long_gap().prop_map(Step::Advance),
        12 => (-1..=1_i8).prop_map(Step::ToEdge),
        2 => (1..=STEP_BACK).prop_map(Step::Back),
        commands => command().prop_map(Step::Manual),
        commands.div_ceil(3) => decision().prop_map(Step::Follow),
    ]
}

/// Random histories; a failing one shrinks to the few steps that matter.
fn history(window: impl Strategy<Value = Window> + 'static) -> impl Strategy<Value = History> {
    let failing = prop_oneof![1..=5_u32, 1..=99_u32];
    // Boxed: without optimization, the values of such strategies overflow a thread's stack.
    let settings = window.prop_flat_map(policies).boxed().prop_flat_map(with_recovery).boxed();
    let steps =
        (failing, prop_oneof![Just(2_u32), Just(40)]).prop_flat_map(|(failing, commands)| {
            // Few enough calls that every bucket of a time-based window counts them exactly.
            let most = prop_oneof![4 => Just(300_usize), 1 => Just(1_000)];
            most.prop_flat_map(move |most| prop::collection::vec(step(failing, commands), 1..=most))
        });
    let start = prop_oneof![any::<u32>(), (1..=3_000_u32).prop_map(u32::wrapping_neg)];
    (settings, start, steps).prop_map(|(settings, start, steps)| History { settings, start, steps })
}

type Checked = Result<(), TestCaseError>;

/// Runs the history on a breaker with windows of type `W`, and compares it with the model.
fn agree<W: microbreaker::window::Window + Default + 'static>(history: &History) -> Checked {
    let clock = SharedClock::new(ManualClock::new(history.start));
    let breaker = if history.settings.slow_rate.is_some() {
        let window = WithSlow::new(W::default(), W::default());
        real::with_window(&history.settings, window, clock.clone())
    } else {
        real::with_window(&history.settings, W::default(), clock.clone())
    };
    let breaker = breaker.expect("good settings");
    run_with(history, &*breaker, &clock).map_err(TestCaseError::fail)
}

/// `1 / part` of the usual number of cases.
fn one_in(part: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.div_ceil(part),
        // Most of the time is spent on random numbers, so use a cheap generator.
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: None,
        ..usual
    }
}

proptest! {
    #![proptest_config(one_in(2))]

    #[test]
    fn the_last_calls(history in history(by_count(200))) {
        run(&history).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn the_last_ticks(history in history(by_time())) {
        run(&history).map_err(TestCaseError::fail)?;
    }
}

proptest! {
    #![proptest_config(one_in(10))]

    #[test]
    fn no_window(history in history(Just(Window::None))) {
        run(&history).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn the_last_calls_in_one_word(history in history(by_count(ShortWindow::CAPACITY))) {
        agree::<ShortWindow>(&history)?;
    }

    // Rings of a few small words, which go round every few calls, so that their lap
    // numbers wrap too.

    #[test]
    fn the_smallest_ring(history in history(by_count(1))) {
        agree::<CountWindow<3, 1>>(&history)?;
    }

    #[test]
    fn a_ring_of_single_calls(history in history(by_count(3))) {
        agree::<CountWindow<5, 1>>(&history)?;
    }

    #[test]
    fn a_ring_of_five_small_words(history in history(by_count(9))) {
        agree::<CountWindow<5, 3>>(&history)?;
    }
}

/// The clock's low 23 bits wrap within a long window. An idle time longer than that must not
/// make the window forget what it holds.
#[test]
fn a_long_window_outlasts_an_idle_time() {
    for (buckets, ticks) in [(1, 1 << 30), (5, 1 << 22), (126, 1 << 17), (10, 999_999)] {
        for idle in [1_u64 << 20, (1 << 23) - 1, 1 << 23, (1 << 23) + 1, 1 << 24] {
            let settings = Settings {
                window: Window::Time { buckets, ticks },
                failures_in_window: Some(2),
                open_for: 1,
                ..Settings::default()
            };
            let failure = Step::Call(Outcome::Failure);
            let steps = vec![failure, Step::Advance(idle), failure];
            run(&History { settings, start: 0, steps }).unwrap();
        }
    }
}

/// Counters of a few bits stop at their largest value.
#[test]
fn counts_saturate() {
    let settings = Settings {
        consecutive_failures: Some(1),
        open_for: 1,
        backoff: Some(Backoff { factor: Ratio::times(2), max: 1 << 15 }),
        ..Settings::default()
    };
    let relapse = [Step::ToEdge(0), Step::Call(Outcome::Failure)];
    let steps = [Step::Call(Outcome::Failure)].into_iter().chain([relapse; 18].concat());
    run(&History { settings: settings.clone(), start: 0, steps: steps.collect() }).unwrap();

    let failures = [Step::Call(Outcome::Failure); 300];
    let steps = [Step::Manual(Command::MetricsOnly)].into_iter().chain(failures);
    run(&History { settings, start: 0, steps: steps.collect() }).unwrap();
}

/// A dry run opens nothing, so such an outcome only counts.
#[test]
fn a_dry_run_counts_a_slow_failure_that_demands_an_opening() {
    let settings = Settings {
        window: Window::Count(4),
        slow_rate: Some(Ratio::percent(100)),
        slow_after: Some(3),
        min_calls: 4,
        open_for: 10,
        ..Settings::default()
    };
    let slow = Step::Finish(0, Outcome::FailureOpenFor(9), Some(4));
    let steps = vec![Step::Manual(Command::MetricsOnly), Step::Acquire, slow];
    run(&History { settings, start: 0, steps }).unwrap();
}

proptest! {
    #[test]
    fn elapsed_is_what_a_wrapping_clock_shows(
        since in any::<u32>(),
        ticks in prop_oneof![
            3 => any::<u32>(),
            1 => 0..=3_u32,
            2 => (-2..=2_i32).prop_map(|beside| STEP_BACK.wrapping_neg().wrapping_add_signed(beside)),
        ],
    ) {
        let expected = microbreaker_model::elapsed((ticks as u64) + since as u64, since.into());
        prop_assert_eq!(u64::from(elapsed(since.wrapping_add(ticks), since)), expected);
    }
}

// The throttle.

/// The formula from the book ("Site Reliability Engineering"), with its names and in
/// floating point.
struct Book {
    seed: u32,
    multiplier: f64,
    cap: f64,
    /// How many calls count; `None`: those in the last buckets.
    last_calls: Option<usize>,
    buckets: u32,
    bucket: u32,
    /// When each call entered, and whether the callee accepted it.
    calls: VecDeque<(u32, bool)>,
    draws: u32,
}

impl Book {
    fn admits(&mut self, now: u32) -> bool {
        self.forget(now);
        let requests = self.calls.len() as f64;
        let accepts = self.calls.iter().filter(|(_, accepted)| *accepted).count() as f64;
        let refused = ((requests - self.multiplier * accepts) / (requests + 1.0)).min(self.cap);
        if refused <= 0.0 {
            return true;
        }
        let draw = f64::from(scatter(self.seed ^ scatter(self.draws))) / 2_f64.powi(32);
        self.draws += 1;
        let admits = draw >= refused;
        if !admits {
            self.enter(now, false);
        }
        admits
    }

    fn enter(&mut self, now: u32, accepted: bool) {
        self.calls.push_back((now, accepted));
        self.forget(now);
    }

    fn forget(&mut self, now: u32) {
        let (buckets, bucket) = (self.buckets, self.bucket);
        match self.last_calls {
            Some(last) => drop(self.calls.drain(..self.calls.len().saturating_sub(last))),
            None => self.calls.retain(|(then, _)| now / bucket - then / bucket < buckets),
        }
    }

    fn requests_and_refused(&mut self, now: u32) -> (u32, u32) {
        self.forget(now);
        let refused = self.calls.iter().filter(|(_, accepted)| !accepted).count();
        (self.calls.len() as u32, refused as u32)
    }
}

/// The finalizer of MurmurHash3 by Austin Appleby, in the public domain.
fn scatter(mut bits: u32) -> u32 {
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x85eb_ca6b);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0xc2b2_ae35);
    bits ^ (bits >> 16)
}

/// Compares a throttle with the book. Each of `calls` is made some ticks after the one before,
/// and ends immediately.
fn follows_the_book<W: microbreaker::window::Window>(
    config: ThrottleConfig,
    window: W,
    mut book: Book,
    calls: &[(u32, Outcome)],
) -> Checked {
    let clock = ManualClock::new(0);
    let throttle = Throttle::try_new(config, window, &clock, ()).expect("a good configuration");
    let mut now = 0;
    for (i, &(after, outcome)) in calls.iter().enumerate() {
        now += after;
        clock.set(now);
        let permit = throttle.try_acquire();
        prop_assert_eq!(permit.is_ok(), book.admits(now), "call {} at {}", i, now);
        if let Ok(permit) = permit {
            permit.finish(outcome);
            if outcome != Outcome::Ignored {
                book.enter(now, outcome == Outcome::Success);
            }
        }
        let tally = throttle.tally();
        prop_assert_eq!((tally.calls, tally.failed), book.requests_and_refused(now));
    }
    Ok(())
}

proptest! {
    #![proptest_config(one_in(10))]

    #[test]
    fn the_throttle_refuses_as_the_book_says(
        (seed, tenths, cap) in (any::<u32>(), prop_oneof![Just(20), 10..=1_000_u32], 1..=99_u32),
        (last, bucket) in (option::of(1..=60_u32), 1..=50_u32),
        calls in (1..=99_u32).prop_flat_map(|failing| {
            prop::collection::vec((prop_oneof![Just(0), 0..=100_u32], outcome(failing)), 1..=500)
        }),
    ) {
        let book = Book {
            seed,
            multiplier: f64::from(tenths) / 10.0,
            cap: f64::from(cap) / 100.0,
            last_calls: last.map(|last| last as usize),
            buckets: 10,
            bucket,
            calls: VecDeque::new(),
            draws: 0,
        };
        let config = ThrottleConfig::new(seed).multiplier_tenths(tenths).cap(cap);
        match last {
            Some(last) => {
                follows_the_book(config.last_calls(last), CountWindow::<5>::new(), book, &calls)?;
            }
            None => follows_the_book(config.bucket(bucket), TimeWindow::<10>::new(), book, &calls)?,
        }
    }
}

/// After one failure, half of the calls are refused: exactly the lower half of
/// the possible draws. The seeds draw the middle, and the number just below it.
#[test]
fn the_throttle_refuses_exactly_its_share_of_draws() {
    for (seed, draw, admits) in [(0x7ec6_9360, 1 << 31, true), (0x9c0d_8e22, (1 << 31) - 1, false)]
    {
        assert_eq!(scatter(seed ^ scatter(0)), draw);
        let config = ThrottleConfig::new(seed).last_calls(1);
        let throttle = Throttle::new(config, ShortWindow::new(), || 0);
        throttle.try_acquire().unwrap().failure();
        assert_eq!(throttle.try_acquire().is_ok(), admits);
    }
}
