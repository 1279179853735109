//! The last events of a registry.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::{Stream, stream};

use crate::registry::Registry;
use crate::sync::watch::{Receiver, Sender};
use crate::telemetry::event::Event;

/// Shows the time of day.
pub(super) type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// How many events are remembered.
const REMEMBERED: usize = 1_000;

const _: () = {
    let room = REMEMBERED.next_power_of_two() * size_of::<Stamped>();
    assert!(room <= 256 * 1_024, "the documentation promises 256 KiB");
};

/// The last events of a registry, numbered. A reader starts at any number and continues
/// with new events, so it gets each event once.
#[derive(Clone)]
pub(super) struct History(Arc<Sender<Past>>);

impl History {
    pub(super) fn of(registry: &Registry, now: WallClock) -> Self {
        let history = Self(Arc::new(Sender::new(Past::new(now()))));
        let recorder = history.clone();
        registry.on_event(move |event| {
            let event = Stamped { at: now(), event: event.clone() };
            recorder.0.send_modify(|past| past.push(event));
        });
        history
    }

    /// The time since when no event is forgotten.
    pub(super) fn since(&self) -> SystemTime {
        self.0.borrow().since
    }

    /// All remembered events.
    pub(super) fn all(&self) -> Told {
        let past = self.0.borrow();
        past.told(past.first)
    }

    /// The events after that number, and those from now on. Without a number, only the
    /// latter.
    pub(super) fn follow(&self, after: Option<u64>) -> impl Stream<Item = Told> + use<> {
        let past = self.0.subscribe();
        let wanted = past.borrow().after(after);
        stream::unfold((past, wanted), |(mut past, wanted)| async move {
            let told = read(&mut past, wanted).await?;
            let wanted = told.next;
            Some((told, (past, wanted)))
        })
    }
}

/// The events from `wanted` on, as soon as there are any.
async fn read(past: &mut Receiver<Past>, wanted: u64) -> Option<Told> {
    let past = past.wait_for(|past| past.next > wanted).await;
    // An error means that the registry is gone.
    past.ok().map(|past| past.told(wanted))
}

/// The time since 1970, or zero if the clock was never set and shows less.
pub(super) fn unix(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

struct Past {
    /// No event since then is missing.
    since: SystemTime,
    events: VecDeque<Stamped>,
    /// The number of the very first event.
    first: u64,
    /// The number of the next event.
    next: u64,
}

/// An event, and when it was told.
#[derive(Clone)]
pub(super) struct Stamped {
    pub(super) at: SystemTime,
    pub(super) event: Event,
}

/// Consecutive events.
pub(super) struct Told {
    /// How many events that belong before these are gone.
    pub(super) missed: u64,
    pub(super) events: Vec<(u64, Stamped)>,
    next: u64,
}

impl Past {
    /// Numbers start with the time in microseconds, so that they are larger after a
    /// restart of the service: a reader that had been connected before misses nothing. Never
    /// 0, after which a reader gets all.
    fn new(now: SystemTime) -> Self {
        let first = (unix(now).as_micros() as u64).max(1);
        Self { since: now, events: VecDeque::new(), first, next: first }
    }

    fn push(&mut self, event: Stamped) {
        if self.events.len() == REMEMBERED
            && let Some(forgotten) = self.events.pop_front()
        {
            self.since = forgotten.at;
        }
        self.events.push_back(event);
        self.next += 1;
    }

    /// The number that a reader wants next after `number`.
    fn after(&self, number: Option<u64>) -> u64 {
        match number {
            None => self.next,
            Some(number) if number < self.next => self.first.max(number + 1),
            // A number from before a restart, by a clock that was ahead.
            Some(_) => self.first,
        }
    }

    fn told(&self, wanted: u64) -> Told {
        let oldest = self.next - self.events.len() as u64;
        let missed = oldest.saturating_sub(wanted);
        let begin = wanted.max(oldest);
        let events = self.events.iter().skip((begin - oldest) as usize).cloned();
        Told { missed, events: (begin..).zip(events).collect(), next: self.next }
    }
}
