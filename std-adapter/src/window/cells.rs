//! Which cell is whose.

use std::array;

use super::cell::Cell;
use crate::sync::OnceBox;
use crate::sync::atomic::{AtomicBool, Ordering};

/// The groups of threads that have a cell of their own, beside thread 0.
const GROUPS: usize = if cfg!(any(loom, shuttle)) { 1 } else { 8 };
/// The threads in a group. Models try a switch at every access, so they get by with one.
const GROUP: usize = if cfg!(any(loom, shuttle)) { 1 } else { 8 };

type Group<const BUCKETS: usize> = [OnceBox<Cell<BUCKETS>>; GROUP];

/// Cells for threads, made when a thread first needs one.
pub(super) struct Cells<const BUCKETS: usize> {
    /// That of thread 0.
    first: Cell<BUCKETS>,
    groups: [OnceBox<Group<BUCKETS>>; GROUPS],
    /// For the threads that have none.
    common: OnceBox<Common<BUCKETS>>,
}

/// A cell that belongs to whichever thread has taken it.
struct Common<const BUCKETS: usize> {
    is_taken: AtomicBool,
    cell: Cell<BUCKETS>,
    next: OnceBox<Common<BUCKETS>>,
}

impl<const BUCKETS: usize> Common<BUCKETS> {
    fn new() -> Box<Self> {
        Box::new(Self { is_taken: AtomicBool::new(false), cell: Cell::new(), next: OnceBox::new() })
    }
}

impl<const BUCKETS: usize> Cells<BUCKETS> {
    pub(super) fn new() -> Self {
        Self {
            first: Cell::new(),
            groups: array::from_fn(|_| OnceBox::new()),
            common: OnceBox::new(),
        }
    }

    /// The cell of `thread`, if it has one.
    #[inline]
    pub(super) fn own(&self, thread: usize) -> Option<&Cell<BUCKETS>> {
        match thread.checked_sub(1) {
            None => Some(&self.first),
            Some(other) => self.groups.get(other / GROUP)?.get()?[other % GROUP].get(),
        }
    }

    /// Runs `f` with a cell that no other thread writes meanwhile.
    pub(super) fn with<T>(&self, thread: usize, f: impl FnOnce(&Cell<BUCKETS>) -> T) -> T {
        match thread.checked_sub(1) {
            None => f(&self.first),
            Some(other) if other / GROUP < GROUPS => {
                let group = self.groups[other / GROUP]
                    .get_or_init(|| Box::new(array::from_fn(|_| OnceBox::new())));
                f(group[other % GROUP].get_or_init(|| Box::new(Cell::new())))
            }
            Some(_) => self.with_common(f),
        }
    }

    /// With the first common cell that is not taken. No thread waits: there are as many as
    /// were ever taken at once.
    #[cold]
    fn with_common<T>(&self, f: impl FnOnce(&Cell<BUCKETS>) -> T) -> T {
        let mut place = &self.common;
        loop {
            let common = place.get_or_init(Common::new);
            // Acquire: pairs with the release below. Each thread goes on from the counts of
            // the one before it.
            if !common.is_taken.swap(true, Ordering::Acquire) {
                let done = f(&common.cell);
                common.is_taken.store(false, Ordering::Release);
                return done;
            }
            place = &common.next;
        }
    }

    /// The sum of `count` over all cells, or the first error.
    pub(super) fn sum<E>(
        &self,
        count: impl Fn(&Cell<BUCKETS>) -> Result<u64, E>,
    ) -> Result<u64, E> {
        self.iter().map(count).sum()
    }

    /// How many cells there are.
    pub(super) fn count(&self) -> u32 {
        self.iter().count() as u32
    }

    fn iter(&self) -> impl Iterator<Item = &Cell<BUCKETS>> {
        let groups = self.groups.iter().filter_map(OnceBox::get);
        let others = groups.flatten().filter_map(OnceBox::get);
        let common = std::iter::successors(self.common.get(), |common| common.next.get());
        let common = common.map(|common| &common.cell);
        std::iter::once(&self.first).chain(others).chain(common)
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use std::collections::BTreeSet;
    use std::ptr;

    use super::*;

    #[test]
    fn the_first_threads_have_cells_of_their_own_and_the_others_share() {
        let cells = Cells::<1>::new();
        let mut seen = BTreeSet::new();
        for thread in 0..=GROUPS * GROUP {
            let at = cells.with(thread, |cell| ptr::from_ref(cell).addr());
            assert!(seen.insert(at), "it is of no other thread");
            assert_eq!(cells.own(thread).map(|own| ptr::from_ref(own).addr()), Some(at));
            assert_eq!(cells.count() as usize, thread + 1);
        }
        for thread in [GROUPS * GROUP + 1, usize::MAX] {
            assert!(cells.own(thread).is_none());
            seen.insert(cells.with(thread, |cell| ptr::from_ref(cell).addr()));
        }
        assert_eq!(seen.len(), GROUPS * GROUP + 2, "one for both, which come one after the other");
        assert_eq!(cells.count() as usize, seen.len());
    }
}
