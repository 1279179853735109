//! What a case is replayed on: the real breaker, the model, or a throttle.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use microbreaker::{
    Cause, Clock, Command, Gate as _, Outcome, Phase, Tally, Throttle, window::Window,
};
use microbreaker_model::real::{AnyPermit, SharedClock, Subject as Real};
use microbreaker_model::{Effect, Model, Permit};

use crate::case::Move;

/// How a call ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Finished { outcome: Outcome, took: Option<u32> },
    Panicked,
    Cancelled,
}

/// What can be seen at a tick without changing anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) phase: Phase,
    pub(crate) tally: Tally,
    /// Whether there are enough calls for rates.
    pub(crate) rated: bool,
    pub(crate) consecutive: u32,
    pub(crate) retry_after: Option<u64>,
}

/// Identifies a call: the number of the step that starts it.
pub type Handle = usize;

/// What a case is replayed on. It holds the permits of the calls in progress.
pub(crate) trait Subject {
    fn set_clock(&mut self, tick: u64);
    /// Starts a call. The error is how many ticks it is refused for, if that is known.
    fn acquire(&mut self, call: Handle) -> Result<(), Option<u64>>;
    /// Ends an admitted call. True if it ended too late to count.
    fn finish(&mut self, call: Handle, end: End) -> bool;
    /// False if the command is refused.
    fn command(&mut self, command: Command) -> bool;
    fn look(&self) -> Seen;
    /// All transitions so far, with their causes.
    fn transitions(&self) -> Vec<(Move, Cause)>;
    /// All trips that dry runs reported instead of tripping.
    fn would_trips(&self) -> Vec<Cause>;
}

/// The real breaker.
pub(crate) struct RealSubject<'a> {
    breaker: &'a dyn Real,
    clock: SharedClock,
    permits: HashMap<Handle, AnyPermit<'a>>,
}

impl<'a> RealSubject<'a> {
    pub(crate) fn new(breaker: &'a dyn Real, clock: SharedClock) -> Self {
        Self { breaker, clock, permits: HashMap::new() }
    }
}

/// A call in progress: if it unwinds, its permit fails, as in `Breaker::call`.
struct InCall<'a>(Option<AnyPermit<'a>>);

impl Drop for InCall<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.finish(Outcome::Failure, None);
        }
    }
}

fn end(permit: AnyPermit<'_>, end: End) {
    match end {
        End::Finished { outcome, took } => permit.finish(outcome, took),
        End::Cancelled => permit.cancel(),
        End::Panicked => {
            let call = AssertUnwindSafe(|| {
                let _in_call = InCall(Some(permit));
                // Not `panic!`, which would print a message.
                resume_unwind(Box::new(()));
            });
            let _: Result<(), _> = catch_unwind(call);
        }
    }
}

impl Subject for RealSubject<'_> {
    fn set_clock(&mut self, tick: u64) {
        // The clock wraps.
        self.clock.set(tick as u32);
    }

    fn acquire(&mut self, call: Handle) -> Result<(), Option<u64>> {
        let permit = self.breaker.try_acquire();
        let permit = permit.map_err(|rejected| rejected.retry_after.map(u64::from))?;
        self.permits.insert(call, permit);
        Ok(())
    }

    fn finish(&mut self, call: Handle, how: End) -> bool {
        if let Some(permit) = self.permits.remove(&call) {
            end(permit, how);
        }
        self.breaker.recorder().outcomes.borrow().last().is_some_and(|&(_, stale)| stale)
    }

    fn command(&mut self, command: Command) -> bool {
        self.breaker.command(command).is_ok()
    }

    fn look(&self) -> Seen {
        let snapshot = self.breaker.snapshot();
        Seen {
            phase: snapshot.phase,
            tally: snapshot.tally,
            rated: snapshot.failure_permille().is_some(),
            consecutive: snapshot.consecutive_failures,
            retry_after: snapshot.retry_after.map(u64::from),
        }
    }

    fn transitions(&self) -> Vec<(Move, Cause)> {
        let transitions = self.breaker.recorder().transitions.borrow();
        transitions.iter().map(|t| (Move { from: t.from, to: t.to }, t.cause)).collect()
    }

    fn would_trips(&self) -> Vec<Cause> {
        self.breaker.recorder().would_trips.borrow().clone()
    }
}

