//! What a fleet needs of a store.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;

use crate::record::{Order, Report, StoreError, StoredOrder, View};

/// A future of a store.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Hints that something was decided, and that an exchange is worth while. Any of them may
/// get lost.
pub type Hints = Pin<Box<dyn Stream<Item = ()> + Send>>;

/// All that an instance says to its fleet at once.
#[derive(Clone, Debug)]
pub struct Request {
    /// The instance.
    pub instance: String,
    /// Larger in each request of an instance. A store must drop the slots of a request that
    /// arrives after a later one.
    pub sequence: u64,
    /// A slot that is not renewed for this long is gone.
    pub lifetime: Duration,
    /// A report for each breaker of which this instance has something to say, or wants to
    /// hear.
    pub reports: Vec<Report>,
    /// The version of the fleet that this instance knows already; 0 for none.
    pub seen: u64,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// A view for each report, in their order; `None` if the store cannot say anything of
    /// that breaker. Then it is a local one.
    pub views: Vec<Option<View>>,
    /// The names of breakers about which something was decided since the version `seen`.
    pub changed: Vec<String>,
    /// The version of the fleet, which grows with each decision and order.
    pub version: u64,
    /// All orders in force.
    pub orders: Vec<StoredOrder>,
}

/// Where the instances of a fleet meet. All ages are by the store's own clock.
///
/// Only the background task of a [`Fleet`](crate::Fleet) uses it. It may fail, hang or
/// forget everything at any time.
pub trait Store: Send + Sync {
    /// Takes what an instance says, and answers with what all of them say: atomically, and
    /// in one round trip.
    fn exchange<'a>(&'a self, request: &'a Request) -> StoreFuture<'a, Reply>;

    /// Gives an order to all instances.
    fn order<'a>(&'a self, order: &'a Order) -> StoreFuture<'a, ()>;

    /// Hints from now on.
    fn hints(&self) -> Hints;
}
