//! On whose behalf a thread asks a breaker for a permit.

use std::cell::Cell;

use crate::sync::thread_local_const;

thread_local_const! {
    /// Whether this thread asks for a check.
    static FOR_CHECK: Cell<bool> = Cell::new(false);
}

/// What `ask` gets when it asks for a check.
pub(crate) fn for_check<T>(ask: impl FnOnce() -> T) -> T {
    /// Clears it even if a clock panics.
    struct Reset;

    impl Drop for Reset {
        fn drop(&mut self) {
            _ = FOR_CHECK.try_with(|it| it.set(false));
        }
    }

    // A thread that is ending has no such mark any more, and asks like a user.
    _ = FOR_CHECK.try_with(|it| it.set(true));
    let _reset = Reset;
    ask()
}

/// Whether this thread asks for a check.
pub(crate) fn asks_for_check() -> bool {
    FOR_CHECK.try_with(Cell::get).unwrap_or(false)
}
