//! A core breaker with a window that is chosen at run time.

pub(crate) mod reload;
pub(crate) mod striped;
pub(crate) mod versions;
pub(crate) mod watch;

use microbreaker::{
    Breaker, Config, ConfigError, CountWindow, FailureWindow, Gate, LeakyBucket, Outcome, Rejected,
    Status, TimeWindow, Token, WithSlow, window::Window,
};

use self::striped::Striped;
use self::watch::Watch;
use crate::clock::SharedClock;
use crate::settings::window::WindowKind;
use crate::settings::{BUCKETS, SettingError, Settings};

pub(crate) type Core<W> = Breaker<W, SharedClock, Watch>;
type Count = CountWindow<64>;
type Time = TimeWindow<{ BUCKETS as usize }>;
type Failures = FailureWindow<{ BUCKETS as usize }>;

/// A core breaker. It makes every decision.
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
    LeakyPlain(Core<LeakyBucket<()>>),
    LeakyCount(Core<LeakyBucket<Count>>),
    LeakyTime(Core<LeakyBucket<Time>>),
    LeakyFailures(Core<LeakyBucket<Failures>>),
    LeakySlowCount(Core<LeakyBucket<WithSlow<Count>>>),
    LeakySlowTime(Core<LeakyBucket<WithSlow<Time>>>),
    LeakyStriped(Core<LeakyBucket<Striped<Time>>>),
    LeakySlowStriped(Core<LeakyBucket<Striped<WithSlow<Time>>>>),
}

/// Evaluates an expression on the core breaker, whichever window it has.
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
            Engine::LeakyPlain($core) => $value,
            Engine::LeakyCount($core) => $value,
            Engine::LeakyTime($core) => $value,
            Engine::LeakyFailures($core) => $value,
            Engine::LeakySlowCount($core) => $value,
            Engine::LeakySlowTime($core) => $value,
            Engine::LeakyStriped($core) => $value,
            Engine::LeakySlowStriped($core) => $value,
        }
    };
}

/// A task for the type of window that settings ask for.
trait ForWindow {
    type Done;

    /// `window` makes the window, and `engine` the engine with that window.
    fn with<W: Window>(
        self,
        window: impl FnOnce() -> W,
        engine: impl FnOnce(Core<W>) -> Engine,
    ) -> Self::Done;
}

/// The one place where the window that settings ask for becomes a type.
fn for_window<T: ForWindow>(settings: &Settings, task: T) -> T::Done {
    let leaky = settings.leaky_bucket.is_some();
    /// The window itself, or in a bucket.
    macro_rules! with {
        ($window:expr, $plain:ident, $leaky:ident) => {
            if leaky {
                task.with(|| LeakyBucket::new($window()), Engine::$leaky)
            } else {
                task.with($window, Engine::$plain)
            }
        };
    }
    let slow_count = || WithSlow::new(Count::new(), Count::new());
    let slow_time = || WithSlow::new(Time::new(), Time::new());
    match settings.window() {
        WindowKind::None => with!(|| (), Plain, LeakyPlain),
        WindowKind::Count { slow: false } => with!(Count::new, Count, LeakyCount),
        WindowKind::Count { slow: true } => with!(slow_count, SlowCount, LeakySlowCount),
        WindowKind::Time { slow: false } => with!(Time::new, Time, LeakyTime),
        WindowKind::Time { slow: true } => with!(slow_time, SlowTime, LeakySlowTime),
        WindowKind::Striped { slow: false } => {
            with!(|| Striped::new(Time::new), Striped, LeakyStriped)
        }
        WindowKind::Striped { slow: true } => {
            with!(|| Striped::new(slow_time), SlowStriped, LeakySlowStriped)
        }
        WindowKind::Failures => with!(Failures::new, Failures, LeakyFailures),
    }
}

struct Build {
    config: Config,
    clock: SharedClock,
    watch: Watch,
}

impl ForWindow for Build {
    type Done = Result<Engine, ConfigError>;

    fn with<W: Window>(
        self,
        window: impl FnOnce() -> W,
        engine: impl FnOnce(Core<W>) -> Engine,
    ) -> Self::Done {
        Core::try_new(self.config, window(), self.clock, self.watch).map(engine)
    }
}

struct Check {
    config: Config,
}

impl ForWindow for Check {
    type Done = Result<(), ConfigError>;

    fn with<W: Window>(
        self,
        _: impl FnOnce() -> W,
        _: impl FnOnce(Core<W>) -> Engine,
    ) -> Self::Done {
        self.config.check::<W>()
    }
}

/// Checks that an engine can be built from `settings`, without building one.
pub(crate) fn check(settings: &Settings) -> Result<(), SettingError> {
    // The seed draws the jitter, and any is allowed.
    let check = Check { config: settings.config(0)? };
    for_window(settings, check).map_err(|error| settings.explain(error))
}

impl Engine {
    pub(crate) fn new(
        settings: &Settings,
        seed: u32,
        clock: SharedClock,
        watch: Watch,
    ) -> Result<Self, SettingError> {
        let build = Build { config: settings.config(seed)?, clock, watch };
        for_window(settings, build).map_err(|error| settings.explain(error))
    }

    /// Asks for a token to make one call. With it comes the tick of its issue, if the
    /// core times calls.
    ///
    /// For the windows that most breakers have, this is inlined, and so is completing a
    /// success: otherwise the `Result` goes through memory in pieces, which takes longer
    /// than all the rest.
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

    pub(crate) fn abandoned(&self, token: Token, started: u32, took: Option<u32>) -> Outcome {
        each!(self, core => core.abandoned(token, started, took))
    }

    pub(crate) fn watch(&self) -> &Watch {
        each!(self, core => core.observer())
    }

    #[cfg(feature = "fleet")]
    pub(crate) fn follow(&self, decision: microbreaker::Decision) -> bool {
        each!(self, core => core.follow(decision))
    }

    /// What does not depend on the window.
    pub(crate) fn status(&self) -> &dyn Status {
        each!(self, core => core)
    }
}

#[inline(always)]
fn acquire<W: Window>(core: &Core<W>) -> Result<(Token, u32), Rejected> {
    let permit = core.try_acquire()?;
    let started = permit.started();
    Ok((permit.into_token(), started))
}
