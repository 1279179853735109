//! Clocks made of counters that are narrower or wider.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use microbreaker::clock::{Clock, ManualClock, STEP_BACK, Widened, Wrapping, elapsed};
use microbreaker::{Breaker, Config, Phase};
use proptest::prelude::*;

/// A counter of `BITS` that shows what a clock of 32 bits shows below.
fn counter<const BITS: u32>(time: &ManualClock) -> impl Fn() -> u32 + '_ {
    move || time.now() & ((1 << BITS) - 1)
}

fn opens_for<const BITS: u32>(ticks: u32) {
    let time = ManualClock::new(0);
    let clock = Widened::<BITS, _>::new(counter::<BITS>(&time));
    let breaker = Breaker::new(Config::new().consecutive_failures(1).open_for(ticks), (), &clock);
    breaker.trip();
    // A timer reads the clock once in a turn, or nearly.
    let turn = (1 << BITS) - 1;
    let mut left = ticks - 1;
    while left > 0 {
        let step = left.min(turn);
        time.advance(step);
        left -= step;
        assert_eq!(breaker.phase(), Phase::Open, "{left} and one to go");
    }
    time.advance(1);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
}

#[test]
fn a_counter_of_16_bits_recovers_after_exactly_as_long_as_it_should() {
    opens_for::<16>(70_000);
    opens_for::<16>(1);
    opens_for::<16>(1 << 20);
}

#[test]
fn a_counter_of_24_bits_does_not_end_an_opening_when_it_wraps() {
    opens_for::<24>(10_000);
    opens_for::<24>(1 << 25);
}

#[test]
fn only_a_step_back_of_more_than_is_allowed_reads_as_a_turn() {
    assert_eq!(elapsed(0, STEP_BACK), 0);
    assert_eq!(elapsed(0, STEP_BACK + 1), u32::MAX - STEP_BACK);
}

#[test]
fn a_clock_of_64_bits_is_read_modulo_2_to_the_32nd() {
    assert_eq!(Wrapping(|| u64::from(u32::MAX) + 6).now(), 5);
}

#[test]
fn only_a_clock_of_64_bits_tells_all_of_them() {
    let clock = Wrapping(|| (7 << 32) + 42);
    assert_eq!(clock.now_64(), Some((7 << 32) + 42));
    assert_eq!(Clock::now_64(&&clock), Some((7 << 32) + 42));
    assert_eq!(Clock::now(&&clock), 42);
    assert_eq!(ManualClock::new(42).now_64(), None);
}

/// The reading is held up between its load of the latest tick and that of the counter.
#[test]
fn a_reading_that_is_interrupted_for_a_turn_does_not_go_back() {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);
    static CLOCK: Widened<24, fn() -> u32> = Widened::new(|| {
        // The handler reads the clock twice a turn, which is more than it must.
        if IS_INTERRUPTED.swap(false, Relaxed) {
            for _ in 0..2 {
                COUNTER.fetch_add(1 << 23, Relaxed);
                CLOCK.now();
            }
        }
        COUNTER.load(Relaxed) & 0xff_ffff
    });
    IS_INTERRUPTED.store(true, Relaxed);
    assert_eq!(CLOCK.now(), 1 << 24);
}

proptest! {
    #[test]
    fn a_widened_counter_shows_the_time_that_has_passed(
        start in any::<u32>(),
        steps in prop::collection::vec(prop_oneof![0..3_u32, 0xfff0..=0xffff_u32, 0..=0xffff_u32], 1..60),
    ) {
        let time = ManualClock::new(start);
        let clock = Widened::<16, _>::new(counter::<16>(&time));
        let first = clock.now();
        for step in steps {
            time.advance(step);
            prop_assert_eq!(clock.now().wrapping_sub(first), time.now().wrapping_sub(start));
        }
    }
}
