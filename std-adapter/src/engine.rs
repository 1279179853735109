//! A core breaker with a window that is chosen at run time.

pub(crate) mod reload;
mod shared;
pub(crate) mod versions;
pub(crate) mod watch;

use std::any::Any;
use std::sync::Arc;

use microbreaker::config::ConfigSource;
use microbreaker::handover::{Handover, Late};
use microbreaker::{
    Breaker, Config, ConfigError, CountWindow, FailureWindow, Gate, LeakyBucket, Outcome, Outlook,
    Permit, Rejected, Status, Token, WithSlow, window::Window,
};

use self::shared::{InBucket, Shared};
use self::versions::{Grant, Version};
use self::watch::Watch;
use crate::clock::SharedClock;
use crate::settings::window::WindowKind;
use crate::settings::{BUCKETS, SettingError, Settings};
use crate::window::{ByPolicy, ExactTimeWindow, Policy};

pub(crate) type Core<W> = Breaker<W, SharedClock, Watch, Replaceable>;
type Count = CountWindow<64>;
type Time<const SLOW: bool> = ExactTimeWindow<SharedClock, { BUCKETS as usize }, SLOW>;
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
    Plain(Core<Shared<()>>),
    Count(Core<Shared<Count>>),
    Time(Core<Shared<Time<false>>>),
    Failures(Core<Shared<Failures>>),
    SlowCount(Core<Shared<WithSlow<Count>>>),
    SlowTime(Core<Shared<Time<true>>>),
    LeakyPlain(Core<InBucket<()>>),
    LeakyCount(Core<InBucket<Count>>),
    LeakyTime(Core<InBucket<Time<false>>>),
    LeakyFailures(Core<InBucket<Failures>>),
    LeakySlowCount(Core<InBucket<WithSlow<Count>>>),
    LeakySlowTime(Core<InBucket<Time<true>>>),
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
            Engine::LeakyPlain($core) => $value,
            Engine::LeakyCount($core) => $value,
            Engine::LeakyTime($core) => $value,
            Engine::LeakyFailures($core) => $value,
            Engine::LeakySlowCount($core) => $value,
            Engine::LeakySlowTime($core) => $value,
        }
    };
}

/// A task for the type of window that settings ask for.
trait ForWindow {
    type Done;

    /// `window` makes the window, given the clock, and `plain` or `leaky` the engine with that window, alone
    /// or beside a bucket.
    fn with<W: ByPolicy + Send + Sync + 'static>(
        self,
        window: impl FnOnce(SharedClock) -> W,
        plain: impl FnOnce(Core<Shared<W>>) -> Engine,
        leaky: impl FnOnce(Core<InBucket<W>>) -> Engine,
    ) -> Self::Done;
}

/// The one place where the window that settings ask for becomes a type.
fn for_window<T: ForWindow>(settings: &Settings, task: T) -> T::Done {
    use Engine::*;
    let slow_count = |_| WithSlow::new(CountWindow::new(), CountWindow::new());
    match settings.window() {
        WindowKind::None => task.with(|_| (), Plain, LeakyPlain),
        WindowKind::Count { slow: false } => task.with(|_| CountWindow::new(), Count, LeakyCount),
        WindowKind::Count { slow: true } => task.with(slow_count, SlowCount, LeakySlowCount),
        WindowKind::Time { slow: false } => task.with(ExactTimeWindow::new, Time, LeakyTime),
        WindowKind::Time { slow: true } => task.with(ExactTimeWindow::new, SlowTime, LeakySlowTime),
        WindowKind::Failures => task.with(|_| FailureWindow::new(), Failures, LeakyFailures),
    }
}

/// The windows of an engine, which its successor may share.
#[derive(Clone)]
struct Windows {
    window: Arc<dyn Any + Send + Sync>,
    bucket: Option<Arc<LeakyBucket>>,
}

struct Build<'a> {
    config: Config,
    policy: Option<Box<Policy>>,
    leaky: bool,
    clock: SharedClock,
    watch: Watch,
    /// What a predecessor hands over.
    handover: Option<&'a Handover>,
    /// Its window, if that can be shared.
    window: Option<Arc<dyn Any + Send + Sync>>,
    bucket: Option<Arc<LeakyBucket>>,
}

impl ForWindow for Build<'_> {
    type Done = Result<(Engine, Windows), ConfigError>;

    fn with<W: ByPolicy + Send + Sync + 'static>(
        self,
        window: impl FnOnce(SharedClock) -> W,
        plain: impl FnOnce(Core<Shared<W>>) -> Engine,
        leaky: impl FnOnce(Core<InBucket<W>>) -> Engine,
    ) -> Self::Done {
        let Self { config, clock, watch, handover, policy, .. } = self;
        let old = self.window.and_then(|old| old.downcast().ok());
        let beside = Shared::of(old, || window(clock.clone())).by(policy);
        let window = beside.window();
        if self.leaky {
            let bucket = Shared::of(self.bucket, || LeakyBucket::new(()));
            let windows = Windows { window, bucket: Some(bucket.window()) };
            let core = build(config, InBucket { bucket, beside }, clock, watch, handover)?;
            Ok((leaky(core), windows))
        } else {
            let core = build(config, beside, clock, watch, handover)?;
            Ok((plain(core), Windows { window, bucket: None }))
        }
    }
}

