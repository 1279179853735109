//! More names than a registry has room for, and what must hold in whichever order threads
//! use them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use microbreaker::Phase;
use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::{Backoff, Mode, Ramp};
use microbreaker_std::{Breaker, Outcome, Permit, Registry, Settings, Snapshot};

use crate::{Id, Random, THREADS, Told, id};

const NAMES: usize = 40;
const ROOM: usize = 20;
const STEPS: usize = 6;
/// How many calls a thread has under way at most.
const UNDER_WAY: usize = 2;
/// The longest opening, of a command or by the settings.
const LONGEST: Duration = Duration::from_secs(600);

/// How a call went, by the index of its count.
type Call = (Arc<str>, usize);

/// Some settings that have little in common.
fn settings(number: usize) -> Settings {
    let seconds = Duration::from_secs;
    let base = Settings { open_for: Some(seconds(1)), ..Settings::default() };
    match number {
        0 => Settings { consecutive_failures: Some(2), ..base },
        1 => Settings {
            failure_rate: Some(50),
            min_calls: Some(4),
            last_calls: Some(10),
            open_for: Some(seconds(5)),
            backoff: Some(Backoff { factor: 2.0, max: seconds(60) }),
            jitter: Some(20),
            ..base
        },
        2 => Settings {
            failures_in_window: Some(3),
            within: Some(seconds(10)),
            probes: Some(3),
            successes: Some(2),
            ..base
        },
        3 => Settings {
            consecutive_failures: Some(3),
            slow_rate: Some(50),
            slow_after: Some(Duration::from_millis(100)),
            last_calls: Some(6),
            ramp: Some(Ramp { shares: vec![20, 50], step: seconds(2) }),
            longest_half_open: Some(seconds(30)),
            ..base
        },
        _ => unreachable!("there are four"),
    }
}

#[derive(Default)]
struct Shared {
    calls: Mutex<Vec<Call>>,
    /// Whether an operator's word holds in this round, so that no thread commands.
    word: AtomicBool,
    over: AtomicBool,
    under_way: AtomicUsize,
}

/// A thread, and its calls under way.
pub(crate) struct Worker {
    registry: Arc<Registry>,
    shared: Arc<Shared>,
    permits: Vec<Permit>,
}

impl Worker {
    /// False if it is over: then nothing is under way.
    pub(crate) fn works(&mut self, random: &mut Random) -> bool {
        let over = self.shared.over.load(Ordering::SeqCst);
        let mut calls = Vec::new();
        for _ in 0..if over { 0 } else { STEPS } {
            self.step(random, &mut calls);
        }
        while over && let Some(permit) = self.permits.pop() {
            calls.push((permit.breaker().name().clone(), 2));
        }
        self.shared.calls.lock().unwrap().append(&mut calls);
        self.shared.under_way.fetch_add(self.permits.len(), Ordering::SeqCst);
        !over
    }

    fn step(&mut self, random: &mut Random, calls: &mut Vec<Call>) {
        let registry = &self.registry;
        // Some are more popular.
        let number = random.below(NAMES / 2).min(random.below(NAMES / 2));
        let name = format!("{}/{number}", random.of(&["a", "b"]));
        let pattern = random.of(&["a/*", "b/*", "*", "?/1*", &name]).to_owned();
        match random.below(60) {
            0 => drop(registry.remove(&name)),
            1 => _ = registry.evict_idle(Duration::from_millis(random.below(2_000) as u64)),
            2 => {
                // The names of a group keep the same settings.
                let settings = settings(random.below(4));
                registry.override_settings(random.of(&["a/*", "b/*"]), settings).unwrap();
            }
            3 => {
                let overrides =
                    [(random.of(&["a/*", "b/*"]).to_owned(), settings(random.below(4)))];
                registry.reload(settings(random.below(4)), overrides).unwrap();
            }
            4 | 5 if !self.shared.word.load(Ordering::SeqCst) => {
                let command = random.below(7);
                let time = Duration::from_millis(1 + random.below(600_000) as u64);
                for breaker in registry.matching(&pattern) {
                    match command {
                        0 => breaker.trip(),
                        1 => breaker.trip_for(time),
                        2 => _ = breaker.half_open(),
                        3 => breaker.force_open(),
                        4 => breaker.disable(),
                        5 => breaker.metrics_only(),
                        _ => breaker.reset(),
                    }
                }
            }
            6 if !self.shared.word.load(Ordering::SeqCst) => {
                let modes =
                    [None, Some(Mode::Closed), Some(Mode::Disabled), Some(Mode::MetricsOnly)];
                registry.set_mode(&pattern, random.of(&modes)).unwrap();
            }
            7..20 if self.permits.len() < UNDER_WAY => {
                let breaker = registry.get(&name);
                match breaker.try_acquire_owned() {
                    Ok(permit) => self.permits.push(permit),
                    Err(rejected) => refused(&breaker, &rejected, calls),
                }
            }
            7..20 => {
                let permit = self.permits.swap_remove(random.below(UNDER_WAY));
                finish(permit, random, calls);
            }
            _ => {
                let breaker = registry.get(&name);
                match breaker.try_acquire_owned() {
                    Ok(permit) => finish(permit, random, calls),
                    Err(rejected) => refused(&breaker, &rejected, calls),
                }
            }
        }
    }
}

