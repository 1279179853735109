//! Waiting for a breaker that refuses.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use microbreaker::{Clock, Outlook};

use crate::breaker::Breaker;
use crate::breaker::permit::Permit;
use crate::clock::duration;
use crate::engine::Engine;
use crate::waiters::front::{Front, Next};

impl Breaker {
    /// Waits until the breaker admits a call, and returns the permit for it.
    ///
    /// `sleep` is the executor's timer, `tokio::time::sleep` for example, so this works on
    /// any executor, and with paused time in tests.
    ///
    /// ```
    /// # use microbreaker_std::{Breaker, clock::TokioClock};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), microbreaker_std::BuildError> {
    /// # let users = Breaker::builder("users").consecutive_failures(1).clock(TokioClock::new());
    /// # let users = users.open_for(Duration::from_secs(30)).build()?;
    /// users.trip();
    /// let permit = users.acquire(tokio::time::sleep).await; // 30 seconds later
    /// permit.success();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Those who wait are served in the order in which they came, as many as there is room:
    /// all while the breaker is closed, the probes while it is half-open, and a share of
    /// them at each step of a ramp. They are woken when it is time (an opening is over,
    /// probes are overdue, a ramp has come to its next step), or when something happens (a
    /// command, the end of a probe, a reload). Only the first of them sleeps. Callers that
    /// do not wait do not queue either, and may take a place that has just become free.
    ///
    /// Waiting is no rejection: it shows in no count, metric or log but
    /// [`waiting`](Self::waiting).
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the wait, and the next in the queue takes its place. It
    /// holds no permit until it returns one.
    pub async fn acquire<S: Future>(&self, sleep: impl FnMut(Duration) -> S) -> Permit<&Self> {
        // Without a queue, it may have the place of one that was let go: it may be that one.
        if self.waiting() == 0
            && self.outlook().room > 0
            && let Some(permit) = Permit::acquire_quietly(self)
        {
            return permit;
        }
        self.wait(sleep, |_| Permit::acquire_quietly(self), Front::admitted).await
    }

    /// Waits until the breaker would admit a call. For consumers that leave their work
    /// where it is while the breaker refuses it: nobody has to make a call to wake them.
    ///
    /// It takes no permit and changes nothing, so other callers may come first, and then
    /// the call is refused after all. To rule that out, use [`acquire`](Self::acquire).
    /// Where there is room for some calls only, the next in the queue gets its turn once
    /// those who were let go have taken their places; a place that is not taken within a
    /// second is given to the next.
    ///
    /// The rest is as for [`acquire`](Self::acquire).
    pub async fn ready<S: Future>(&self, sleep: impl FnMut(Duration) -> S) {
        if self.waiting() > 0 || self.outlook().room != Outlook::ALL {
            // Where a check probes, there is room for no call before it closes.
            let telemetry = &self.inner().telemetry;
            let reserved = |outlook: &Outlook| wants_probes(outlook) && telemetry.is_checked();
            let take = |outlook: &_| (!reserved(outlook)).then_some(());
            self.wait(sleep, take, Front::let_go).await;
        }
    }

    /// How many wait in [`acquire`](Self::acquire) and [`ready`](Self::ready).
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inner().telemetry.waiters.count()
    }

    /// Waits until there is room and `take` gets something. `gone` notes that at a tick.
    async fn wait<S: Future, T>(
        &self,
        sleep: impl FnMut(Duration) -> S,
        take: impl Fn(&Outlook) -> Option<T>,
        gone: fn(&mut Front, u32),
    ) -> T {
        let inner = self.inner();
        let waiters = &inner.telemetry.waiters;
        let waiting = waiters.join();
        let mut front = waiting.first().await;
        let running = pin!(None);
        let mut timer = Timer::new(sleep, running);
        loop {
            let now = inner.clock.now();
            let outlook = self.outlook();
            let ticks = match front.next(&outlook, now, waiters.count(), waiting.arrived()) {
                Next::Go => match take(&outlook) {
                    Some(taken) => {
                        gone(&mut front, now);
                        return taken;
                    }
                    // Another caller came first, or a fleet or a check gives no leave. It will
                    // be told when that changes.
                    None => outlook.changes_in,
                },
                Next::Offer => {
                    inner.engines.read(Engine::offer);
                    continue;
                }
                Next::Wait(ticks) => ticks,
            };
            timer.set(now, ticks);
            timer.or(waiting.changed()).await;
        }
    }

    pub(super) fn outlook(&self) -> Outlook {
        self.inner().engines.read(Engine::outlook)
    }
}

/// Whether the breaker that has this outlook has room for probes.
pub(super) fn wants_probes(outlook: &Outlook) -> bool {
    let is_closed = outlook.room == Outlook::ALL || outlook.ramp_step.is_some();
    outlook.room > 0 && !is_closed
}

/// The one timer of those who wait.
pub(super) struct Timer<'a, S, F> {
    sleep: F,
    running: Pin<&'a mut Option<S>>,
    /// The tick at which it ends, while it is running.
    ends: u32,
}

impl<'a, S: Future, F: FnMut(Duration) -> S> Timer<'a, S, F> {
    pub(super) const fn new(sleep: F, running: Pin<&'a mut Option<S>>) -> Self {
        Self { sleep, running, ends: 0 }
    }

    /// Sets the timer to end in `ticks` at the latest, if they are known. Leaves one alone
    /// that ends sooner: looking too early does no harm, and another timer costs more.
    pub(super) fn set(&mut self, now: u32, ticks: Option<u32>) {
        let Some(ticks) = ticks else { return };
        let ends = now.wrapping_add(ticks);
        let sooner = (ends.wrapping_sub(self.ends) as i32) < 0;
        if sooner || self.running.is_none() {
            self.running.set(Some((self.sleep)(duration(ticks))));
            self.ends = ends;
        }
    }

    /// Waits until it ends, or until `other` has.
    pub(super) async fn or(&mut self, other: impl Future<Output = ()>) {
        let mut other = pin!(other);
        poll_fn(|context| match other.as_mut().poll(context) {
            Poll::Pending => self.poll(context),
            ready => ready,
        })
        .await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(running) = self.running.as_mut().as_pin_mut() else { return Poll::Pending };
        let ended = running.poll(context).map(drop);
        if ended.is_ready() {
            self.running.set(None);
        }
        ended
    }
}
