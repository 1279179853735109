//! Two days of service on a virtual clock: four threads call, reload, command, evict and
//! remove. They race for a few steps, meet, and then time passes.

mod crowd;
mod one_name;

use std::collections::HashMap;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use microbreaker::{Cause, Clock, Phase};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::{Event, EventKind, Registry};

const THREADS: usize = 4;

/// A breaker, as long as its name is kept: the address of that.
type Id = usize;

fn id(name: &Arc<str>) -> Id {
    name.as_ptr() as usize
}

/// A reproducible sequence that looks random.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % bound
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// How long nothing happens: mostly not at all, seldom half an hour.
    fn pause(&mut self) -> Duration {
        let longest = match self.below(10_000) {
            0 => 3_600_000,
            1..20 => 60_000,
            20..1_000 => 10_000,
            1_000..5_000 => 100,
            _ => 1,
        };
        Duration::from_millis(self.below(longest) as u64)
    }
}

/// What listeners have heard since the last round.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Event>>>);

/// A transition that was told.
type Transition = (Phase, Phase, Cause);

impl Told {
    fn of(registry: &Registry) -> Self {
        let told = Self::default();
        let heard = told.clone();
        registry.on_event(move |event| heard.0.lock().unwrap().push(event.clone()));
        told
    }

    /// The transitions of each breaker, in order. No number is told twice, nor one that a
    /// round before has passed.
    fn take(&self, last: &mut HashMap<Id, (Arc<str>, u64)>) -> HashMap<Id, Vec<Transition>> {
        let mut events = std::mem::take(&mut *self.0.lock().unwrap());
        events.sort_by_key(|event| event.sequence);
        let mut transitions = HashMap::<_, Vec<_>>::new();
        for event in events {
            let (_, last) = last.entry(id(&event.name)).or_insert((event.name.clone(), 0));
            assert!(event.sequence > *last, "told twice, or late: {event:?}");
            *last = event.sequence;
            if let EventKind::Transition { from, to, .. } = event.kind {
                transitions.entry(id(&event.name)).or_default().push((from, to, event.cause));
            }
        }
        transitions
    }
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse().expect("a number"));
    let (hours, seed) = (args.next().unwrap_or(48), args.next().unwrap_or(7));
    println!("{hours} hours, seed {seed}");
    // Or the others waited for ever.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        hook(panic);
        std::process::exit(1);
    }));
    let (began, clock, mut random) = (Instant::now(), PausedClock::new(), Random(seed));
    let mut one_name = one_name::OneName::new(clock.clone());
    let mut crowd = crowd::Crowd::new(clock.clone());
    let now = || clock.now_64().expect("it never wraps");
    let meet = Barrier::new(THREADS + 1);
    let mut rounds = 0_u64;
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let mut of_name = one_name.worker(thread);
            let mut of_crowd = crowd.worker();
            let mut random = Random(seed ^ (thread as u64 + 1) << 32);
            let meet = &meet;
            scope.spawn(move || {
                loop {
                    meet.wait();
                    if !of_crowd.works(&mut random) {
                        break;
                    }
                    of_name.works(&mut random);
                    meet.wait();
                }
            });
        }
        while now() < hours * 3_600_000 {
            crowd.begin(&mut random, rounds);
            meet.wait();
            meet.wait();
            one_name.check(rounds, now());
            crowd.check(rounds);
            clock.advance(random.pause());
            rounds += 1;
        }
        crowd.end();
        meet.wait();
    });
    crowd.recovers(&clock);
    println!("{rounds} rounds in {:.0?}: {one_name}; {crowd}", began.elapsed());
}
