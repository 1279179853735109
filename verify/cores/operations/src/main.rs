//! One function for each operation of the public API, on breakers with everything configured
//! that can be.
//!
//! In the linked program, `cargo xtask firmware --all` follows what each function refers to,
//! and so finds out whether it can panic and whether it masks interrupts. The program itself
//! measures for how many instructions it masks them.

#![no_std]
#![no_main]

mod operation;

use core::hint::black_box;

use microbreaker::{
    Breaker, Config, CountWindow, Leak, LeakyBucket, Throttle, ThrottleConfig, TimeWindow,
    WithSlow, clock::ManualClock,
};
use semihosting::{println, process};

use operation::{Site, Subject, breaker, throttle};

static CLOCK: ManualClock = ManualClock::new(0);

const COMMON: Config = Config::new()
    .consecutive_failures(3)
    .failures_in_window(2)
    .failure_rate(50)
    .slow_rate(50)
    .slow_after(10)
    .min_calls(3)
    .open_for(100)
    .backoff(2, 400)
    .jitter(20, 7)
    .probes(3)
    .probe_rate_after(2)
    .ramp([10, 50], 20)
    .abandoned_fails();

/// The last 16 calls, in a leaky bucket.
struct ByCount;

impl Site for ByCount {
    type Window = LeakyBucket<WithSlow<CountWindow<3>>>;

    fn breaker() -> &'static Subject<Self::Window> {
        static CONFIG: Config = COMMON.leaky_bucket(Leak::new(14, 1, 100)).last_calls(16);
        static BREAKER: Subject<LeakyBucket<WithSlow<CountWindow<3>>>> = Breaker::in_flash(
            &CONFIG,
            LeakyBucket::new(WithSlow::new(CountWindow::new(), CountWindow::new())),
            &CLOCK,
            (),
        );
        &BREAKER
    }
}

/// The last 5 buckets.
struct ByTime;

impl Site for ByTime {
    type Window = WithSlow<TimeWindow<5>>;

    fn breaker() -> &'static Subject<Self::Window> {
        static CONFIG: Config = COMMON.bucket(20);
        static BREAKER: Subject<WithSlow<TimeWindow<5>>> = Breaker::in_flash(
            &CONFIG,
            WithSlow::new(TimeWindow::new(), TimeWindow::new()),
            &CLOCK,
            (),
        );
        &BREAKER
    }
}

static THROTTLE: Throttle<TimeWindow<5>, &ManualClock> =
    Throttle::new(ThrottleConfig::new(7).bucket(20), TimeWindow::new(), &CLOCK);

#[emulator::entry]
fn main() -> ! {
    can_panic();
    let by_count = breaker::<ByCount>().into_iter();
    let operations = by_count.chain(breaker::<ByTime>()).chain(throttle());
    let masked = operations.map(masked).max();
    println!("{}", masked.unwrap_or_default());
    process::exit(0)
}

/// Can panic, to show that the check would find it.
#[inline(never)]
fn can_panic() {
    assert!(black_box(true));
}

/// The most instructions for which `operation` masks interrupts at a time.
fn masked(operation: fn()) -> u32 {
    let late = |operation: fn()| {
        let interrupted = |k| emulator::interrupted(k, &|| CLOCK.advance(1), &mut { operation });
        (1..).map_while(interrupted).max().unwrap_or_default()
    };
    // The handler always takes some instructions before it reads the clock.
    late(operation) - late(emulator::hundred_nops)
}
