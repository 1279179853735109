#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]
#![doc = include_str!("../README.md")]

mod decide;
mod fleet;
mod leases;
mod link;
mod member;
mod memory;
mod record;
#[cfg(feature = "redis")]
mod redis;
mod store;

pub use self::decide::Quorum;
pub use self::fleet::{Fleet, Status};
pub use self::memory::MemoryStore;
pub use self::record::{
    Action, Order, Proposal, Report, Slot, StoreError, StoredOrder, Verdict, View, Wish,
};
#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
pub use self::store::{Hints, Reply, Request, Store, StoreFuture};
