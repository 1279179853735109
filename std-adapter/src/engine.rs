//! The core's breaker, with a window that is chosen at run time.

pub(crate) mod versions;
pub(crate) mod watch;

use microbreaker::{
    Breaker, CountWindow, FailureWindow, Guard, IllegalTransition, Outcome, Phase, Rejected,
    Snapshot, TimeWindow, Token, Window, WithSlow,
};

use crate::clock::SharedClock;
use crate::engine::watch::Watch;
use crate::settings::{self, BadSetting, Settings};
use crate::striped::Striped;

/// A window by time forgets a tenth of itself at a time, as in most breakers.
pub(crate) const BUCKETS: u32 = 10;

pub(crate) type Core<W> = Breaker<W, SharedClock, Watch>;
type Count = CountWindow<64>;
type Time = TimeWindow<{ BUCKETS as usize }>;
type Failures = FailureWindow<{ BUCKETS as usize }>;

/// One breaker of the core. Every decision is made in here.
#[expect(clippy::large_enum_variant, reason = "it is allocated once, and never moved after that")]
#[repr(u8)]
pub(crate) enum Engine {
    Plain(Core<()>),
    Count(Core<Count>),
    Time(Core<Time>),
    Failures(Core<Failures>),
    SlowCount(Core<WithSlow<Count>>),
    SlowTime(Core<WithSlow<Time>>),
    Striped(Core<Striped<Time>>),
    SlowStriped(Core<Striped<WithSlow<Time>>>),
}

/// Evaluates an expression of whichever core breaker it is.
macro_rules! each {
    ($engine:expr, $core:ident => $value:expr) => {
        match $engine {
            Engine::Plain($core) => $value,
            Engine::Count($core) => $value,
            Engine::Time($core) => $value,
            Engine::Failures($core) => $value,
            Engine::SlowCount($core) => $value,
            Engine::SlowTime($core) => $value,
            Engine::Striped($core) => $value,
            Engine::SlowStriped($core) => $value,
        }
    };
}

impl Engine {
    pub(crate) fn new(
        settings: &Settings,
        seed: u32,
        clock: SharedClock,
        watch: Watch,
    ) -> Result<Self, BadSetting> {
        let config = settings.config(seed)?;
        let engine = match settings.window() {
            settings::Window::None => Core::try_new(config, (), clock, watch).map(Self::Plain),
            settings::Window::Count { slow: false } => {
                Core::try_new(config, Count::new(), clock, watch).map(Self::Count)
            }
            settings::Window::Count { slow: true } => {
                let window = WithSlow::new(Count::new(), Count::new());
                Core::try_new(config, window, clock, watch).map(Self::SlowCount)
            }
            settings::Window::Time { slow: false } => {
                Core::try_new(config, Time::new(), clock, watch).map(Self::Time)
            }
            settings::Window::Time { slow: true } => {
                let window = WithSlow::new(Time::new(), Time::new());
                Core::try_new(config, window, clock, watch).map(Self::SlowTime)
            }
            settings::Window::Striped { slow: false } => {
                Core::try_new(config, Striped::new(Time::new), clock, watch).map(Self::Striped)
            }
            settings::Window::Striped { slow: true } => {
                let window = Striped::new(|| WithSlow::new(Time::new(), Time::new()));
                Core::try_new(config, window, clock, watch).map(Self::SlowStriped)
            }
            settings::Window::Failures => {
                Core::try_new(config, Failures::new(), clock, watch).map(Self::Failures)
            }
        };
        engine.map_err(|error| settings.explain(error))
    }

    /// Leave to make one call, and the tick at which it was given where the
    /// core times calls.
    ///
    /// This and completing successes is inlined for the windows that most breakers
    /// have: if it is not, the `Result` goes through memory in pieces, and that takes
    /// longer than all the rest.
    #[inline(always)]
    pub(crate) fn try_acquire(&self) -> Result<(Token, u32), Rejected> {
        match self {
            Self::Plain(core) => acquire(core),
            Self::Count(core) => acquire(core),
            _ => self.acquire_of_any(),
        }
    }

    #[inline(never)]
    fn acquire_of_any(&self) -> Result<(Token, u32), Rejected> {
        each!(self, core => acquire(core))
    }

    #[inline(always)]
    pub(crate) fn complete(&self, token: Token, started: u32, took: Option<u32>, end: Outcome) {
        match (self, end) {
            (Self::Plain(core), Outcome::Success) => core.complete(token, started, took, end),
            (Self::Count(core), Outcome::Success) => core.complete(token, started, took, end),
            _ => self.complete_any(token, started, took, end),
        }
    }

    #[inline(never)]
    fn complete_any(&self, token: Token, started: u32, took: Option<u32>, end: Outcome) {
        each!(self, core => core.complete(token, started, took, end));
    }

    pub(crate) fn abandoned(&self) -> Outcome {
        each!(self, core => core.abandoned())
    }

    pub(crate) fn watch(&self) -> &Watch {
        each!(self, core => core.observer())
    }

    pub(crate) fn phase(&self) -> Phase {
        each!(self, core => core.phase())
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        each!(self, core => core.snapshot())
    }

    pub(crate) fn trip(&self) {
        each!(self, core => core.trip());
    }

    pub(crate) fn trip_for(&self, ticks: u32) {
        each!(self, core => core.trip_for(ticks));
    }

    pub(crate) fn half_open(&self) -> Result<(), IllegalTransition> {
        each!(self, core => core.half_open())
    }

    pub(crate) fn reset(&self) {
        each!(self, core => core.reset());
    }

    pub(crate) fn force_open(&self) {
        each!(self, core => core.force_open());
    }

    pub(crate) fn disable(&self) {
        each!(self, core => core.disable());
    }

    pub(crate) fn metrics_only(&self) {
        each!(self, core => core.metrics_only());
    }
}

#[inline(always)]
fn acquire<W: Window>(core: &Core<W>) -> Result<(Token, u32), Rejected> {
    let permit = core.try_acquire()?;
    let started = permit.started();
    Ok((permit.into_token(), started))
}
