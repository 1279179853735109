//! Breakers by name.

mod entry;
mod publish;
mod recipe;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use microbreaker::{Clock, Phase, clock::elapsed};
use papaya::HashMap;
use wildmatch::WildMatch;

use self::entry::Entry;
use self::recipe::Recipe;
use crate::breaker::Breaker;
use crate::breaker::builder::Builder;
use crate::clock::{SharedClock, duration};
use crate::engine::reload::Reloaded;
use crate::error::BuildError;
use crate::settings::{SettingError, Settings};
use crate::telemetry::event::Event;
use crate::telemetry::listeners::Listeners;

/// As many breakers as a registry holds for nobody, unless it is told otherwise.
const MOST_IDLE: usize = 10_000;

/// Breakers by name: for each service, host or endpoint one, made of a template
/// when it is first asked for. A handle, cheap to clone.
///
/// ```
/// use microbreaker_std::{Breaker, Registry, Settings};
/// use std::time::Duration;
/// let template = Breaker::builder("template")
///     .consecutive_failures(5)
///     .open_for(Duration::from_secs(30));
/// let registry = Registry::new(template)?;
/// let lenient = Settings { consecutive_failures: Some(50), ..Settings::default() };
/// registry.override_settings("search", lenient)?;
///
/// assert_eq!(registry.get("search").settings().consecutive_failures, Some(50));
/// registry.get("users/10.0.0.1").trip();
/// for breaker in registry.matching("users/*") {
///     breaker.reset();
/// }
/// # Ok::<(), microbreaker_std::BuildError>(())
/// ```
///
/// # Memory
///
/// A breaker takes up to 2 KiB, and where calls are counted 64 bytes more for each
/// thread that makes them. Names may come from outside, so those that nobody but the
/// registry holds are bounded, by default to 10,000: see
/// [`most_idle`](Self::most_idle).
#[derive(Clone)]
pub struct Registry(Arc<Shared>);

struct Shared {
    breakers: HashMap<Arc<str>, Entry>,
    recipe: RwLock<Recipe>,
    listeners: Arc<Listeners>,
    clock: SharedClock,
    most_idle: usize,
    /// With so many breakers it is time to look for idle ones again.
    look_at: AtomicUsize,
}

impl Registry {
    /// No breakers yet; they will be made as `template` says, each under its own
    /// name.
    ///
    /// # Errors
    ///
    /// If the template cannot be built.
    pub fn new(template: Builder) -> Result<Self, BuildError> {
        let clock = template.clock.clone();
        let clock =
            clock.unwrap_or_else(|| SharedClock::suitable(template.settings.slow_after.is_some()));
        let listeners = Arc::new(Listeners::default());
        let template = Builder { of_registry: Some(listeners.clone()), ..template };
        let recipe = Recipe { template, inserted: BTreeMap::new(), overrides: BTreeMap::new() };
        recipe.check()?;
        let registry = Shared {
            breakers: HashMap::new(),
            recipe: RwLock::new(recipe),
            listeners,
            clock,
            most_idle: MOST_IDLE,
            look_at: AtomicUsize::new(MOST_IDLE),
        };
        Ok(Self(Arc::new(registry)))
    }

    /// Holds at most `count` breakers, at least 1, for nobody else: beyond, a
    /// tenth of them are dropped, first those that are closed, and of these the
    /// ones that have not been asked for the longest. Breakers that somebody
    /// holds do not count, and stay.
    ///
    /// # Panics
    ///
    /// If the registry has been cloned, or `count` is 0.
    #[must_use]
    pub fn most_idle(mut self, count: usize) -> Self {
        assert!(count > 0, "a registry must hold at least one breaker");
        let shared = Arc::get_mut(&mut self.0).expect("a registry is set up before it is shared");
        shared.most_idle = count;
        *shared.look_at.get_mut() = count;
        self
    }

