//! Events as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::broadcast::{Sender, channel};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::telemetry::event::Event;

/// How many events are kept for the slowest reader.
const WAITING: usize = 256;

/// The events of a breaker, or of a registry, from now on. Works on any executor.
///
/// Up to 256 events wait for a reader. A reader that falls behind further misses the
/// oldest, and gets their number: [`Missed`].
///
/// ```
/// use microbreaker_std::{Breaker, EventKind, Phase};
/// use tokio_stream::StreamExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let users = Breaker::builder("users")
///     .consecutive_failures(3)
///     .open_for(std::time::Duration::from_secs(30))
///     .build()?;
/// let mut events = users.events();
/// users.trip();
///
/// let event = events.next().await.expect("the breaker is still there")?;
/// assert!(matches!(event.kind, EventKind::Transition { to: Phase::Open, .. }));
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream does nothing unless it is polled"]
pub struct Events(BroadcastStream<Event>);

/// A reader was too slow and missed this many events, the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed(pub u64);

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "missed {} events: the reader was too slow", self.0)
    }
}

impl std::error::Error for Missed {}

impl Stream for Events {
    type Item = Result<Event, Missed>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.0).poll_next(context);
        next.map(|item| {
            item.map(|item| item.map_err(|BroadcastStreamRecvError::Lagged(n)| Missed(n)))
        })
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

/// The sender of the events, created with the first reader.
#[derive(Default)]
pub(crate) struct Source(OnceLock<Sender<Event>>);

impl Source {
    pub(crate) fn subscribe(&self) -> Events {
        Events(BroadcastStream::new(self.0.get_or_init(|| channel(WAITING).0).subscribe()))
    }

    pub(crate) fn send(&self, event: &Event) {
        if let Some(sender) = self.0.get() {
            // An error means that all readers are gone.
            let _ = sender.send(event.clone());
        }
    }
}