fn finish(permit: Permit, random: &mut Random, calls: &mut Vec<Call>) {
    let name = permit.breaker().name().clone();
    let demanded = Duration::from_millis(1 + random.below(100_000) as u64);
    let (index, outcome) = match random.below(20) {
        0..8 => (0, Outcome::Success),
        8..16 => (1, Outcome::Failure),
        16 => (1, Outcome::FailureOpenFor(demanded)),
        17 => (2, Outcome::Ignored),
        18 => {
            permit.took(Duration::from_secs(1)).success();
            return calls.push((name, 0));
        }
        _ => {
            drop(permit);
            return calls.push((name, 2));
        }
    };
    permit.finish(outcome);
    calls.push((name, index));
}

fn refused(breaker: &Breaker, rejected: &microbreaker_std::Rejected, calls: &mut Vec<Call>) {
    let admits = [Phase::Disabled, Phase::MetricsOnly];
    assert!(!admits.contains(&rejected.phase()), "refused by {rejected:?}");
    assert!(rejected.retry_after().is_none_or(|wait| wait <= LONGEST), "{rejected:?}");
    calls.push((breaker.name().clone(), 3));
}

/// What is known of a breaker.
struct Known {
    name: Arc<str>,
    phase: Option<Phase>,
    /// Successes, failures, ignored, rejections.
    calls: [u64; 4],
}

pub(crate) struct Crowd {
    registry: Arc<Registry>,
    shared: Arc<Shared>,
    told: Told,
    last: HashMap<Id, (Arc<str>, u64)>,
    known: HashMap<Id, Known>,
    word: Option<Mode>,
    calls: usize,
    transitions: usize,
    breakers: usize,
}

impl Crowd {
    pub(crate) fn new(clock: PausedClock) -> Self {
        let template = Breaker::builder("template").settings(settings(0)).clock(clock);
        let registry = Arc::new(Registry::new(template).unwrap().most_idle(ROOM));
        let (told, shared) = (Told::of(&registry), Arc::default());
        let (last, known) = Default::default();
        Self {
            registry,
            shared,
            told,
            last,
            known,
            word: None,
            calls: 0,
            transitions: 0,
            breakers: 0,
        }
    }

    pub(crate) fn worker(&self) -> Worker {
        let (registry, shared) = (self.registry.clone(), self.shared.clone());
        Worker { registry, shared, permits: Vec::new() }
    }

    /// In some rounds, an operator says a word first, and nothing that contradicts it.
    pub(crate) fn begin(&mut self, random: &mut Random, round: u64) {
        self.word = round.is_multiple_of(16).then(|| {
            let modes = [Mode::Disabled, Mode::MetricsOnly, Mode::ForcedOpen];
            let mode = random.of(&modes);
            self.registry.set_mode("*", Some(mode)).unwrap();
            mode
        });
        self.shared.word.store(self.word.is_some(), Ordering::SeqCst);
        self.shared.under_way.store(0, Ordering::SeqCst);
    }

