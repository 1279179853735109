//! Records what a case does to a breaker.

use std::rc::Rc;

use microbreaker::{Cause, Command, clock::ManualClock};
use microbreaker_model::{Settings, real};

use crate::case::{Case, Move};
use crate::replay::replay;
use crate::settings::settings;
use crate::subject::{RealSubject, Seen, Subject};

pub use crate::subject::{End, Handle};

/// An action on a breaker.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    SetClock(u32),
    Acquire(Handle),
    Finish(Handle, End),
    Command(Command),
}

/// The settings for `case`, and its actions.
///
/// # Errors
///
/// If the design rules the case out: the reason.
pub fn record(case: &Case) -> Result<(Settings, Vec<Act>), String> {
    let settings = settings(case)?;
    if case.config.throttle.is_some() {
        return Err("a throttle is no breaker".into());
    }
    let clock = Rc::new(ManualClock::new(0));
    let breaker = real::breaker(&settings, clock.clone()).map_err(|error| error.to_string())?;
    let inner = RealSubject::new(breaker.as_ref(), clock);
    let mut recorder = Recorder { inner, acts: Vec::new() };
    replay(case, &mut recorder, 0);
    let acts = recorder.acts;
    Ok((settings, acts))
}

/// Passes actions on to the breaker, and records them.
struct Recorder<'a> {
    inner: RealSubject<'a>,
    acts: Vec<Act>,
}

impl Subject for Recorder<'_> {
    fn set_clock(&mut self, tick: u64) {
        self.acts.push(Act::SetClock(tick as u32));
        self.inner.set_clock(tick);
    }

    fn acquire(&mut self, call: Handle) -> Result<(), Option<u64>> {
        self.acts.push(Act::Acquire(call));
        self.inner.acquire(call)
    }

    fn finish(&mut self, call: Handle, end: End) -> bool {
        self.acts.push(Act::Finish(call, end));
        self.inner.finish(call, end)
    }

    fn command(&mut self, command: Command) -> bool {
        self.acts.push(Act::Command(command));
        self.inner.command(command)
    }

    fn look(&self) -> Seen {
        self.inner.look()
    }

    fn transitions(&self) -> Vec<(Move, Cause)> {
        self.inner.transitions()
    }

    fn would_trips(&self) -> Vec<Cause> {
        self.inner.would_trips()
    }
}
