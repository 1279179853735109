//! A core breaker with a window that is chosen at run time.

pub(crate) mod reload;
mod shared;
pub(crate) mod striped;
pub(crate) mod versions;
pub(crate) mod watch;

use std::any::Any;
use std::sync::Arc;

use microbreaker::config::ConfigSource;
use microbreaker::handover::{Handover, Late};
use microbreaker::{
    Breaker, Config, ConfigError, CountWindow, FailureWindow, Gate, LeakyBucket, Outcome, Rejected,
    Status, TimeWindow, Token, WithSlow, window::Window,
};

use self::shared::Shared;
use self::striped::Striped;
use self::versions::Version;
use self::watch::Watch;
use crate::clock::SharedClock;
use crate::settings::window::WindowKind;
use crate::settings::{BUCKETS, SettingError, Settings};

pub(crate) type Core<W> = Breaker<Shared<W>, SharedClock, Watch, Replaceable>;
type Count = CountWindow<64>;
type Time = TimeWindow<{ BUCKETS as usize }>;
type Failures = FailureWindow<{ BUCKETS as usize }>;

/// The configuration of an engine that may be replaced by another.
pub(crate) struct Replaceable(Config);

impl ConfigSource for Replaceable {
    const HANDS_OVER: bool = true;

    #[inline]
    fn config(&self) -> &Config {
        &self.0
    }
}

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
    fn with<W: Window + Send + Sync + 'static>(
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

struct Build<'a> {
    config: Config,
    clock: SharedClock,
    watch: Watch,
    /// What a predecessor hands over, and its window if that may be shared.
    from: Option<(&'a Handover, Option<AnyWindow>)>,
}

type AnyWindow = Arc<dyn Any + Send + Sync>;

impl ForWindow for Build<'_> {
    type Done = Result<(Engine, AnyWindow), ConfigError>;

    fn with<W: Window + Send + Sync + 'static>(
        self,
        window: impl FnOnce() -> W,
        engine: impl FnOnce(Core<W>) -> Engine,
    ) -> Self::Done {
        let (handover, window_of_old) = self.from.unzip();
        let same: Option<Arc<W>> = window_of_old.flatten().and_then(|it| it.downcast().ok());
        let is_same = same.is_some();
        let window = same.unwrap_or_else(|| Arc::new(window()));
        let (config, shared) = (Replaceable(self.config), Shared(window.clone()));
        let mut core = Core::try_new(config, shared, self.clock, self.watch)?;
        if let Some(handover) = handover {
            core.take_over(handover, is_same);
        }
        Ok((engine(core), window))
    }
}

struct Check {
    config: Config,
}

impl ForWindow for Check {
    type Done = Result<(), ConfigError>;

    fn with<W: Window + Send + Sync + 'static>(
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

impl Version {
    /// A closed engine with these settings; or one that takes over what `from` hands over.
    pub(crate) fn new(
        settings: &Settings,
        seed: u32,
        clock: SharedClock,
        watch: Watch,
        from: Option<(&Self, &Handover)>,
    ) -> Result<Self, SettingError> {
        let from = from.map(|(old, handover)| {
            let window = settings.can_hold_window_of(&old.settings).then(|| old.window.clone());
            (handover, window)
        });
        let timed = watch.measures_durations();
        let build = Build { config: settings.config(seed)?, clock, watch, from };
        let built = for_window(settings, build);
        let (engine, window) = built.map_err(|error| settings.explain(error))?;
        Ok(Self { settings: settings.clone(), engine, timed, window })
    }
}

impl Engine {
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

    /// Ends a call, unless this engine was retired.
    #[inline(always)]
    pub(crate) fn end(
        &self,
        token: Token,
        started: u32,
        took: Option<u32>,
        end: Outcome,
    ) -> Result<(), Late> {
        match (self, end) {
            (Self::Plain(core), Outcome::Success) => core.end(token, started, took, end),
            (Self::Count(core), Outcome::Success) => core.end(token, started, took, end),
            _ => self.end_any(token, started, took, end),
        }
    }

    #[inline(never)]
    fn end_any(
        &self,
        token: Token,
        started: u32,
        took: Option<u32>,
        end: Outcome,
    ) -> Result<(), Late> {
        each!(self, core => core.end(token, started, took, end))
    }

    /// Ends a call that was `late` for an engine with the same window.
    pub(crate) fn end_late(
        &self,
        token: Token,
        started: u32,
        took: Option<u32>,
        end: Outcome,
        late: Late,
    ) -> Result<(), Late> {
        each!(self, core => core.end_late(token, started, took, end, late))
    }

    pub(crate) fn abandoned(&self, token: Token, started: u32, took: Option<u32>) -> Outcome {
        each!(self, core => core.abandoned(token, started, took))
    }

    /// Whether the core times calls.
    #[inline]
    pub(crate) const fn times_calls(&self) -> bool {
        matches!(self, Self::SlowCount(_) | Self::SlowTime(_) | Self::SlowStriped(_))
    }

    pub(crate) fn hand_over(&self) -> Option<Handover> {
        each!(self, core => core.hand_over())
    }

    pub(crate) fn retire(&self, handover: &Handover) -> bool {
        each!(self, core => core.retire(handover))
    }

    #[inline]
    pub(crate) fn is_retired(&self) -> bool {
        each!(self, core => core.is_retired())
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
