//! Threads use one name of a registry. Whatever they are told, and whichever transitions,
//! must be what a registry tells that does one thing after the other, in some order in
//! which nothing that ended comes after what began later.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use microbreaker::{Command, Phase};
use microbreaker_model::{Effect, Model, Permit, ProbeTimeout, Settings};
use microbreaker_std::clock::PausedClock;
use microbreaker_std::settings::Mode;
use microbreaker_std::{Breaker, Outcome, Registry};

use crate::{Id, Random, THREADS, Told, Transition, id};

const NAME: &str = "users";
const TEMPLATE: u32 = 3;
const OPEN_FOR: u32 = 500;
const STEPS: usize = 3;

/// What a thread does, and is told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Get(Id),
    LetGo,
    Remove(bool),
    Override { failures: u32, reloaded: usize },
    SetMode(Option<Mode>),
    Evict(usize),
    // With the breaker that it holds.
    Settings(u32),
    Command(Command),
    Acquire(Result<(), Phase>),
    Finish(Outcome),
    Abandon,
    Look { phase: Phase, in_a_row: u32, backoff_level: u32 },
    Counts([u64; 5]),
}

/// A step, when it began, and when it ended.
type Recorded = (Step, usize, usize);

/// A breaker that does one thing after the other.
#[derive(Clone, Debug)]
struct One {
    model: Model,
    /// Successes, failures, ignored, stale, rejections.
    counts: [u64; 5],
}

/// A registry that does one thing after the other, and what each thread holds.
#[derive(Clone, Debug, Default)]
struct World {
    breakers: BTreeMap<Id, One>,
    current: Option<Id>,
    overridden: Option<u32>,
    ordered: Option<Mode>,
    held: [(Option<Id>, Option<Permit>); THREADS + 1],
}

impl World {
    fn failures(&self) -> u32 {
        self.overridden.unwrap_or(TEMPLATE)
    }

    fn command(&self) -> Command {
        match self.ordered.unwrap_or_default() {
            Mode::Closed => Command::Reset,
            Mode::MetricsOnly => Command::MetricsOnly,
            Mode::Disabled => Command::Disable,
            Mode::ForcedOpen => Command::ForceOpen,
        }
    }

    fn built(&self, now: u64) -> One {
        let probe_timeout = ProbeTimeout::Never;
        let consecutive_failures = Some(self.failures());
        let (open_for, probes) = (OPEN_FOR, 2);
        let rest = Settings::default();
        let settings = Settings { consecutive_failures, open_for, probes, probe_timeout, ..rest };
        let mut model = Model::new(settings);
        if self.command() != Command::Reset {
            _ = model.command(self.command(), now);
        }
        model.transitions.clear();
        One { model, counts: [0; 5] }
    }

