//! Lower bounds on the cost of a guarded call: the same no-op call with a single
//! primitive around it.

use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use microbreaker::Clock;
use microbreaker_std::clock::CoarseClock;

use crate::{Contender, Reads, Side, work};

/// A floor that figures refer to by name.
pub const TWO_LOADS: &str = "two plain loads";
/// Another floor that figures refer to by name.
pub const CAS: &str = "one compare-and-swap";
/// Another floor that figures refer to by name.
pub const COARSE: &str = "coarse clock";

/// The floors. They are the same in every scenario.
pub fn floors() -> Vec<Contender> {
    let floor = |name, reads, run: fn(crate::Calls<'_>, &AtomicU32) -> usize| {
        let word = AtomicU32::new(0);
        Contender::new(name, Side::Floor, reads, move |calls| run(calls, &word))
    };
    let mutex = Mutex::new(0_u32);
    vec![
        floor("the call alone", Reads::Nothing, |calls, _| calls.each(|ok| work(ok).is_ok())),
        floor(TWO_LOADS, Reads::Nothing, |calls, word| {
            calls.each(|ok| {
                let before = word.load(Ordering::Acquire);
                let ok = work(ok).is_ok();
                let after = word.load(Ordering::Acquire);
                ok & (before == after)
            })
        }),
        floor("one fetch_add", Reads::Nothing, |calls, word| {
            calls.each(|ok| {
                let ok = work(ok).is_ok();
                word.fetch_add(1, Ordering::AcqRel);
                ok
            })
        }),
        floor(CAS, Reads::Nothing, |calls, word| {
            calls.each(|ok| {
                let ok = work(ok).is_ok();
                let mut seen = word.load(Ordering::Acquire);
                while let Err(now) = word.compare_exchange(
                    seen,
                    seen.wrapping_add(1),
                    Ordering::AcqRel,
                    Ordering::Acquire,
                ) {
                    seen = now;
                }
                ok
            })
        }),
        Contender::new("a std mutex", Side::Floor, Reads::Nothing, move |calls| {
            calls.each(|ok| {
                let ok = work(ok).is_ok();
                if let Ok(mut count) = mutex.lock() {
                    *count = count.wrapping_add(1);
                }
                ok
            })
        }),
        floor("Instant::now", Reads::Precise, |calls, _| {
            calls.each(|ok| {
                let ok = work(ok).is_ok();
                black_box(Instant::now());
                ok
            })
        }),
        floor(COARSE, Reads::Coarse, |calls, _| {
            calls.each(|ok| {
                let ok = work(ok).is_ok();
                black_box(CoarseClock.now());
                ok
            })
        }),
    ]
}