/// The model.
pub(crate) struct ModelSubject {
    model: Model,
    now: u64,
    permits: HashMap<Handle, Permit>,
}

impl ModelSubject {
    pub(crate) fn new(model: Model) -> Self {
        Self { model, now: 0, permits: HashMap::new() }
    }
}

impl Subject for ModelSubject {
    fn set_clock(&mut self, tick: u64) {
        self.now = tick;
    }

    fn acquire(&mut self, call: Handle) -> Result<(), Option<u64>> {
        let permit = self.model.acquire(self.now).map_err(|refusal| refusal.retry_after)?;
        self.permits.insert(call, permit);
        Ok(())
    }

    fn finish(&mut self, call: Handle, end: End) -> bool {
        let Some(permit) = self.permits.remove(&call) else { return false };
        let effect = match end {
            End::Finished { outcome, took } => {
                self.model.finish(permit, outcome, took.map(u64::from), self.now)
            }
            End::Panicked => self.model.finish(permit, Outcome::Failure, None, self.now),
            End::Cancelled => self.model.cancel(permit, self.now),
        };
        effect == Effect::Stale
    }

    fn command(&mut self, command: Command) -> bool {
        self.model.command(command, self.now).is_ok()
    }

    fn look(&self) -> Seen {
        let snapshot = self.model.snapshot(self.now);
        Seen {
            phase: snapshot.phase,
            tally: snapshot.tally,
            rated: snapshot.failure_permille.is_some(),
            consecutive: snapshot.consecutive_failures,
            retry_after: snapshot.retry_after,
        }
    }

    fn transitions(&self) -> Vec<(Move, Cause)> {
        let transitions = self.model.transitions.iter();
        transitions.map(|t| (Move { from: t.from, to: t.to }, t.cause)).collect()
    }

    fn would_trips(&self) -> Vec<Cause> {
        self.model.would_trips.clone()
    }
}

/// A throttle, which is always closed and takes no commands.
pub(crate) struct ThrottleSubject<'a, W: Window> {
    throttle: &'a Throttle<W, Ticks>,
    clock: SharedClock,
    permits: HashMap<Handle, AnyPermit<'a>>,
}

/// The throttle's clock, which the replay can set.
pub(crate) struct Ticks(pub(crate) SharedClock);

impl Clock for Ticks {
    fn now(&self) -> u32 {
        self.0.now()
    }
}

impl<'a, W: Window> ThrottleSubject<'a, W> {
    pub(crate) fn new(throttle: &'a Throttle<W, Ticks>, clock: SharedClock) -> Self {
        Self { throttle, clock, permits: HashMap::new() }
    }
}

impl<W: Window> Subject for ThrottleSubject<'_, W> {
    fn set_clock(&mut self, tick: u64) {
        self.clock.set(tick as u32);
    }

    fn acquire(&mut self, call: Handle) -> Result<(), Option<u64>> {
        let permit = self.throttle.try_acquire();
        let permit = permit.map_err(|rejected| rejected.retry_after.map(u64::from))?;
        self.permits.insert(call, Box::new(permit));
        Ok(())
    }

    fn finish(&mut self, call: Handle, how: End) -> bool {
        if let Some(permit) = self.permits.remove(&call) {
            end(permit, how);
        }
        false
    }

    fn command(&mut self, _: Command) -> bool {
        false
    }

    fn look(&self) -> Seen {
        let tally = self.throttle.tally();
        let rated = tally.calls > 0;
        Seen { phase: Phase::Closed, tally, rated, consecutive: 0, retry_after: None }
    }

    fn transitions(&self) -> Vec<(Move, Cause)> {
        Vec::new()
    }

    fn would_trips(&self) -> Vec<Cause> {
        Vec::new()
    }
}