    /// The world after `step` of `thread`, if it tells what the thread was told.
    fn after(mut self, thread: usize, step: Step, now: u64) -> Option<Self> {
        let (begins, command) = (self.built(now).model.phase(now), self.command());
        let (held, permit) = self.held[thread];
        let mut one = held.and_then(|id| self.breakers.get_mut(&id));
        let told = match step {
            Step::Get(id) => {
                if self.current.is_none() && !self.breakers.contains_key(&id) {
                    self.breakers.insert(id, self.built(now));
                    self.current = Some(id);
                }
                self.held[thread].0 = self.current;
                Step::Get(self.current?)
            }
            Step::LetGo => {
                self.held[thread].0 = None;
                step
            }
            Step::Remove(_) => Step::Remove(self.current.take().is_some()),
            Step::Override { failures, .. } => {
                self.overridden = Some(failures);
                let current = self.current.and_then(|id| self.breakers.get_mut(&id));
                let reloaded = current.map(|one| one.model.reload(failures)).iter().count();
                Step::Override { failures, reloaded }
            }
            Step::SetMode(mode) => {
                self.ordered = mode;
                let command = self.command();
                if let Some(one) = self.current.and_then(|id| self.breakers.get_mut(&id)) {
                    let real = [Phase::Closed, Phase::Open, Phase::HalfOpen];
                    if command != Command::Reset || !real.contains(&one.model.phase(now)) {
                        _ = one.model.command(command, now);
                    }
                }
                step
            }
            // A breaker that another thread looks at is not evicted.
            Step::Evict(0) => step,
            Step::Evict(_) => {
                let evicted = self.current.take()?;
                let phase = self.breakers[&evicted].model.phase(now);
                let over = command == Command::Reset && phase == Phase::HalfOpen;
                let is_held = self.held.iter().any(|(held, _)| *held == Some(evicted));
                Step::Evict(usize::from(!is_held && (phase == begins || over)))
            }
            Step::Settings(_) => {
                // One that was removed keeps what it had.
                if held == self.current { Step::Settings(self.failures()) } else { step }
            }
            Step::Command(command) => {
                _ = one?.model.command(command, now);
                step
            }
            Step::Acquire(_) => {
                let one = one.as_mut()?;
                let answer = one.model.acquire(now);
                one.counts[4] += u64::from(answer.is_err());
                self.held[thread].1 = answer.ok();
                Step::Acquire(answer.map(drop).map_err(|refusal| refusal.phase))
            }
            Step::Finish(_) | Step::Abandon => {
                let (index, outcome) = match step {
                    Step::Finish(Outcome::Success) => (0, microbreaker::Outcome::Success),
                    Step::Finish(Outcome::Failure) => (1, microbreaker::Outcome::Failure),
                    _ => (2, microbreaker::Outcome::Ignored),
                };
                let one = one.as_mut()?;
                one.counts[index] += 1;
                let effect = one.model.finish(permit?, outcome, None, now);
                one.counts[3] += u64::from(effect == Effect::Stale);
                self.held[thread].1 = None;
                step
            }
            Step::Look { .. } => {
                let seen = one?.model.snapshot(now);
                let (phase, in_a_row) = (seen.phase, seen.consecutive_failures);
                Step::Look { phase, in_a_row, backoff_level: seen.backoff_level }
            }
            Step::Counts(_) => Step::Counts(one?.counts),
        };
        (told == step).then_some(self)
    }

    /// Whether nothing happened that was not told, or not yet.
    fn keeps_to(&self, told: &HashMap<Id, Vec<Transition>>, all: bool) -> bool {
        self.breakers.iter().all(|(id, one)| {
            let told = told.get(id).map_or(&[][..], |told| told);
            let made = &one.model.transitions;
            (if all { made.len() == told.len() } else { made.len() <= told.len() })
                && made
                    .iter()
                    .zip(told)
                    .all(|(made, told)| (made.from, made.to, made.cause) == *told)
        })
    }
}

/// The worlds that may be there after all steps; none if no order explains them.
fn ends(
    starts: &[World],
    threads: &[Vec<Recorded>],
    now: u64,
    told: &HashMap<Id, Vec<Transition>>,
) -> Vec<World> {
    let mut open: Vec<_> = starts.iter().map(|it| (it.clone(), vec![0; threads.len()])).collect();
    let (mut seen, mut ends) = (HashSet::new(), Vec::new());
    while let Some((world, done)) = open.pop() {
        let next = |thread: usize| threads[thread].get(done[thread]);
        let Some(first_end) = (0..threads.len()).filter_map(next).map(|step| step.2).min() else {
            if world.keeps_to(told, true) {
                ends.push(world);
            }
            continue;
        };
        for (thread, mut done) in (0..threads.len()).map(|thread| (thread, done.clone())) {
            let Some((step, ..)) = next(thread).filter(|step| step.1 <= first_end) else {
                continue;
            };
            let Some(after) = world.clone().after(thread, *step, now) else { continue };
            done[thread] += 1;
            if after.keeps_to(told, false) && seen.insert(format!("{done:?}{after:?}")) {
                open.push((after, done));
            }
        }
    }
    ends
}

type Records = Arc<Mutex<(Vec<Recorded>, Vec<Arc<str>>)>>;

