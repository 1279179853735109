//! Waiting for a breaker that refuses.

use std::future::Future;
use std::time::Duration;

use crate::breaker::Breaker;
use crate::breaker::permit::Permit;
use crate::error::Rejected;

/// The longest pause between two attempts: it is unknown when the probes that are
/// out will end, or when the breaker will be reset by hand.
const ASK_AGAIN: Duration = Duration::from_millis(100);

impl Breaker {
    /// Waits until the breaker admits a call, and returns the permit for it.
    ///
    /// `sleep` is the executor's timer, `tokio::time::sleep` for example, so this
    /// works on any executor, and with paused time in tests. It tries again when the
    /// opening is over, but at least every 100 ms: the breaker may be reset by hand,
    /// and it is unknown when probes end.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the wait. It holds no permit until it returns one.
    pub async fn acquire<S: Future>(&self, mut sleep: impl FnMut(Duration) -> S) -> Permit<&Self> {
        loop {
            match self.try_acquire() {
                Ok(permit) => return permit,
                Err(Rejected { retry_after, .. }) => {
                    sleep(retry_after.unwrap_or(ASK_AGAIN).min(ASK_AGAIN)).await;
                }
            }
        }
    }

    /// Waits until the breaker would admit a call. Another caller may still take the
    /// last probe before you make yours.
    ///
    /// It finds out by acquiring a permit and handing it back at once. That counts as
    /// an ignored call, and turns an opening whose time is over into half-open.
    ///
    /// `sleep` is as for [`acquire`](Self::acquire).
    pub async fn ready<S: Future>(&self, sleep: impl FnMut(Duration) -> S) {
        self.acquire(sleep).await.ignore();
    }
}