    pub(crate) fn check(&mut self, round: u64) {
        let calls = std::mem::take(&mut *self.shared.calls.lock().unwrap());
        self.calls += calls.len();
        for (name, index) in calls {
            self.known_of(&name).calls[index] += 1;
        }
        self.check_transitions();
        for breaker in self.registry.list() {
            let counts = breaker.counts();
            let counts = [counts.successes, counts.failures, counts.ignored, counts.rejections];
            let known = self.known_of(breaker.name());
            assert_eq!(counts, known.calls, "round {round}: counts of {breaker:?}");
            let seen = breaker.snapshot();
            let told = *known.phase.get_or_insert(seen.phase);
            assert!(may_be_seen(told, &seen), "round {round}: told {told}, but {seen:?}");
            if let Some(mode) = self.word {
                assert_eq!(seen.phase.name(), word(mode), "round {round}: an operator's word");
            }
        }
        if self.word.is_some() {
            self.registry.set_mode("*", None).unwrap();
            self.check_transitions();
            self.check_settings(round);
        }
        if round.is_multiple_of(1_024) {
            self.check_room(round);
        }
        // Of those that are gone, only this has the name.
        let last = &mut self.last;
        self.known.retain(|id, known| {
            let gone = Arc::strong_count(&known.name) == 1 + usize::from(last.contains_key(id));
            if gone {
                last.remove(id);
            }
            !gone
        });
    }

    fn known_of(&mut self, name: &Arc<str>) -> &mut Known {
        self.known.entry(id(name)).or_insert_with(|| {
            self.breakers += 1;
            Known { name: name.clone(), phase: None, calls: [0; 4] }
        })
    }

    /// Transitions are a path through the phases.
    fn check_transitions(&mut self) {
        // The names are kept by then.
        let told = self.told.take(&mut self.last);
        for (id, transitions) in told {
            self.transitions += transitions.len();
            let name = self.last[&id].0.clone();
            let known = self.known_of(&name);
            for transition @ (from, to, _) in transitions {
                let before = known.phase.unwrap_or(from);
                assert!(before == from && from != to, "{name} was {before}: {transition:?}");
                known.phase = Some(to);
            }
        }
    }

    /// A breaker has the settings that a new one gets.
    fn check_settings(&self, round: u64) {
        for group in ["a", "b"] {
            let new = self.registry.get(&format!("{group}/new"));
            for breaker in self.registry.matching(&format!("{group}/*")) {
                assert_eq!(breaker.settings(), new.settings(), "round {round}: {breaker:?}");
            }
            self.registry.remove(new.name());
        }
    }

    /// However many names come from outside, the registry has room for a few that are idle.
    fn check_room(&self, round: u64) {
        self.registry.list().iter().for_each(Breaker::reset);
        (0..200).for_each(|number| drop(self.registry.get(&format!("outside/{number}"))));
        let most = ROOM + 1 + self.shared.under_way.load(Ordering::SeqCst);
        let is = self.registry.list().len();
        assert!(is <= most, "round {round}: {is} breakers, at most {most} allowed");
    }

    pub(crate) fn end(&self) {
        assert!(self.shared.under_way.load(Ordering::SeqCst) <= THREADS * UNDER_WAY);
        self.shared.over.store(true, Ordering::SeqCst);
    }

    /// Once everything works and no operator says otherwise, probes close every breaker.
    pub(crate) fn recovers(&mut self, clock: &PausedClock) {
        self.registry.set_mode("*", None).unwrap();
        for breaker in self.registry.list() {
            let mut tries = 0;
            while breaker.phase() != Phase::Closed {
                let (snapshot, settings) = (breaker.snapshot(), breaker.settings());
                assert!(tries < 100, "it does not close: {breaker:?}: {snapshot:?} {settings:?}");
                clock.advance(LONGEST);
                // As many as any settings ask for, before a longest stay is over.
                for _ in 0..3 {
                    drop(breaker.call(|| Ok::<_, ()>(())));
                }
                tries += 1;
            }
        }
    }
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Closed => "closed",
        Mode::MetricsOnly => "metrics_only",
        Mode::Disabled => "disabled",
        Mode::ForcedOpen => "forced_open",
    }
}

/// Whether a breaker that told of `told` last may be read like this: only time changes a
/// phase without telling, until the next call.
fn may_be_seen(told: Phase, seen: &Snapshot) -> bool {
    let waits = match (seen.phase, seen.retry_after) {
        (Phase::Open, Some(wait)) => wait > Duration::ZERO && wait <= LONGEST,
        // Until it is overdue, if it waits for probes.
        (Phase::HalfOpen, _) => true,
        (_, wait) => wait.is_none() && seen.phase != Phase::Open,
    };
    let by_time = [Phase::Open, Phase::HalfOpen];
    waits && (seen.phase == told || by_time.contains(&told) && by_time.contains(&seen.phase))
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, transitions, breakers, .. } = self;
        write!(f, "{calls} calls, {transitions} transitions of {breakers} breakers")
    }
}
