//! What has happened, the last of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::{Stream, stream};
use tokio::sync::watch::{self, Receiver, Sender};

use crate::registry::Registry;
use crate::telemetry::event::Event;

/// How many events are remembered.
const REMEMBERED: usize = 1_000;

const _: () = {
    let room = REMEMBERED.next_power_of_two() * size_of::<Event>();
    assert!(room <= 256 * 1_024, "as much as the documentation says");
};

/// The last events of a registry, numbered. A reader begins at any number and goes
/// on with what happens, so it hears of each event once.
#[derive(Clone)]
pub(super) struct History(Arc<Sender<Past>>);

impl History {
    pub(super) fn of(registry: &Registry) -> Self {
        let history = Self(Arc::new(watch::Sender::new(Past::new(SystemTime::now()))));
        let recorder = history.clone();
        registry.on_event(move |event| {
            let event = event.clone();
            recorder.0.send_modify(|past| past.push(event));
        });
        history
    }

    /// Since when nothing is forgotten.
    pub(super) fn since(&self) -> SystemTime {
        self.0.borrow().since
    }

    /// All that is remembered.
    pub(super) fn all(&self) -> Told {
        let past = self.0.borrow();
        past.told(past.first)
    }

    /// What happened after that number, and what happens from now on; only the
    /// latter without a number.
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
    // An error says that the registry is gone.
    past.ok().map(|past| past.told(wanted))
}

/// The time since 1970; none by a clock that was never set and shows less.
pub(super) fn unix(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

struct Past {
    /// Nothing is missing since then.
    since: SystemTime,
    events: VecDeque<Event>,
    /// The number of the first event of all.
    first: u64,
    /// The number that the next event will have.
    next: u64,
}

/// Events in a row.
pub(super) struct Told {
    /// So many that should be here, before the others, are gone.
    pub(super) missed: u64,
    pub(super) events: Vec<(u64, Event)>,
    next: u64,
}

impl Past {
    /// Numbers begin with the time, in microseconds, so that those of a service that
    /// was started again are larger: a reader of its predecessor misses nothing.
    fn new(now: SystemTime) -> Self {
        let first = unix(now).as_micros() as u64;
        Self { since: now, events: VecDeque::new(), first, next: first }
    }

    fn push(&mut self, event: Event) {
        if self.events.len() == REMEMBERED
            && let Some(forgotten) = self.events.pop_front()
        {
            self.since = forgotten.at;
        }
        self.events.push_back(event);
        self.next += 1;
    }

    /// The number that a reader wants who has read up to `number`.
    fn after(&self, number: Option<u64>) -> u64 {
        match number {
            None => self.next,
            Some(number) if number < self.next => self.first.max(number + 1),
            // A predecessor's, whose clock was ahead.
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
