//! Performs steps on a breaker. The build script records the answers on the host, and every
//! core compares its own with them.

use core::array;
use core::cell::Cell;

use microbreaker::{
    Breaker, Command, Config, CountWindow, Counters, Counts, LeakyBucket, Observer, Outcome,
    Permit, Snapshot, Status, Tally, TimeWindow, Transition, WithSlow, clock::ManualClock,
    window::Window,
};
use serde::{Deserialize, Serialize};

/// The most permits that can be held at once.
pub(crate) const PLACES: usize = 32;

/// What precedes the steps of a trace.
#[derive(Deserialize, Serialize)]
pub(crate) struct Head<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: Shape,
    pub(crate) config: Config,
    pub(crate) steps: u32,
}

/// The kind of window.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) enum Shape {
    None,
    LeakyBucket,
    Count,
    CountAndSlow,
    /// This many buckets.
    Time(u32),
    TimeAndSlow(u32),
}

/// An action, and its tick.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Step {
    pub(crate) tick: u32,
    pub(crate) action: Action,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) enum Action {
    /// Does nothing.
    Look,
    /// Keeps the permit in this place; `None`: loses it.
    Acquire(Option<u8>),
    /// Ends a call that took this many ticks; `None`: as many as the clock says.
    Finish(u8, Outcome, Option<u32>),
    Cancel(u8),
    Command(Command),
}

/// Everything visible after a step.
#[derive(Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Answer {
    /// If the call was refused: for how long, if that is known.
    refused: Option<Option<u32>>,
    illegal: bool,
    snapshot: Snapshot,
    tally: Tally,
    counts: Counts,
    last: Option<Transition>,
}

/// Remembers the last transition.
#[derive(Default)]
struct Last(Cell<Option<Transition>>);

impl Observer for Last {
    fn transition(&self, transition: &Transition) {
        self.0.set(Some(*transition));
    }
}

/// Performs steps, and receives the answers.
pub(crate) type User<'a> = dyn FnMut(&mut dyn FnMut(Step) -> Answer) + 'a;

/// Builds a breaker, and lets `user` act on it.
///
/// # Panics
///
/// If the configuration is rejected, or no such window is compiled in.
pub(crate) fn play(shape: Shape, config: Config, user: &mut User<'_>) {
    macro_rules! by_time {
        ($buckets:expr, [$($count:literal)+], $window:ident => $made:expr) => {
            match $buckets {
                $($count => {
                    let $window = || TimeWindow::<$count>::new();
                    on($made, config, user)
                })+
                other => panic!("no window of {other} buckets: add it here"),
            }
        };
    }
    let count = || CountWindow::<64>::new();
    match shape {
        Shape::None => on((), config, user),
        Shape::LeakyBucket => on(LeakyBucket::new(()), config, user),
        Shape::Count => on(count(), config, user),
        Shape::CountAndSlow => on(WithSlow::new(count(), count()), config, user),
        Shape::Time(buckets) => by_time!(buckets, [1 2 5 10 20], window => window()),
        Shape::TimeAndSlow(buckets) => {
            by_time!(buckets, [1 5 10 20], window => WithSlow::new(window(), window()))
        }
    }
}

fn on(window: impl Window, config: Config, user: &mut User<'_>) {
    let clock = ManualClock::new(0);
    let observer = (Counters::new(), Last::default());
    let breaker = Breaker::try_new(config, window, &clock, observer).expect("a good configuration");
    let mut places: [Option<Permit<'_, _>>; PLACES] = array::from_fn(|_| None);
    user(&mut |Step { tick, action }| {
        clock.set(tick);
        let (mut refused, mut illegal) = (None, false);
        let mut taken = |place: u8| places[usize::from(place)].take().expect("a permit is here");
        match action {
            Action::Look => {}
            Action::Acquire(place) => match (breaker.try_acquire(), place) {
                (Ok(permit), Some(place)) => places[usize::from(place)] = Some(permit),
                (Ok(permit), None) => _ = permit.into_token(),
                (Err(rejected), _) => refused = Some(rejected.retry_after),
            },
            Action::Finish(place, outcome, Some(ticks)) => taken(place).took(ticks).finish(outcome),
            Action::Finish(place, outcome, None) => taken(place).finish(outcome),
            Action::Cancel(place) => drop(taken(place)),
            Action::Command(command) => illegal = breaker.command(command).is_err(),
        }
        let (counters, last) = breaker.observer();
        Answer {
            refused,
            illegal,
            snapshot: breaker.snapshot(),
            tally: breaker.tally(),
            counts: counters.counts(),
            last: last.0.get(),
        }
    });
}
