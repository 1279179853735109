//! The sums of slots, and the age of a closing, in the store in memory.

#[path = "rig/pool.rs"]
mod pool;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use microbreaker_fleet::{MemoryStore, Proposal, Report, Request, Slot, Store, Verdict};
use proptest::prelude::*;

proptest! {
    #[test]
    fn the_sums_are_those_of_the_slots_that_have_not_ended(steps in pool::steps()) {
        let clock = Arc::new(AtomicU64::new(0));
        let read = clock.clone();
        let store = MemoryStore::with_clock(move || read.load(Ordering::Relaxed));
        let set = async |at| clock.store(at, Ordering::Relaxed);
        let check = pin!(pool::check(&store, "users", set, &steps));
        let checked = check.poll(&mut Context::from_waker(Waker::noop()));
        prop_assert_eq!(checked, Poll::Ready(()));
    }
}