    /// The breaker of this name, made if there is none.
    ///
    /// Lock-free where there is one, unless that is just being evicted. Keep the
    /// handle where you can: it is faster, and it keeps the breaker.
    #[must_use]
    pub fn get(&self, name: &str) -> Breaker {
        let breakers = self.0.breakers.pin();
        let now = self.0.clock.now();
        if let Some(entry) = breakers.get(name) {
            entry.asked.store(now, Ordering::Relaxed);
            if let Some(breaker) = entry.handle() {
                return breaker;
            }
        }
        let name: Arc<str> = name.into();
        // Who changes what breakers are made of finds this one, or it is made of
        // what has changed. And nobody evicts any meanwhile.
        let recipe = self.0.recipe.read().unwrap_or_else(PoisonError::into_inner);
        let entry = breakers.get_or_insert_with(name.clone(), || {
            let breaker = recipe.builder(&name).build();
            Entry::new(breaker.expect("it was checked when it was set"), now)
        });
        let breaker = entry.breaker.clone();
        drop(recipe);
        if breakers.len() > self.0.look_at.load(Ordering::Relaxed) {
            self.make_room();
        }
        breaker
    }

    /// A breaker that is made as `builder` says, under its name, in place of the
    /// template: with a clock or listeners of its own, say. Otherwise it is like
    /// the others: made again in the same way if it was dropped as idle, and what
    /// is overridden goes before what `builder` sets.
    ///
    /// # Errors
    ///
    /// If it cannot be built, or there is a breaker of this name, which somebody
    /// may use; nothing is changed then.
    pub fn insert(&self, builder: Builder) -> Result<Breaker, BuildError> {
        let builder = Builder { of_registry: Some(self.0.listeners.clone()), ..builder };
        let name = builder.name.clone();
        // Nobody makes breakers meanwhile.
        let mut recipe = self.0.recipe.write().unwrap_or_else(PoisonError::into_inner);
        if self.find(&name).is_some() {
            let allowed = "one that the registry has no breaker of".to_owned();
            let problem = SettingError { setting: "name", value: format!("{name:?}"), allowed };
            return Err(BuildError { name, problem });
        }
        recipe.overridden(builder.clone()).check()?;
        recipe.inserted.insert(name.clone(), builder);
        drop(recipe);
        Ok(self.get(&name))
    }