fn build<W: Window>(
    config: Config,
    window: W,
    clock: SharedClock,
    watch: Watch,
    handover: Option<&Handover>,
) -> Result<Core<W>, ConfigError> {
    let mut core = Core::try_new(Replaceable(config), window, clock, watch)?;
    if let Some(handover) = handover {
        core.take_over(handover);
    }
    Ok(core)
}

struct Check {
    config: Config,
    leaky: bool,
}

impl ForWindow for Check {
    type Done = Result<(), ConfigError>;

    fn with<W: ByPolicy + Send + Sync + 'static>(
        self,
        _: impl FnOnce(SharedClock) -> W,
        _: impl FnOnce(Core<Shared<W>>) -> Engine,
        _: impl FnOnce(Core<InBucket<W>>) -> Engine,
    ) -> Self::Done {
        if self.leaky { self.config.check::<InBucket<W>>() } else { self.config.check::<W>() }
    }
}

impl Settings {
    /// The policy that a window may know: not if failures in a row must be in the window, because
    /// then each failure needs the tally.
    fn policy(&self, config: Config) -> Option<Policy> {
        let knows = matches!(self.window(), WindowKind::Time { .. })
            && self.consecutive_within_window != Some(true);
        knows.then(|| Policy::new(config, self.min_calls.unwrap_or(1)))
    }
}

/// Checks that an engine can be built from `settings`, without building one.
pub(crate) fn check(settings: &Settings) -> Result<(), SettingError> {
    let settings = &settings.filled_in();
    // The seed draws the jitter, and any is allowed.
    let check = Check { config: settings.config(0)?, leaky: settings.leaky_bucket.is_some() };
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
        let (old, handover) = from.unzip();
        let holds = old.filter(|old| settings.can_hold_window_of(&old.settings));
        let config = settings.config(seed)?;
        let build = Build {
            config,
            policy: settings.policy(config).map(Box::new),
            leaky: settings.leaky_bucket.is_some(),
            clock,
            handover,
            window: holds.map(|old| old.windows.window.clone()),
            bucket: old.and_then(|old| old.windows.bucket.clone()),
            watch,
        };
        let timed = build.watch.measures_durations();
        let built = for_window(settings, build);
        let (engine, windows) = built.map_err(|error| settings.explain(error))?;
        Ok(Self { settings: settings.clone(), engine, timed, windows })
    }
}

impl Engine {
    /// Asks for permission to make one call, if the window is one that most breakers have.
    ///
    /// It is inlined, and so is completing a success: otherwise the `Result` goes through
    /// memory in pieces, which takes longer than all the rest.
    #[inline(always)]
    pub(crate) fn acquire_at_once(&self) -> Result<Grant, Option<Rejected>> {
        match self {
            Self::Plain(core) => acquire(core).map_err(Some),
            Self::Count(core) => acquire(core).map_err(Some),
            Self::Time(core) => acquire(core).map_err(Some),
            _ => Err(None),
        }
    }

    /// Asks for permission to make one call.
    pub(crate) fn try_acquire(&self) -> Result<Grant, Rejected> {
        each!(self, core => acquire(core))
    }

    /// The same for a caller that waits: a rejection is not reported.
    pub(crate) fn try_acquire_quietly(&self) -> Result<Grant, Rejected> {
        each!(self, core => core.try_acquire_quietly().map(grant))
    }

    /// What it admits now.
    pub(crate) fn outlook(&self) -> Outlook {
        each!(self, core => core.outlook())
    }

    /// Counts a call that waits among those that are offered to a ramp.
    pub(crate) fn offer(&self) {
        each!(self, core => core.offer());
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
            (Self::Time(core), Outcome::Success) => core.end(token, started, took, end),
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

    #[cfg(any(all(feature = "http", feature = "tower"), feature = "reqwest"))]
    pub(crate) fn is_slow(&self, started: u32, took: Option<u32>) -> bool {
        each!(self, core => core.is_slow(started, took))
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
fn acquire<W: Window>(core: &Core<W>) -> Result<Grant, Rejected> {
    core.try_acquire().map(grant)
}

#[inline(always)]
fn grant<W: Window>(permit: Permit<'_, Core<W>>) -> Grant {
    let started = permit.started();
    let token = permit.into_token();
    if W::SLOW { Grant::timed(token, started) } else { Grant::untimed(token) }
}
