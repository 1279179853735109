//! The situations in which an operation can find a breaker.

use microbreaker::{
    AfterProbeTimeout, Breaker, Command, Config, CountWindow, Outcome, Throttle, ThrottleConfig,
    TimeWindow, WithSlow, clock::ManualClock, window::Window,
};

use crate::operation::{Observers, Operation, Perform, Stage, Subject};

/// A subject, and what has happened to it so far.
pub(crate) struct Situation {
    pub(crate) name: &'static str,
    kind: Kind,
    steps: &'static [Step],
}

enum Kind {
    Breaker(Windowed, Config),
    Throttle(ThrottleConfig),
}

enum Windowed {
    NoWindow,
    /// The last four calls, two per word.
    Count,
    CountAndSlow,
    /// Two buckets.
    Time,
}

use Windowed::*;

enum Step {
    /// Makes this many calls that succeed.
    Succeed(u32),
    /// Makes this many calls that fail.
    Fail(u32),
    /// Lets this many ticks pass.
    Wait(u32),
    /// Acquires a permit and keeps it: the first for the operation, the second for the handler,
    /// and a third one.
    Acquire,
    /// Starts a transfer.
    Transfer,
    By(Command),
}

use Command::{Disable, ForceOpen, MetricsOnly, Trip};
use Step::*;

const OPEN_FOR: u32 = 100;
const PROBE_TIMEOUT: u32 = 50;

const fn config() -> Config {
    Config::new().open_for(OPEN_FOR).probe_timeout(PROBE_TIMEOUT)
}

const IN_A_ROW: Config = config().consecutive_failures(2);
const OF_FOUR: Config = config().failures_in_window(2).last_calls(4);
const RATE: Config = config().failure_rate(50).min_calls(3).last_calls(4);
const SLOW: Config = OF_FOUR.slow_rate(50).slow_after(5).min_calls(2);
const IN_TIME: Config = config().failures_in_window(2).bucket(10).consecutive_failures(3);
const PROBES: Config = IN_A_ROW.probes(3).successes(2).backoff(2, 400).jitter(20, 7);
const BY_RATE: Config = RATE.probes(3).probe_rate_after(2);
const RAMP: Config = IN_A_ROW.ramp([50], 100);

const fn breaker(
    name: &'static str,
    window: Windowed,
    config: Config,
    steps: &'static [Step],
) -> Situation {
    Situation { name, kind: Kind::Breaker(window, config), steps }
}

