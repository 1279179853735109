//! A health check that probes in place of users' calls.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use microbreaker::{Clock, Outlook};

use super::wait::{Timer, wants_probes};
use crate::breaker::call::InCall;
use crate::breaker::permit::Permit;
use crate::breaker::{Breaker, Inner};
use crate::classify::Outcome;
use crate::telemetry::deferred::Deferred;
use crate::waiters::asking::for_check;
use crate::waiters::{Waiters, Waiting};

impl Breaker {
    /// Probes with `check`, a health check, in place of users' calls, for as long as the
    /// future lives. It never returns: spawn it.
    ///
    /// When an opening is over, the check is run as a probe, and again until the probes have
    /// decided. `Ok` is a success and `Err` a failure, and so is a panic, which continues to
    /// unwind and ends the task. While the breaker is closed, nothing is checked.
    ///
    /// ```
    /// # use microbreaker_std::{Breaker, Phase, clock::TokioClock};
    /// # use std::time::Duration;
    /// # async fn ping() -> Result<(), std::io::Error> { Ok(()) }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), microbreaker_std::BuildError> {
    /// # let users = Breaker::builder("users").consecutive_failures(1).clock(TokioClock::new());
    /// # let users = users.open_for(Duration::from_secs(30)).build()?;
    /// let checked = users.clone();
    /// tokio::spawn(async move {
    ///     let check = || async { tokio::time::timeout(Duration::from_secs(2), ping()).await? };
    ///     checked.probe_with(tokio::time::sleep, check).await
    /// });
    /// # tokio::task::yield_now().await;
    /// users.trip();
    /// tokio::time::sleep(Duration::from_secs(31)).await;
    /// assert_eq!(users.phase(), Phase::Closed); // and no user's call was risked
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Meanwhile users' calls are refused until the breaker has closed, and those who wait in
    /// [`acquire`](Self::acquire) or [`ready`](Self::ready) wait until then. A call that was a
    /// probe before the future was first polled still counts. On a ramp, users' calls are
    /// admitted as always. Commands take effect as always.
    ///
    /// `sleep` is the executor's timer, as for [`acquire`](Self::acquire). Give the check a
    /// time limit. One that is still running when the half-open phase ends is dropped: at a
    /// command, or after [`probe_timeout`](crate::Builder::probe_timeout), when the breaker
    /// opens again. With `no_probe_timeout` and no limit of its own, a check that hangs keeps
    /// the breaker half-open for good.
    ///
    /// Of several checks of one breaker, the first works, and the others stand by.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the check and hands its permit back. Users' calls are the
    /// probes again, at once.
    pub async fn probe_with<S: Future, F: Future<Output = Result<T, E>>, T, E>(
        &self,
        sleep: impl FnMut(Duration) -> S,
        mut check: impl FnMut() -> F,
    ) {
        let Inner { telemetry, clock, .. } = self.inner();
        let _then = Wake(&telemetry.waiters);
        let checking = telemetry.checks.join();
        let _first = checking.first().await;
        let running = pin!(None);
        let mut timer = Timer::new(sleep, running);
        loop {
            let (now, outlook) = (clock.now(), self.outlook());
            let Some(permit) = self.probe(&outlook) else {
                timer.set(now, outlook.changes_in);
                timer.or(checking.changed()).await;
                continue;
            };
            let mut call = Check(InCall::new(permit));
            let result = call.0.run_async(async { check().await });
            let outcome = match self.during_tenure(result, &checking, &mut timer).await {
                Some(Ok(_)) => Outcome::Success,
                Some(Err(_)) => Outcome::Failure,
                None => Outcome::Ignored,
            };
            call.0.end(outcome);
        }
    }

    /// A probe for a check, if the breaker that has this outlook wants one.
    fn probe(&self, outlook: &Outlook) -> Option<Permit<&Self>> {
        // Listeners may ask, too, and are no check.
        let _events = Deferred::begin();
        wants_probes(outlook).then(|| for_check(|| Permit::acquire_quietly(self))).flatten()
    }

    /// The result of a check that begins now, unless the tenure is over before.
    async fn during_tenure<T, S: Future>(
        &self,
        result: impl Future<Output = T>,
        checking: &Waiting<'_>,
        timer: &mut Timer<'_, S, impl FnMut(Duration) -> S>,
    ) -> Option<T> {
        let mut result = pin!(result);
        let tenure = self.outlook().generation;
        loop {
            let (now, outlook) = (self.inner().clock.now(), self.outlook());
            if outlook.generation != tenure {
                return None;
            }
            timer.set(now, outlook.changes_in);
            let mut change = pin!(timer.or(checking.changed()));
            let ended = poll_fn(|context| match result.as_mut().poll(context) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending => change.as_mut().poll(context).map(|()| None),
            });
            if let Some(result) = ended.await {
                return Some(result);
            }
        }
    }
}

/// A check that runs. Dropped, it says nothing, whatever an abandoned call counts as.
struct Check<'a>(InCall<Permit<&'a Breaker>>);

impl Drop for Check<'_> {
    fn drop(&mut self) {
        // Its panic is a failure. If it has ended, this changes nothing.
        if !self.0.has_panicked() {
            self.0.end(Outcome::Ignored);
        }
    }
}

/// Lets the first of those who wait look again when it is dropped.
struct Wake<'a>(&'a Waiters);

impl Drop for Wake<'_> {
    fn drop(&mut self) {
        self.0.wake();
    }
}
