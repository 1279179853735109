//! The real breaker, with a window chosen at run time.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use microbreaker::{
    Breaker, Cause, Clock, ConfigError, CountWindow, Decision, LeakyBucket, Observer, Outcome,
    Permit, Rejected, Status, Tally, Token, Transition, WithSlow, clock::ManualClock,
};

use crate::any_window::AnyTimeWindow;
use crate::settings::{Settings, Window};

/// Remembers everything that a breaker reports.
#[derive(Debug, Default)]
pub struct Recorder {
    pub transitions: RefCell<Vec<Transition>>,
    /// Outcomes, and whether each was stale.
    pub outcomes: RefCell<Vec<(Outcome, bool)>>,
    pub rejections: RefCell<Vec<Rejected>>,
    pub would_trips: RefCell<Vec<Cause>>,
}

impl Observer for Recorder {
    fn transition(&self, transition: &Transition) {
        self.transitions.borrow_mut().push(*transition);
    }

    fn outcome(&self, outcome: Outcome, stale: bool) {
        self.outcomes.borrow_mut().push((outcome, stale));
    }

    fn rejection(&self, rejected: &Rejected) {
        self.rejections.borrow_mut().push(*rejected);
    }

    fn would_trip(&self, cause: Cause) {
        self.would_trips.borrow_mut().push(cause);
    }
}

/// The breaker's clock, which the test can set.
pub type SharedClock = Rc<ManualClock>;

/// A breaker with any window.
pub trait Subject: Status {
    fn try_acquire(&self) -> Result<AnyPermit<'_>, Rejected>;
    fn resume(&self, token: Token) -> AnyPermit<'_>;
    /// Makes a call that ends with `outcome`; `Err` if the call was refused.
    fn call(&self, outcome: Outcome) -> Result<(), Rejected>;
    /// Makes a call that panics, and catches the panic.
    fn call_panicking(&self) -> Result<(), Rejected>;
    fn follow(&self, decision: Decision) -> bool;
    fn tally(&self) -> Tally;
    fn recorder(&self) -> &Recorder;
}

/// A permit of a breaker with any window.
pub type AnyPermit<'a> = Box<dyn Finish + 'a>;

/// What can be done with a permit.
pub trait Finish {
    /// Ends the call, which took `took` ticks; `None`: as many as the clock says.
    fn finish(self: Box<Self>, outcome: Outcome, took: Option<u32>);
    fn cancel(self: Box<Self>);
    fn into_token(self: Box<Self>) -> Token;
}

impl<B: microbreaker::Gate> Finish for Permit<'_, B> {
    fn finish(self: Box<Self>, outcome: Outcome, took: Option<u32>) {
        let permit = match took {
            Some(ticks) => (*self).took(ticks),
            None => *self,
        };
        // Calls the named methods where there are any, so that these are compared too.
        match outcome {
            Outcome::Success => permit.success(),
            Outcome::Failure => permit.failure(),
            Outcome::Ignored => permit.ignore(),
            Outcome::FailureOpenFor(_) | Outcome::WeightedFailure(_) => permit.finish(outcome),
        }
    }

    fn cancel(self: Box<Self>) {
        drop(*self);
    }

    fn into_token(self: Box<Self>) -> Token {
        (*self).into_token()
    }
}

impl fmt::Debug for dyn Finish + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a permit")
    }
}

impl<W: microbreaker::window::Window, C: Clock> Subject for Breaker<W, C, Recorder> {
    fn try_acquire(&self) -> Result<AnyPermit<'_>, Rejected> {
        Ok(Box::new(self.try_acquire()?))
    }

    fn resume(&self, token: Token) -> AnyPermit<'_> {
        Box::new(self.resume(token))
    }

    fn call(&self, outcome: Outcome) -> Result<(), Rejected> {
        let mut made = false;
        let call = || {
            made = true;
            Ok::<(), ()>(())
        };
        let result = self.call_classified(call, |_| outcome);
        let result = result.map_err(|error| *error.rejected().expect("the call returned Ok"));
        assert_eq!(made, result.is_ok(), "a call is made unless it is refused");
        result
    }

    fn call_panicking(&self) -> Result<(), Rejected> {
        let call = || -> Result<(), ()> { std::panic::resume_unwind(Box::new(())) };
        // The breaker is used after the panic, just as real callers would.
        let call = std::panic::AssertUnwindSafe(|| self.call(call));
        match std::panic::catch_unwind(call) {
            Err(_) => Ok(()),
            Ok(result) => Err(*result.unwrap_err().rejected().expect("the call does not return")),
        }
    }

    fn follow(&self, decision: Decision) -> bool {
        self.follow(decision)
    }

    fn tally(&self) -> Tally {
        self.tally()
    }

    fn recorder(&self) -> &Recorder {
        self.observer()
    }
}

/// A breaker with the given window, in a leaky bucket if `settings` have one.
///
/// # Errors
///
/// If the configuration is rejected.
pub fn with_window<W: microbreaker::window::Window + 'static>(
    settings: &Settings,
    window: W,
    clock: SharedClock,
) -> Result<Box<dyn Subject>, ConfigError> {
    match settings.leaky_bucket {
        Some(_) => with_whole_window(settings, LeakyBucket::new(window), clock),
        None => with_whole_window(settings, window, clock),
    }
}

fn with_whole_window<W: microbreaker::window::Window + 'static>(
    settings: &Settings,
    window: W,
    clock: SharedClock,
) -> Result<Box<dyn Subject>, ConfigError> {
    let clock = move || clock.now();
    Ok(Box::new(Breaker::try_new(settings.config(), window, clock, Recorder::default())?))
}

/// The most calls that a count-based window of [`breaker`] can hold.
pub const MOST_CALLS: u32 = CountWindow::<64>::CAPACITY;

/// A breaker with the window that `settings` asks for, and one for slow calls if they are
/// configured.
///
/// # Errors
///
/// If the configuration is rejected.
///
/// # Panics
///
/// If no window has that many buckets, or if the window cannot hold slow calls.
pub fn breaker(settings: &Settings, clock: SharedClock) -> Result<Box<dyn Subject>, ConfigError> {
    let slow = settings.slow_rate.is_some();
    match settings.window {
        Window::None => with_window(settings, (), clock),
        Window::Count(_) if slow => {
            let window = WithSlow::new(CountWindow::<64>::new(), CountWindow::<64>::new());
            with_window(settings, window, clock)
        }
        Window::Count(_) => with_window(settings, CountWindow::<64>::new(), clock),
        Window::Time { buckets, ticks } if slow => {
            let window = AnyTimeWindow::<true>::new(buckets);
            window.check(ticks)?;
            with_window(settings, WithSlow::new(window, AnyTimeWindow::new(buckets)), clock)
        }
        Window::Time { buckets, ticks } => {
            let window = AnyTimeWindow::<true>::new(buckets);
            window.check(ticks)?;
            with_window(settings, window, clock)
        }
        Window::Failures { buckets, ticks } => {
            let window = AnyTimeWindow::<false>::new(buckets);
            window.check(ticks)?;
            with_window(settings, window, clock)
        }
    }
}
