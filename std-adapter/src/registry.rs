//! Breakers by name.

mod entry;
#[cfg(feature = "serde")]
mod file;
mod health;
mod idle;
mod name;
mod publish;
mod recipe;

use std::fmt;
use std::sync::{Arc, PoisonError};

use microbreaker::Clock;
use papaya::{HashMap, ResizeMode};

use self::entry::Entry;
pub use self::health::Health;
use self::name::bounded;
use self::recipe::{Recipe, pattern};
use crate::breaker::Breaker;
use crate::breaker::builder::Builder;
use crate::clock::SharedClock;
use crate::engine::reload::Reloaded;
use crate::error::BuildError;
use crate::settings::pattern::{LONGEST, Pattern};
use crate::settings::{Mode, SettingError, Settings};
#[cfg(feature = "metrics")]
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::telemetry::deferred::Deferred;
use crate::telemetry::event::Event;
use crate::telemetry::listeners::Listeners;
use crate::telemetry::log;
#[cfg(feature = "metrics")]
use crate::telemetry::series::Published;

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
/// # Names and patterns
///
/// A name is at most 256 bytes long. Of a longer one, the beginning and a hash are used.
/// In a pattern, `*` stands for any number of characters, and `?` for one. A pattern is
/// at most 256 bytes long too, so that matching is quick; a longer one matches nothing.
///
/// # Memory
///
/// A breaker takes up to 3.1 KiB and, if calls are counted, another 128 bytes for each
/// core. Names may come from outside, so the number of breakers that only the registry
/// holds is bounded, by default to 10,000: see [`most_idle`](Self::most_idle). The names that
/// are kept for good, for [`Rejected`](crate::Rejected), are at most 1,024 in all.
#[derive(Clone)]
pub struct Registry(Arc<Shared>);

