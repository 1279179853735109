//! This project's breakers.

use std::time::Instant;

use microbreaker::{
    Breaker, Clock, Config, CountWindow, Phase, TimeWindow, WithSlow, clock::ManualClock,
    window::Window,
};
use microbreaker_std::clock::{CoarseClock, MonotonicClock};
use microbreaker_std::{ExactTimeWindow, Striped};

use crate::{Contender, Reads, Scenario, Side, work};

/// A window of the last 100 calls and a precise clock; most figures use it.
pub const LAST_100: &str = "microbreaker, last 100";
/// The same with a window for each core.
pub const LAST_100_STRIPED: &str = "microbreaker, last 100, striped";
/// The same with the operating system's coarse clock.
pub const LAST_100_COARSE: &str = "microbreaker, last 100, coarse clock";
/// The same with a clock that a timer advances.
pub const LAST_100_TICKED: &str = "microbreaker, last 100, ticked clock";

/// A window by time with a cell for each thread, and the operating system's coarse clock.
pub const EXACT_COARSE: &str = "microbreaker, 10 s exactly, coarse clock";

/// A breaker that trips at each failure.
pub const FLAPPING: &str = "microbreaker, consecutive";

/// A second, in nanoseconds.
const SECOND: u32 = 1_000_000_000;
/// An hour, in ticks of a millisecond.
const HOUR: u32 = 3_600_000;

static TICKED: ManualClock = ManualClock::new(0);

/// The breakers, set up for `scenario`.
pub fn breakers(scenario: Scenario) -> Vec<Contender> {
    let mut all = with_clock(scenario, "", Reads::Precise, MonotonicClock::new);
    all.extend(striped(scenario));
    let coarse = with_clock(scenario, ", coarse clock", Reads::Coarse, || CoarseClock);
    let ticked = with_clock(scenario, ", ticked clock", Reads::Ticked, || &TICKED);
    // A clock that is not read makes no difference.
    let others = coarse.into_iter().chain(ticked);
    all.extend(others.filter(|contender| contender.reads != Reads::Nothing));
    all
}

fn with_clock<C: Clock + Send + Sync + 'static>(
    scenario: Scenario,
    suffix: &str,
    clock: Reads,
    make: impl Fn() -> C,
) -> Vec<Contender> {
    // While closed, only time-based windows and slow calls need a clock.
    let unless_closed = match scenario {
        Scenario::Open => clock,
        _ => Reads::Nothing,
    };
    let base = Config::new().open_for(HOUR);
    let rate = base.failure_rate(50);
    let by_count = rate.min_calls(100).last_calls(100);
    vec![
        breaker(
            format!("microbreaker, consecutive{suffix}"),
            scenario,
            unless_closed,
            Breaker::new(base.consecutive_failures(5), (), make()),
        ),
        breaker(
            format!("microbreaker, last 16{suffix}"),
            scenario,
            unless_closed,
            Breaker::new(
                rate.min_calls(16).last_calls(16),
                CountWindow::<{ CountWindow::<3>::words_for(16) }>::new(),
                make(),
            ),
        ),
        breaker(
            format!("{LAST_100}{suffix}"),
            scenario,
            unless_closed,
            Breaker::new(
                by_count,
                CountWindow::<{ CountWindow::<3>::words_for(100) }>::new(),
                make(),
            ),
        ),
        breaker(
            format!("microbreaker, 10 buckets of a second{suffix}"),
            scenario,
            clock,
            Breaker::new(rate.min_calls(100).bucket(1_000), TimeWindow::<10>::new(), make()),
        ),
        breaker(
            format!("microbreaker, last 100 and slow calls{suffix}"),
            scenario,
            clock,
            Breaker::new(
                by_count.slow_rate(50).slow_after(1_000),
                WithSlow::new(CountWindow::<7>::new(), CountWindow::<7>::new()),
                make(),
            ),
        ),
    ]
}

/// The breakers with a window for each core.
fn striped(scenario: Scenario) -> Vec<Contender> {
    let rate = Config::new().open_for(HOUR).failure_rate(50).min_calls(100);
    vec![
        breaker(
            LAST_100_STRIPED.into(),
            scenario,
            if scenario == Scenario::Open { Reads::Precise } else { Reads::Nothing },
            Breaker::new(
                rate.last_calls(100),
                Striped::new(CountWindow::<7>::new),
                MonotonicClock::new(),
            ),
        ),
        breaker(
            "microbreaker, 10 buckets of a second, striped, coarse clock".into(),
            scenario,
            Reads::Coarse,
            Breaker::new(rate.bucket(1_000), Striped::new(TimeWindow::<10>::new), CoarseClock),
        ),
        breaker(
            EXACT_COARSE.into(),
            scenario,
            Reads::Coarse,
            Breaker::new(
                rate.bucket(1_000),
                ExactTimeWindow::<_, 10>::new(CoarseClock),
                CoarseClock,
            ),
        ),
    ]
}

fn breaker<W, C>(
    name: String,
    scenario: Scenario,
    reads: Reads,
    breaker: Breaker<W, C>,
) -> Contender
where
    W: Window + Send + Sync + 'static,
    C: Clock + Send + Sync + 'static,
{
    if scenario == Scenario::Open {
        breaker.trip();
        assert_eq!(breaker.phase(), Phase::Open);
    }
    Contender::new(name, Side::Ours, reads, move |calls| {
        calls.each(|ok| breaker.call(|| work(ok)).is_ok())
    })
}

/// A clock of nanoseconds: an opening of one tick is over by the next call.
struct Nanos(Instant);

impl Clock for Nanos {
    fn now(&self) -> u32 {
        self.0.elapsed().as_nanos() as u32
    }
}

/// A breaker that trips at each failure, and is half-open right after.
pub fn flapping() -> Contender {
    let config = Config::new().consecutive_failures(1).open_for(1).probe_timeout(SECOND);
    let breaker = Breaker::new(config, (), Nanos(Instant::now()));
    for phase in [Phase::HalfOpen, Phase::Closed] {
        let _ = breaker.call(|| work(phase == Phase::Closed));
        assert_eq!(breaker.phase(), phase);
    }
    Contender::new(FLAPPING, Side::Ours, Reads::Precise, move |calls| {
        calls.each(|ok| breaker.call(|| work(ok)).is_ok())
    })
}