/// A thread, and what it holds.
pub(crate) struct Worker {
    registry: Arc<Registry>,
    time: Arc<AtomicUsize>,
    records: Records,
    breaker: Option<Breaker>,
    permit: Option<microbreaker_std::Permit>,
}

impl Worker {
    pub(crate) fn works(&mut self, random: &mut Random) {
        for _ in 0..STEPS {
            let step = self.chosen(random);
            self.record(step);
        }
    }

    fn chosen(&self, random: &mut Random) -> Step {
        let of_registry = |random: &mut Random| match random.below(4) {
            0 => Step::Remove(true),
            1 => Step::Override { failures: 1 + random.below(4) as u32, reloaded: 0 },
            2 => Step::SetMode(random.of(&[
                None,
                None,
                None,
                Some(Mode::Disabled),
                Some(Mode::ForcedOpen),
            ])),
            _ => Step::Evict(0),
        };
        let commands = [
            Command::Trip,
            Command::Reset,
            Command::HalfOpen,
            Command::ForceOpen,
            Command::Disable,
        ];
        let outcomes = [Outcome::Success, Outcome::Failure, Outcome::Failure, Outcome::Ignored];
        match (&self.breaker, &self.permit, random.below(12)) {
            (_, _, 0) | (None, _, 1) => of_registry(random),
            (None, ..) => Step::Get(0),
            (_, _, 1) => Step::Command(random.of(&commands)),
            (_, _, 2 | 3) => Step::Look { phase: Phase::Closed, in_a_row: 0, backoff_level: 0 },
            (_, None, 4) => Step::LetGo,
            (_, None, _) => Step::Acquire(Ok(())),
            (_, Some(_), 5) => Step::Abandon,
            (_, Some(_), _) => Step::Finish(random.of(&outcomes)),
        }
    }

    fn record(&mut self, step: Step) {
        let began = self.time.fetch_add(1, Ordering::SeqCst);
        let told = self.take(step);
        let ended = self.time.fetch_add(1, Ordering::SeqCst);
        let mut records = self.records.lock().unwrap();
        records.0.push((told, began, ended));
        // So that no other breaker gets its address in this round.
        records.1.extend(self.breaker.iter().map(|breaker| breaker.name().clone()));
    }

    /// Takes `step`, and returns what it was told.
    fn take(&mut self, step: Step) -> Step {
        let held = || self.breaker.as_ref().expect("only chosen if there is one");
        match step {
            Step::Get(_) => Step::Get(id(self.breaker.insert(self.registry.get(NAME)).name())),
            Step::LetGo => {
                self.breaker = None;
                step
            }
            Step::Remove(_) => Step::Remove(self.registry.remove(NAME).is_some()),
            Step::Override { failures, .. } => {
                let settings = microbreaker_std::Settings::default();
                let settings =
                    microbreaker_std::Settings { consecutive_failures: Some(failures), ..settings };
                let reloaded = self.registry.override_settings(NAME, settings).unwrap().len();
                Step::Override { failures, reloaded }
            }
            Step::SetMode(mode) => {
                self.registry.set_mode("u*", mode).unwrap();
                step
            }
            Step::Evict(_) => Step::Evict(self.registry.evict_idle(Duration::ZERO)),
            Step::Settings(_) => Step::Settings(held().settings().consecutive_failures.unwrap()),
            Step::Command(command) => {
                match command {
                    Command::Trip => held().trip(),
                    Command::Reset => held().reset(),
                    Command::ForceOpen => held().force_open(),
                    Command::Disable => held().disable(),
                    _ => _ = held().half_open(),
                }
                step
            }
            Step::Acquire(_) => {
                let answer = held().try_acquire_owned().map_err(|rejected| rejected.phase());
                Step::Acquire(answer.map(|permit| self.permit = Some(permit)))
            }
            Step::Finish(outcome) => {
                self.permit.take().unwrap().finish(outcome);
                step
            }
            Step::Abandon => {
                self.permit = None;
                step
            }
            Step::Look { .. } => {
                let seen = held().snapshot();
                let (phase, in_a_row) = (seen.phase, seen.consecutive_failures);
                Step::Look { phase, in_a_row, backoff_level: seen.backoff_level }
            }
            Step::Counts(_) => {
                let it = held().counts();
                Step::Counts([it.successes, it.failures, it.ignored, it.stale, it.rejections])
            }
        }
    }
}