    /// The breaker of this name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Breaker> {
        self.0.breakers.pin().get(name).and_then(|entry| self.handle(entry))
    }

    /// All breakers, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Breaker> {
        self.matching("*")
    }

    /// Those breakers whose names match `pattern`, by name. `*` is any number of
    /// characters, `?` is one.
    #[must_use]
    pub fn matching(&self, pattern: &str) -> Vec<Breaker> {
        let pattern = WildMatch::new(pattern);
        let breakers = self.0.breakers.pin();
        let all = breakers.values().filter_map(|entry| self.handle(entry));
        let mut matching: Vec<_> = all.filter(|b| pattern.matches(b.name())).collect();
        matching.sort_by(|a, b| a.name().cmp(b.name()));
        matching
    }

    /// Takes a breaker out. Who holds it still can use it; who asks for its name
    /// gets another one. In the metrics it is in no phase any more.
    pub fn remove(&self, name: &str) -> Option<Breaker> {
        self.0.breakers.pin().remove(name).map(Entry::taken_out)
    }

    /// Takes out the breakers that nobody holds, that are closed, and that nobody
    /// has asked for during `time`, below 49 days. How many.
    pub fn evict_idle(&self, time: Duration) -> usize {
        let idle = self.idle();
        idle.into_iter().filter(|idle| idle.closed && idle.time >= time && self.evict(idle)).count()
    }

    /// For `name` those of `settings` that are set go before the template's, from
    /// now on.
    ///
    /// # Errors
    ///
    /// If they cannot work together; nothing is changed then.
    pub fn override_settings(
        &self,
        name: &str,
        settings: Settings,
    ) -> Result<Reloaded, BuildError> {
        let name: Arc<str> = name.into();
        let mut recipe = self.0.recipe.write().unwrap_or_else(PoisonError::into_inner);
        let before = recipe.overrides.insert(name.clone(), settings);
        let builder = recipe.builder(&name);
        let settings = builder.settings.clone();
        if let Err(error) = builder.check() {
            match before {
                Some(before) => recipe.overrides.insert(name, before),
                None => recipe.overrides.remove(&name),
            };
            return Err(error);
        }
        drop(recipe);
        self.find(&name).map_or(Ok(Reloaded::Unchanged), |breaker| breaker.reload(&settings))
    }

    /// Goes on with other settings: of the template, and in place of all that was
    /// overridden. Those that were inserted go on with their own. Tells what became
    /// of each breaker.
    ///
    /// # Errors
    ///
    /// The first of them that cannot work; nothing is changed then.
    pub fn reload(
        &self,
        template: Settings,
        overrides: impl IntoIterator<Item = (String, Settings)>,
    ) -> Result<Vec<(Arc<str>, Reloaded)>, BuildError> {
        let mut recipe = self.0.recipe.write().unwrap_or_else(PoisonError::into_inner);
        let overrides = overrides.into_iter().map(|(name, settings)| (name.into(), settings));
        let template = recipe.template.clone().settings(template);
        let inserted = recipe.inserted.clone();
        let next = Recipe { template, inserted, overrides: overrides.collect() };
        next.check()?;
        *recipe = next;
        let reload = |breaker: Breaker| {
            let settings = recipe.builder(breaker.name()).settings;
            Ok((breaker.name().clone(), breaker.reload(&settings)?))
        };
        self.list().into_iter().map(reload).collect()
    }

    /// Tells `listener` of every event of every breaker: see
    /// [`Breaker::on_event`].
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.0.listeners.add(listener);
    }

    /// The breaker of `entry`, unless it was evicted.
    fn handle(&self, entry: &Entry) -> Option<Breaker> {
        entry.handle().or_else(|| {
            let _nobody_evicts = self.0.recipe.read().unwrap_or_else(PoisonError::into_inner);
            entry.handle()
        })
    }

    /// The breakers that nobody holds.
    fn idle(&self) -> Vec<Idle> {
        let now = self.0.clock.now();
        let breakers = self.0.breakers.pin();
        let idle = breakers.iter().filter(|(_, entry)| !entry.breaker.is_held());
        let idle = idle.map(|(name, entry)| Idle {
            name: name.clone(),
            closed: entry.breaker.phase() == Phase::Closed,
            time: duration(elapsed(now, entry.asked.load(Ordering::Relaxed))),
        });
        idle.collect()
    }

    /// Takes it out, unless somebody holds it now.
    fn evict(&self, idle: &Idle) -> bool {
        // Nobody makes one of this name meanwhile.
        let _alone = self.0.recipe.write().unwrap_or_else(PoisonError::into_inner);
        let breakers = self.0.breakers.pin();
        let leaves = breakers.get(&idle.name).is_some_and(Entry::leave);
        leaves && breakers.remove(&idle.name).map(Entry::taken_out).is_some()
    }

    #[cold]
    fn make_room(&self) {
        let mut idle = self.idle();
        let most = self.0.most_idle;
        if idle.len() > most {
            let surplus = idle.len() - most + most / 10;
            idle.sort_by_key(|idle| (!idle.closed, std::cmp::Reverse(idle.time)));
            idle.iter().take(surplus).for_each(|idle| {
                self.evict(idle);
            });
        }
        // Those that somebody holds must not be looked through at every call.
        let look_at = self.0.breakers.pin().len() + most / 10;
        self.0.look_at.store(look_at.max(most), Ordering::Relaxed);
    }
}

/// A breaker that only the registry holds.
struct Idle {
    name: Arc<str>,
    closed: bool,
    /// For how long nobody has asked for it.
    time: Duration,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.list()).finish()
    }
}