struct Shared {
    breakers: HashMap<Arc<str>, Entry>,
    /// Locked for reading while a breaker is built, and for writing while breakers are
    /// inserted, removed, evicted or changed: so these happen one after the other.
    recipe: RwLock<Recipe>,
    listeners: Arc<Listeners>,
    #[cfg(feature = "metrics")]
    published: Mutex<Published>,
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
        let recipe = Recipe::new(Builder { of_registry: Some(listeners.clone()), ..template });
        recipe.check()?;
        // A map that grows bit by bit would stay half grown once all names are there, and each
        // look-up would search two tables.
        let breakers = HashMap::builder().resize_mode(ResizeMode::Blocking).build();
        let registry = Shared {
            breakers,
            recipe: RwLock::new(recipe),
            listeners,
            #[cfg(feature = "metrics")]
            published: Mutex::default(),
            clock,
            most_idle: MOST_IDLE,
            look_at: AtomicUsize::new(MOST_IDLE),
        };
        Ok(Self(Arc::new(registry)))
    }

    /// Keeps at most `count` breakers, at least 1, that nothing but the registry holds.
    /// When there are more, it drops the excess and another tenth of `count`: first those
    /// that were not requested for the longest time, and open ones last, as long as these
    /// take no more than half of the room. An opening that is over counts as closed.
    /// Breakers with a handle elsewhere do not count, and stay, and so do those that are in
    /// another mode than the one they were built in: somebody wanted that.
    ///
    /// # Panics
    ///
    /// If the registry has been cloned, or `count` is 0.
    #[must_use]
    pub fn most_idle(mut self, count: usize) -> Self {
        assert!(count > 0, "a registry must hold at least one breaker");
        let shared = self.unshared();
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
        let name = &*bounded(name);
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
        let recipe = self.recipe();
        let entry = breakers.get_or_insert_with(name.clone(), || {
            let breaker = recipe.builder(&name).build();
            Entry::new(breaker.expect("the recipe was checked when it was set"), now)
        });
        let breaker = entry.breaker.clone();
        recipe.met(&name);
        drop(recipe);
        self.make_room();
        breaker
    }

    /// Builds a breaker from `builder` instead of the template, with a clock or
    /// listeners of its own for example, under the builder's name. Otherwise it is like
    /// the others: if it was dropped as idle, it is built again from `builder`, and
    /// overrides take precedence over what `builder` sets.
    ///
    /// # Errors
    ///
    /// If it cannot be built, its name is longer than 256 bytes, or there is already a
    /// breaker of this name, which may be in use. Nothing is changed then.
    pub fn insert(&self, builder: Builder) -> Result<Breaker, BuildError> {
        let builder = Builder { of_registry: Some(self.0.listeners.clone()), ..builder };
        let name = builder.name.clone();
        let refuse = |allowed| {
            let problem = SettingError { setting: "name", value: format!("{name:?}"), allowed };
            Err(BuildError { name: name.clone(), problem })
        };
        if name.len() > LONGEST {
            return refuse(format!("at most {LONGEST} bytes long"));
        }
        let now = self.0.clock.now();
        let breakers = self.0.breakers.pin();
        let mut recipe = self.recipe_mut();
        if breakers.contains_key(&name) {
            return refuse("one that the registry has no breaker of".to_owned());
        }
        let breaker = recipe.completed(builder.clone()).build()?;
        recipe.inserted.insert(name.clone(), builder);
        recipe.met(&name);
        breakers.insert(name, Entry::new(breaker.clone(), now));
        drop(recipe);
        self.make_room();
        Ok(breaker)
    }

    /// The breaker of this name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Breaker> {
        self.0.breakers.pin().get(&*bounded(name)).and_then(|entry| self.handle(entry))
    }

    /// All breakers, sorted by name.
    #[must_use]
    pub fn list(&self) -> Vec<Breaker> {
        self.matching("*")
    }

    /// The breakers whose names match `pattern`, sorted by name.
    ///
    /// What is done to them does not reach breakers that are built later. For that there
    /// are [`set_mode`](Self::set_mode) and
    /// [`override_settings`](Self::override_settings).
    #[must_use]
    pub fn matching(&self, pattern: &str) -> Vec<Breaker> {
        Pattern::new(pattern).map_or(Vec::new(), |pattern| self.that_match(&pattern))
    }

    pub(crate) fn that_match(&self, pattern: &Pattern) -> Vec<Breaker> {
        let breakers = self.0.breakers.pin();
        let matching = breakers.iter().filter(|(name, _)| pattern.matches(name));
        let mut matching: Vec<_> = matching.filter_map(|(_, entry)| self.handle(entry)).collect();
        matching.sort_by(|a, b| a.name().cmp(b.name()));
        matching
    }

    /// A breaker that stands for those that match and are built later.
    #[cfg(feature = "axum")]
    pub(crate) fn stand_in(&self, pattern: &Pattern) -> Breaker {
        let template = self.recipe().template.clone();
        let stand_in = Builder { name: pattern.text().clone(), of_registry: None, ..template };
        stand_in.build().expect("the template was checked")
    }

    /// Removes a breaker. Handles to it stay usable, but the next request for its name
    /// gets another one. In the metrics it is in no phase any more.
    pub fn remove(&self, name: &str) -> Option<Breaker> {
        // Until it is withdrawn from the metrics, no thread builds one of this name.
        let _no_builds = self.recipe_mut();
        self.0.breakers.pin().remove(&*bounded(name)).map(Entry::removed)
    }

    /// Overrides the template for a name, or for all that match a pattern: from now on,
    /// what is set in `settings` takes precedence there. Returns what became of each
    /// breaker that matches.
    ///
    /// To a breaker apply the settings for its name, then those of the most specific
    /// pattern that matches, the one that spells out most characters, and then the
    /// template. Other patterns do not apply to it.
    ///
    /// # Errors
    ///
    /// If the settings cannot work together, or the pattern is longer than 256 bytes.
    /// Nothing is changed then.
    pub fn override_settings(
        &self,
        pattern: &str,
        settings: Settings,
    ) -> Result<Vec<(Arc<str>, Reloaded)>, BuildError> {
        let pattern = self::pattern(pattern)?;
        self.change(&pattern.clone(), |recipe| recipe.set(pattern, settings))
    }

    /// Replaces the settings of the template, and all overrides. Breakers that were
    /// inserted keep their own settings, and what [`set_mode`](Self::set_mode) has set
    /// holds. Returns what became of each breaker.
    ///
    /// With the feature `tracing`, it warns of overrides that have applied to no breaker
    /// yet, if there are breakers: see [`unmatched`](Self::unmatched).
    ///
    /// # Errors
    ///
    /// The first setting that cannot work, or a pattern that is longer than 256 bytes.
    /// Nothing is changed then.
    pub fn reload(
        &self,
        template: Settings,
        overrides: impl IntoIterator<Item = (String, Settings)>,
    ) -> Result<Vec<(Arc<str>, Reloaded)>, BuildError> {
        let overrides = overrides.into_iter();
        let overrides = overrides.map(|(name, settings)| Ok((self::pattern(&name)?, settings)));
        let overrides = overrides.collect::<Result<Vec<_>, BuildError>>()?;
        let all = Pattern::new("*").expect("it is short");
        let reloaded = self.change(&all, |recipe| {
            recipe.template.settings = template.filled_in();
            recipe.set_all(overrides);
        })?;
        if !reloaded.is_empty() {
            self.unmatched().iter().for_each(|pattern| log::unmatched(pattern));
        }
        Ok(reloaded)
    }

    /// The names and patterns of overrides that have applied to no breaker yet. Some time
    /// after the start, one that is still there may be misspelt.
    #[must_use]
    pub fn unmatched(&self) -> Vec<Arc<str>> {
        self.recipe().unmatched()
    }

    /// Sets how breakers work whose names match `pattern`, now and when they are built
    /// later, whatever the settings say; with `None`, as the settings say. It holds until
    /// it is set otherwise, through reloads and evictions. Where several patterns match,
    /// what was set last holds.
    ///
    /// A breaker that works for real already is left as it is by [`Mode::Closed`].
    ///
    /// ```
    /// use microbreaker_std::{Breaker, Phase, Registry, settings::Mode};
    ///
    /// let template = Breaker::builder("template").consecutive_failures(5);
    /// let registry = Registry::new(template.open_for(std::time::Duration::from_secs(30)))?;
    /// registry.set_mode("users/*", Some(Mode::Disabled))?;
    /// assert_eq!(registry.get("users/new").phase(), Phase::Disabled);
    /// registry.set_mode("*", None)?;
    /// assert_eq!(registry.get("users/new").phase(), Phase::Closed);
    /// # Ok::<(), microbreaker_std::BuildError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the pattern is longer than 256 bytes.
    pub fn set_mode(&self, pattern: &str, mode: Option<Mode>) -> Result<(), BuildError> {
        let pattern = self::pattern(pattern)?;
        let _events = Deferred::begin();
        let mut recipe = self.recipe_mut();
        recipe.order(pattern.clone(), mode);
        for (name, entry) in &self.0.breakers.pin() {
            if pattern.matches(name) {
                entry.breaker.inner().engines.enter(recipe.mode(name));
            }
        }
        Ok(())
    }

    /// Calls `listener` on every event of every breaker: see [`Breaker::on_event`].
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.0.listeners.add(listener);
    }

    /// Makes the change, if the recipe allows it, and carries it out where `pattern`
    /// matches.
    fn change(
        &self,
        pattern: &Pattern,
        change: impl FnOnce(&mut Recipe),
    ) -> Result<Vec<(Arc<str>, Reloaded)>, BuildError> {
        let _events = Deferred::begin();
        let mut recipe = self.recipe_mut();
        let mut next = recipe.clone();
        change(&mut next);
        next.check()?;
        let before = std::mem::replace(&mut *recipe, next);
        let mut reloaded = Vec::new();
        for (name, entry) in self.0.breakers.pin().iter().filter(|(name, _)| pattern.matches(name))
        {
            let (old, new) = (before.builder(name).begins(), recipe.builder(name));
            recipe.met(name);
            let mode = |_: &_| (new.begins() != old).then_some(new.begins());
            reloaded.push((name.clone(), entry.breaker.reload_in(&new.settings, mode)?));
        }
        reloaded.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(reloaded)
    }

    fn unshared(&mut self) -> &mut Shared {
        Arc::get_mut(&mut self.0).expect("a registry is set up before it is shared")
    }

    fn recipe(&self) -> RwLockReadGuard<'_, Recipe> {
        self.0.recipe.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hold no lock while listeners are told: see [`Deferred`].
    fn recipe_mut(&self) -> RwLockWriteGuard<'_, Recipe> {
        self.0.recipe.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The breaker of `entry`, unless it was evicted.
    fn handle(&self, entry: &Entry) -> Option<Breaker> {
        entry.handle().or_else(|| {
            let _no_evictions = self.recipe();
            entry.handle()
        })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.list()).finish()
    }
}