/// A registry of which one name is used, and what may be in it.
pub(crate) struct OneName {
    registry: Arc<Registry>,
    told: Told,
    last: HashMap<Id, (Arc<str>, u64)>,
    /// Of the breakers in `worlds`: no other one gets their address.
    names: HashMap<Id, Arc<str>>,
    time: Arc<AtomicUsize>,
    records: Vec<Records>,
    /// Looks at what is left after each round.
    watch: Worker,
    worlds: Vec<World>,
    transitions: usize,
    most_worlds: usize,
}

impl OneName {
    pub(crate) fn new(clock: PausedClock) -> Self {
        let template = Breaker::builder("template").consecutive_failures(TEMPLATE).probes(2);
        let open_for = Duration::from_millis(OPEN_FOR.into());
        let template = template.open_for(open_for).no_probe_timeout().clock(clock);
        let registry = Arc::new(Registry::new(template).unwrap());
        let (told, time) = (Told::of(&registry), Arc::default());
        let records: Vec<_> = (0..=THREADS).map(|_| Records::default()).collect();
        let watch = worker(&registry, &time, &records[THREADS]);
        let (last, names, worlds) = (HashMap::new(), HashMap::new(), vec![World::default()]);
        Self {
            registry,
            told,
            last,
            names,
            time,
            records,
            watch,
            worlds,
            transitions: 0,
            most_worlds: 0,
        }
    }

    pub(crate) fn worker(&self, thread: usize) -> Worker {
        worker(&self.registry, &self.time, &self.records[thread])
    }

    pub(crate) fn check(&mut self, round: u64, now: u64) {
        let look = Step::Look { phase: Phase::Closed, in_a_row: 0, backoff_level: 0 };
        for step in [Step::Get(0), look, Step::Settings(0), Step::Counts([0; 5]), Step::LetGo] {
            self.watch.record(step);
        }
        let records = self.records.iter().map(|it| std::mem::take(&mut *it.lock().unwrap()));
        let (steps, names): (Vec<_>, Vec<_>) = records.unzip();
        self.names.extend(names.into_iter().flatten().map(|name| (id(&name), name)));
        let told = self.told.take(&mut self.last);
        self.transitions += told.values().map(Vec::len).sum::<usize>();
        let mut ends = ends(&self.worlds, &steps, now, &told);
        assert!(
            !ends.is_empty(),
            "no order explains round {round}: {steps:#?}\ntold: {told:?}\nbefore: {:#?}",
            self.worlds
        );
        self.most_worlds = self.most_worlds.max(ends.len());
        for world in &mut ends {
            let (current, held) = (world.current, world.held);
            world.breakers.retain(|id, one| {
                one.model.transitions.clear();
                current == Some(*id) || held.iter().any(|(held, _)| *held == Some(*id))
            });
        }
        let mut seen = HashSet::new();
        ends.retain(|world| seen.insert(format!("{world:?}")));
        let is_left = |id: &Id| ends.iter().any(|world| world.breakers.contains_key(id));
        self.last.retain(|id, _| is_left(id));
        self.names.retain(|id, _| is_left(id));
        self.worlds = ends;
    }
}

fn worker(registry: &Arc<Registry>, time: &Arc<AtomicUsize>, records: &Records) -> Worker {
    let (registry, time, records) = (registry.clone(), time.clone(), records.clone());
    Worker { registry, time, records, breaker: None, permit: None }
}

impl fmt::Display for OneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transitions, most_worlds, .. } = self;
        write!(f, "{transitions} transitions of one name, at most {most_worlds} explanations left")
    }
}
