//! The RAM budgets, on the host; only the pointer to the configuration is
//! larger here than on a 32-bit core.

use microbreaker::{Breaker, Clock, Config, CountWindow, LeakyBucket, ShortWindow};

struct NoSize;

impl Clock for NoSize {
    fn now(&self) -> u32 {
        0
    }
}

#[test]
fn consecutive_failures_take_12_bytes_and_a_pointer() {
    let in_flash = size_of::<Breaker<(), NoSize, (), &'static Config>>();
    assert_eq!(in_flash, (12 + size_of::<usize>()).next_multiple_of(align_of::<usize>()));
}

#[test]
fn a_configuration_inside_the_breaker_takes_176_bytes() {
    assert_eq!(size_of::<Config>(), 176);
    assert_eq!(size_of::<Breaker<(), NoSize>>(), 188);
}

#[test]
fn windows_take_a_cursor_and_their_words() {
    assert_eq!(size_of::<ShortWindow>(), 4, "the last 16");
    assert_eq!(size_of::<LeakyBucket>(), 4, "a level");
    assert_eq!(size_of::<CountWindow<3>>(), 16, "the last 20");
    assert_eq!(size_of::<CountWindow<7>>(), 32, "the last 100");
    assert_eq!(size_of::<CountWindow<52>>(), 212, "the last 1,000");
    assert_eq!(CountWindow::<3>::words_for(16), 3);
    assert_eq!(CountWindow::<3>::words_for(100), 7);
    assert_eq!(CountWindow::<3>::words_for(1_000), 52);
}