pub(crate) const SITUATIONS: &[Situation] = &[
    breaker("one failure short, in a row", NoWindow, IN_A_ROW, &[Fail(1), Acquire, Acquire]),
    breaker("quiet", Count, OF_FOUR, &[Succeed(8), Acquire, Acquire]),
    breaker("one failure short", Count, OF_FOUR, &[Succeed(4), Fail(1), Acquire, Acquire]),
    breaker(
        "one failure short, the word full",
        Count,
        OF_FOUR,
        &[Succeed(4), Fail(1), Succeed(1), Acquire, Acquire],
    ),
    breaker("one call short", Count, RATE, &[Fail(1), Succeed(1), Acquire, Acquire]),
    breaker("one slow call short", CountAndSlow, SLOW, &[Fail(1), Succeed(2), Acquire, Acquire]),
    breaker("the bucket is over", Time, IN_TIME, &[Fail(1), Wait(12), Acquire, Acquire]),
    breaker("the window is over", Time, IN_TIME, &[Fail(1), Wait(35), Acquire, Acquire]),
    breaker("open", Count, OF_FOUR, &[Acquire, Acquire, Fail(2), Wait(1)]),
    breaker("due", NoWindow, IN_A_ROW, &[Acquire, Acquire, Fail(2), Wait(OPEN_FOR)]),
    breaker("probed", NoWindow, PROBES, &[Fail(2), Wait(120), Acquire, Acquire, Wait(1)]),
    breaker(
        "one probe from a verdict",
        NoWindow,
        PROBES,
        &[Fail(2), Wait(120), Succeed(1), Acquire, Acquire, Wait(1)],
    ),
    breaker(
        "probed by rate",
        Count,
        BY_RATE,
        &[By(Trip), Wait(OPEN_FOR), Fail(1), Acquire, Acquire],
    ),
    breaker(
        "overdue",
        NoWindow,
        PROBES,
        &[Fail(2), Wait(120), Acquire, Acquire, Acquire, Wait(PROBE_TIMEOUT + 1)],
    ),
    breaker(
        "overdue, with fresh probes",
        NoWindow,
        IN_A_ROW.after_probe_timeout(AfterProbeTimeout::FreshProbes).probes(3),
        &[Fail(2), Wait(OPEN_FOR), Acquire, Acquire, Acquire, Wait(PROBE_TIMEOUT)],
    ),
    breaker(
        "overdue, to close",
        NoWindow,
        IN_A_ROW.after_probe_timeout(AfterProbeTimeout::Close).probes(3),
        &[Fail(2), Wait(OPEN_FOR), Acquire, Acquire, Acquire, Wait(PROBE_TIMEOUT)],
    ),
    breaker("a transfer", NoWindow, IN_A_ROW, &[Fail(1), Transfer, Acquire, Acquire]),
    breaker(
        "a probing transfer",
        NoWindow,
        PROBES,
        &[Fail(2), Wait(120), Transfer, Acquire, Acquire],
    ),
    breaker("ramping", NoWindow, RAMP, &[By(Trip), Wait(OPEN_FOR), Succeed(2), Acquire, Acquire]),
    breaker(
        "the ramp is over",
        NoWindow,
        RAMP,
        &[By(Trip), Wait(OPEN_FOR), Succeed(2), Acquire, Acquire, Wait(100)],
    ),
    breaker("a dry run", Count, OF_FOUR, &[By(MetricsOnly), Fail(1), Acquire, Acquire]),
    breaker("forced open", NoWindow, IN_A_ROW, &[Acquire, Acquire, By(ForceOpen)]),
    breaker("disabled", NoWindow, IN_A_ROW, &[By(Disable), Acquire, Acquire]),
    Situation {
        name: "throttled",
        kind: Kind::Throttle(ThrottleConfig::new(7).bucket(10)),
        steps: &[Acquire, Acquire, Fail(3), Wait(12)],
    },
];

impl Situation {
    /// Sets up the situation, and runs `then` in it.
    pub(crate) fn enter(&self, clock: &'static ManualClock, then: &mut dyn FnMut(&dyn Perform)) {
        clock.set(0);
        match &self.kind {
            Kind::Breaker(NoWindow, config) => self.windowed((), config, clock, then),
            Kind::Breaker(Count, config) => self.windowed(count(), config, clock, then),
            Kind::Breaker(CountAndSlow, config) => {
                self.windowed(WithSlow::new(count(), count()), config, clock, then);
            }
            Kind::Breaker(Time, config) => {
                self.windowed(TimeWindow::<2>::new(), config, clock, then)
            }
            Kind::Throttle(config) => {
                let throttle =
                    Throttle::try_new(*config, TimeWindow::<2>::new(), clock, Observers::default());
                self.go_through(&throttle.unwrap(), clock, then);
            }
        }
    }

    fn windowed(
        &self,
        window: impl Window,
        config: &Config,
        clock: &'static ManualClock,
        then: &mut dyn FnMut(&dyn Perform),
    ) {
        let breaker = Breaker::try_new(*config, window, clock, Observers::default());
        self.go_through(&breaker.unwrap(), clock, then);
    }

    fn go_through(
        &self,
        subject: &impl Subject,
        clock: &ManualClock,
        then: &mut dyn FnMut(&dyn Perform),
    ) {
        let mut stage = Stage { subject, permits: Default::default(), transfer: None };
        // A ramp admits only a share of the calls.
        let acquire = || (0..9).find_map(|_| subject.try_acquire().ok()).unwrap();
        let finish = |outcome| acquire().finish(outcome);
        let mut places = stage.permits.iter();
        for step in self.steps {
            match *step {
                Succeed(calls) => (0..calls).for_each(|_| finish(Outcome::Success)),
                Fail(calls) => (0..calls).for_each(|_| finish(Outcome::Failure)),
                Wait(ticks) => clock.advance(ticks),
                Acquire => places.next().unwrap().set(Some(acquire())),
                Transfer => stage.transfer.get_or_insert_default().put(acquire()).unwrap(),
                By(command) => _ = subject.perform(Operation::Manual(command)),
            }
        }
        then(&stage);
    }
}

fn count() -> CountWindow<4, 2> {
    CountWindow::new()
}
