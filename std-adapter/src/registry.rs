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

/// The default of `most_idle`.
const MOST_IDLE: usize = 10_000;

/// Breakers by name: one for each service, host or endpoint, built from a template at
/// the first request for its name. A handle, cheap to clone.
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
/// A breaker takes up to 2.5 KiB and, if calls are counted, another 128 bytes for each
/// core. Names may come from outside, so the number of breakers that only the registry
/// holds is bounded, by default to 10,000: see [`most_idle`](Self::most_idle).
#[derive(Clone)]
pub struct Registry(Arc<Shared>);

struct Shared {
    breakers: HashMap<Arc<str>, Entry>,
    recipe: RwLock<Recipe>,
    listeners: Arc<Listeners>,
    clock: SharedClock,
    most_idle: usize,
    /// The number of breakers above which to look for idle ones again.
    look_at: AtomicUsize,
}

impl Registry {
    /// An empty registry, which will build breakers from `template`, each under its own
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

    /// Keeps at most `count` breakers, at least 1, that nothing but the registry holds.
    /// When there are more, it drops the excess and another tenth of `count`: closed
    /// breakers first, and among these the ones that were not requested for the longest
    /// time. Breakers with a handle elsewhere do not count, and stay.
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

    /// The breaker of this name, built if there is none.
    ///
    /// Lock-free if the breaker exists and is not just being evicted. Keep the handle
    /// where you can: that is faster, and it keeps the breaker.
    #[must_use]
    pub fn get(&self, name: &str) -> Breaker {
        let breakers = self.0.breakers.pin();
        let now = self.0.clock.now();
        if let Some(entry) = breakers.get(name) {
            entry.requested.store(now, Ordering::Relaxed);
            if let Some(breaker) = entry.handle() {
                return breaker;
            }
        }
        let name: Arc<str> = name.into();
        // While this is locked no thread changes the recipe: a later change finds
        // this breaker, an earlier one is in the recipe. Nor does any thread evict.
        let recipe = self.0.recipe.read().unwrap_or_else(PoisonError::into_inner);
        let entry = breakers.get_or_insert_with(name.clone(), || {
            let breaker = recipe.builder(&name).build();
            Entry::new(breaker.expect("the recipe was checked when it was set"), now)
        });
        let breaker = entry.breaker.clone();
        drop(recipe);
        if breakers.len() > self.0.look_at.load(Ordering::Relaxed) {
            self.make_room();
        }
        breaker
    }

    /// Builds a breaker from `builder` instead of the template, with a clock or
    /// listeners of its own for example, under the builder's name. Otherwise it is like
    /// the others: if it was dropped as idle, it is built again from `builder`, and
    /// overrides take precedence over what `builder` sets.
    ///
    /// # Errors
    ///
    /// If it cannot be built, or there is already a breaker of this name, which may be
    /// in use. Nothing is changed then.
    pub fn insert(&self, builder: Builder) -> Result<Breaker, BuildError> {
        let builder = Builder { of_registry: Some(self.0.listeners.clone()), ..builder };
        let name = builder.name.clone();
        // While this is locked, no thread builds a breaker.
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

    /// All breakers, sorted by name.
    #[must_use]
    pub fn list(&self) -> Vec<Breaker> {
        self.matching("*")
    }

    /// The breakers whose names match `pattern`, sorted by name. `*` stands for any
    /// number of characters, `?` for one.
    #[must_use]
    pub fn matching(&self, pattern: &str) -> Vec<Breaker> {
        let pattern = WildMatch::new(pattern);
        let breakers = self.0.breakers.pin();
        let all = breakers.values().filter_map(|entry| self.handle(entry));
        let mut matching: Vec<_> = all.filter(|b| pattern.matches(b.name())).collect();
        matching.sort_by(|a, b| a.name().cmp(b.name()));
        matching
    }

    /// Removes a breaker. Handles to it stay usable, but the next request for its name
    /// gets another one. In the metrics it is in no phase any more.
    pub fn remove(&self, name: &str) -> Option<Breaker> {
        self.0.breakers.pin().remove(name).map(Entry::removed)
    }

    /// Removes the closed breakers that nothing but the registry holds and that were
    /// not requested for `time`, which must be below 49 days. Returns how many.
    pub fn evict_idle(&self, time: Duration) -> usize {
        let idle = self.idle();
        idle.into_iter().filter(|idle| idle.closed && idle.time >= time && self.evict(idle)).count()
    }

    /// Overrides the template for one name: from now on, what is set in `settings`
    /// takes precedence there.
    ///
    /// # Errors
    ///
    /// If the settings cannot work together. Nothing is changed then.
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

    /// Replaces the settings of the template, and all overrides. Breakers that were
    /// inserted keep their own settings. Returns what became of each breaker.
    ///
    /// # Errors
    ///
    /// The first setting that cannot work. Nothing is changed then.
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

    /// Calls `listener` on every event of every breaker: see [`Breaker::on_event`].
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.0.listeners.add(listener);
    }

    /// The breaker of `entry`, unless it was evicted.
    fn handle(&self, entry: &Entry) -> Option<Breaker> {
        entry.handle().or_else(|| {
            let _no_evictions = self.0.recipe.read().unwrap_or_else(PoisonError::into_inner);
            entry.handle()
        })
    }

    /// The breakers that nothing but the registry holds.
    fn idle(&self) -> Vec<Idle> {
        let now = self.0.clock.now();
        let breakers = self.0.breakers.pin();
        let idle = breakers.iter().filter(|(_, entry)| !entry.breaker.is_held());
        let idle = idle.map(|(name, entry)| Idle {
            name: name.clone(),
            closed: entry.breaker.phase() == Phase::Closed,
            time: duration(elapsed(now, entry.requested.load(Ordering::Relaxed))),
        });
        idle.collect()
    }

    /// Removes it, unless there is a handle to it by now.
    fn evict(&self, idle: &Idle) -> bool {
        // While this is locked, no thread builds one of this name.
        let _no_builds = self.0.recipe.write().unwrap_or_else(PoisonError::into_inner);
        let breakers = self.0.breakers.pin();
        let leaves = breakers.get(&idle.name).is_some_and(Entry::leave);
        leaves && breakers.remove(&idle.name).map(Entry::removed).is_some()
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
        // Held breakers stay, so do not look through them again at every call.
        let look_at = self.0.breakers.pin().len() + most / 10;
        self.0.look_at.store(look_at.max(most), Ordering::Relaxed);
    }
}

/// A breaker that only the registry holds.
struct Idle {
    name: Arc<str>,
    closed: bool,
    /// How long it has not been requested.
    time: Duration,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.list()).finish()
    }
}
