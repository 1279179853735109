//! A 16-bit counter that several threads read as a 32-bit clock.
#![cfg(loom)]

use std::sync::Arc;

use loom::sync::atomic::{AtomicU32, Ordering};
use microbreaker::clock::{Clock, Widened};
use microbreaker_loom_tests::*;

/// A 16-bit counter whose readings are ordered, as a peripheral's are. Shared with the
/// threads that advance it.
#[derive(Clone)]
struct Counter(Arc<AtomicU32>);

impl Clock for Counter {
    fn now(&self) -> u32 {
        self.0.load(Ordering::Acquire) & 0xffff
    }
}

#[test]
fn two_readers_beside_a_wrap() {
    model(|| {
        let counter = Counter(Arc::new(AtomicU32::new(0xfffe)));
        let clock = Arc::new((Widened::<16, _>::new(counter.clone()), counter));
        assert_eq!(clock.0.now(), 0xfffe);
        // Each reader advances the counter before it reads: together, across the wrap.
        let read = |(clock, counter): &(Widened<16, Counter>, Counter)| {
            counter.0.fetch_add(2, Ordering::AcqRel);
            let first = clock.now();
            (first, clock.now())
        };
        let (a, b) = race(&clock, read, read);
        for (first, second) in [a, b] {
            assert!(first <= second, "no reader sees time run back");
            assert!((0x1_0000..=0x1_0002).contains(&first), "no turn is lost or added: {first:#x}");
        }
        assert_eq!(clock.0.now(), 0x1_0002);
    });
}
