//! Waiting until it is worth asking.

use std::future::Future;
use std::time::Duration;

use crate::breaker::Breaker;
use crate::breaker::permit::Permit;
use crate::error::Rejected;

/// Nobody can know when the probes that are out will end, nor when somebody
/// will reset the breaker by hand: it is asked again at least so often.
const ASK_AGAIN: Duration = Duration::from_millis(100);

impl Breaker {
    /// Waits until the breaker admits a call, and takes the permit for it.
    ///
    /// `sleep` is the timer of the executor at hand, `tokio::time::sleep` for
    /// example: so this works on any, and with its paused time in tests. The
    /// wait is as long as the breaker is open, but it asks at least every 100 ms,
    /// because it may be reset by hand, and nobody knows when probes end.
    ///
    /// # Cancellation
    ///
    /// Dropping the future gives up the wait; nothing was taken.
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

    /// Waits until it is worth asking: until the breaker would have admitted a
    /// call. By the time one is made somebody else may have had the last probe.
    ///
    /// It finds out by asking: a probe is taken and handed back at once, which
    /// counts as an ignored call and leaves an opening that is over half-open.
    ///
    /// `sleep` is as for [`acquire`](Self::acquire).
    pub async fn ready<S: Future>(&self, sleep: impl FnMut(Duration) -> S) {
        self.acquire(sleep).await.ignore();
    }
}
