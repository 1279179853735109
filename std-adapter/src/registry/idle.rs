//! Which breakers of a registry are idle, and their eviction.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use microbreaker::{Clock, Phase, clock::elapsed};

use super::Registry;
use super::entry::Entry;
use crate::clock::duration;
use crate::settings::Mode;
use crate::sync::atomic::Ordering;

/// A breaker that only the registry holds, and that would lose nothing that somebody
/// wanted if it were built again.
struct Idle {
    name: Arc<str>,
    /// Whether its opening is not over yet.
    is_open: bool,
    /// Whether it goes after all others, if there are too many.
    goes_last: bool,
    /// The tick at which it was last requested.
    requested: u32,
    /// How long it has not been requested.
    time: Duration,
}

impl Idle {
    /// Nothing if it is in another phase than it would begin in by `mode`, and not
    /// because it has tripped.
    fn of(name: &Arc<str>, entry: &Entry, mode: Mode, now: u32) -> Option<Self> {
        let requested = entry.requested.load(Ordering::Relaxed);
        let time = duration(elapsed(now, requested));
        let idle = Self { name: name.clone(), is_open: false, goes_last: false, requested, time };
        match (entry.breaker.phase(), mode) {
            (phase, mode) if phase == mode.phase() => Some(idle),
            (Phase::Open, Mode::Closed) => Some(Self { is_open: true, ..idle }),
            // Its opening is over.
            (Phase::HalfOpen, Mode::Closed) => Some(idle),
            _ => None,
        }
    }
}

impl Registry {
    /// Removes the breakers that nothing but the registry holds and that were not
    /// requested for `time`, which must be below 49 days. Returns how many. It keeps open
    /// ones until their opening is over, and those that are in another mode than the one
    /// they were built in.
    pub fn evict_idle(&self, time: Duration) -> usize {
        let idle = self.idle();
        idle.iter().filter(|it| !it.is_open && it.time >= time && self.evict(it)).count()
    }

    /// Drops idle breakers if there are too many.
    pub(super) fn make_room(&self) {
        if self.0.breakers.pin().len() > self.0.look_at.load(Ordering::Relaxed) {
            self.evict_surplus();
        }
    }

    #[cold]
    fn evict_surplus(&self) {
        let mut idle = self.idle();
        let most = self.0.most_idle;
        if idle.len() > most {
            let surplus = idle.len() - most + most / 10;
            idle.sort_by_key(|idle| idle.time);
            // If open ones could take all the room, no other would live long enough to trip.
            let mut room = most / 2;
            for idle in &mut idle {
                idle.goes_last = idle.is_open && room > 0;
                room -= usize::from(idle.goes_last);
            }
            idle.sort_by_key(|idle| (idle.goes_last, Reverse(idle.time)));
            idle.iter().take(surplus).for_each(|idle| {
                self.evict(idle);
            });
        }
        // Held breakers stay, so do not look through them again at every call.
        let look_at = self.0.breakers.pin().len() + most / 10;
        self.0.look_at.store(look_at.max(most), Ordering::Relaxed);
    }

    fn idle(&self) -> Vec<Idle> {
        let now = self.0.clock.now();
        let recipe = self.recipe();
        let breakers = self.0.breakers.pin();
        let idle = breakers.iter().filter(|(_, entry)| !entry.breaker.is_held());
        idle.filter_map(|(name, entry)| Idle::of(name, entry, recipe.mode(name), now)).collect()
    }

    /// Removes it, unless there is a handle to it by now, or there has been one since it
    /// was found idle.
    fn evict(&self, idle: &Idle) -> bool {
        let now = self.0.clock.now();
        // While this is locked, no thread builds one of this name.
        let recipe = self.recipe_mut();
        let breakers = self.0.breakers.pin();
        let is_idle_still = |entry: &Entry| {
            let mode = recipe.mode(&idle.name);
            Idle::of(&idle.name, entry, mode, now).is_some_and(|still| {
                still.requested == idle.requested && still.is_open == idle.is_open
            })
        };
        let entry = breakers.get(&idle.name);
        let leaves = entry.is_some_and(|entry| entry.leave(|| is_idle_still(entry)));
        leaves && breakers.remove(&idle.name).map(Entry::removed).is_some()
    }
}
