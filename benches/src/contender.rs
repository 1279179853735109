//! What is measured: anything that can guard a call.

use std::fmt;
use std::hint::black_box;

/// The error of a guarded call.
#[derive(Clone, Copy, Debug)]
pub struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Failed {}

/// The guarded call: does nothing, but the compiler cannot see that.
#[inline(always)]
pub fn work(ok: bool) -> Result<(), Failed> {
    black_box(if ok { Ok(()) } else { Err(Failed) })
}

/// Whose a contender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A lower bound on the cost of any breaker, or something it might be made of.
    Floor,
    /// This project.
    Ours,
    /// Another crate.
    Peer,
}

/// The clock that a contender reads in a scenario. Figures compare two contenders only if
/// both read one or neither does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// None.
    Nothing,
    /// A clock that a timer advances: reading it is one load.
    Ticked,
    /// The operating system's coarse clock.
    Coarse,
    /// `Instant::now` or the like.
    Precise,
}

impl fmt::Display for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nothing => "-",
            Self::Ticked => "ticked",
            Self::Coarse => "coarse",
            Self::Precise => "precise",
        })
    }
}

/// Calls to make: a pattern of outcomes, repeated.
#[derive(Clone, Copy)]
pub struct Calls<'a> {
    /// Whether each call succeeds.
    pub pattern: &'a [bool],
    /// How many times to make the calls of the pattern.
    pub repeats: usize,
}

impl Calls<'_> {
    /// How many calls there are.
    pub fn count(&self) -> usize {
        self.pattern.len() * self.repeats
    }

    /// Makes each call through `guarded`, which returns whether the caller saw a
    /// success. Returns how many times it did.
    #[inline(always)]
    pub fn each(&self, mut guarded: impl FnMut(bool) -> bool) -> usize {
        let mut succeeded = 0;
        for _ in 0..self.repeats {
            for &ok in black_box(self.pattern) {
                succeeded += usize::from(guarded(ok));
            }
        }
        succeeded
    }
}

type Run = Box<dyn Fn(Calls<'_>) -> usize + Send + Sync>;

/// A contender, set up for one scenario.
pub struct Contender {
    /// Its name in tables.
    pub name: String,
    /// Whose it is.
    pub side: Side,
    /// The clock it reads in this scenario.
    pub reads: Reads,
    /// Whether threads can share it.
    pub shareable: bool,
    /// Whether a run begins at once, so that its calls can be timed one by one.
    pub starts_at_once: bool,
    run: Run,
}

impl Contender {
    /// A contender that threads can share. `run` makes the calls, and returns how many
    /// succeeded.
    pub fn new(
        name: impl Into<String>,
        side: Side,
        reads: Reads,
        run: impl Fn(Calls<'_>) -> usize + Send + Sync + 'static,
    ) -> Self {
        let run = Box::new(run);
        Self { name: name.into(), side, reads, shareable: true, starts_at_once: true, run }
    }

    /// The same, but threads cannot share it.
    pub fn for_one_thread(self) -> Self {
        Self { shareable: false, ..self }
    }

    /// The same, but before its calls, a run has to do what takes as long as they do.
    pub fn for_many_calls(self) -> Self {
        Self { starts_at_once: false, ..self }
    }

    /// Makes `calls`, and returns how many succeeded.
    pub fn run(&self, calls: Calls<'_>) -> usize {
        (self.run)(calls)
    }
}
