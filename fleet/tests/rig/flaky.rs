//! A store that can be out of reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use microbreaker_fleet::{
    Hints, MemoryStore, Order, Reply, Request, Store, StoreError, StoreFuture,
};

/// A store that can be switched off: it refuses, or it hangs.
#[derive(Clone)]
pub(crate) struct Flaky {
    pub(crate) store: MemoryStore,
    pub(crate) refuses: Arc<AtomicBool>,
    pub(crate) hangs: Arc<AtomicBool>,
    pub(crate) asked: Arc<AtomicU64>,
}

impl Flaky {
    pub(crate) fn new(store: MemoryStore) -> Self {
        Self { store, refuses: Arc::default(), hangs: Arc::default(), asked: Arc::default() }
    }
}

impl Store for Flaky {
    fn exchange<'a>(&'a self, request: &'a Request) -> StoreFuture<'a, Reply> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.refuses.load(Ordering::Relaxed) {
                return Err(StoreError::new("connection refused"));
            }
            if self.hangs.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            self.store.exchange(request).await
        })
    }

    fn order<'a>(&'a self, order: &'a Order) -> StoreFuture<'a, ()> {
        self.store.order(order)
    }

    fn hints(&self) -> Hints {
        self.store.hints()
    }
}
