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
    model_with(3, || {
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

#[test]
fn a_reading_held_up_for_a_turn() {
    model_with(3, || {
        let counter = Counter(Arc::new(AtomicU32::new(0)));
        let clock = Arc::new((Widened::<16, _>::new(counter.clone()), counter));
        assert_eq!(clock.0.now(), 0);
        let held_up = |(clock, counter): &(Widened<16, Counter>, Counter)| {
            counter.0.fetch_add(2, Ordering::AcqRel);
            clock.now()
        };
        // Together with the other's two, a turn of the counter, and two readings in it.
        let timely = |(clock, counter): &(Widened<16, Counter>, Counter)| {
            [(); 2].map(|()| {
                counter.0.fetch_add(0x7fff, Ordering::AcqRel);
                clock.now()
            })
        };
        let (late, [first, second]) = race(&clock, held_up, timely);
        assert!((2..=0x1_0000).contains(&late), "not before it was asked: {late:#x}");
        assert!((0x7fff..=0x8001).contains(&first) && second > first, "{first:#x}, {second:#x}");
        assert_eq!(clock.0.now(), 0x1_0000, "no turn is lost");
    });
}
