//! Numbers for threads, and the number of cores.

use std::cell::Cell;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::available_parallelism;

/// Stands for the number of a thread that has none, not yet or no longer.
const NONE: usize = usize::MAX;

thread_local! {
    /// Has no destructor, so that reading it is one load.
    static NUMBER: Cell<usize> = const { Cell::new(NONE) };
    static HELD: Held = Held::take();
}

/// Whether each number is taken.
static TAKEN: Mutex<Vec<bool>> = Mutex::new(Vec::new());

/// A number for this thread that no other living thread has: the smallest free one at
/// the thread's first call. `usize::MAX` while the thread ends, which several threads
/// may get at a time.
#[inline]
pub(crate) fn number() -> usize {
    let number = known();
    if number == NONE { first() } else { number }
}

/// This thread's number if it has called [`number`], or else `usize::MAX`.
#[inline]
pub(crate) fn known() -> usize {
    #[cfg(any(loom, shuttle))]
    return crate::sync::thread_number();
    #[cfg(not(any(loom, shuttle)))]
    NUMBER.get()
}

/// How many threads can run at a time. Asks the system once, because that is slow.
pub(crate) fn cores() -> usize {
    if cfg!(any(loom, shuttle)) {
        return 1;
    }
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| available_parallelism().map_or(1, Into::into))
}

#[cold]
fn first() -> usize {
    let number = HELD.try_with(|held| held.0).unwrap_or(NONE);
    NUMBER.set(number);
    number
}

/// A number that is free again when the thread ends.
struct Held(usize);

impl Held {
    fn take() -> Self {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = taken.iter().position(|taken| !taken).unwrap_or(taken.len());
        if number == taken.len() {
            taken.push(true);
        } else {
            taken[number] = true;
        }
        Self(number)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Before another thread can take it.
        NUMBER.set(NONE);
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner)[self.0] = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::thread;

    #[test]
    fn living_threads_have_numbers_of_their_own_and_the_dead_give_theirs_back() {
        const THREADS: usize = 8;
        let everyone = Barrier::new(THREADS);
        let numbers = || {
            let one = || {
                let number = number();
                everyone.wait();
                number
            };
            let mut numbers: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(one)).collect();
                threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
            });
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        };
        for _ in 0..100 {
            let numbers = numbers();
            assert_eq!(numbers.len(), THREADS);
            // Other tests' threads may have some of the smaller ones.
            assert!(numbers[0] < 10 * THREADS, "{numbers:?}");
        }
    }
}
