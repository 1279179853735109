//! After how many calls each policy trips, on average, if calls fail independently of each
//! other at some rate: the table in `docs/policies.md`. A bucket's are computed, those of
//! a window simulated.
//!
//! `cargo run --release -p microbreaker-model --example calls_until_a_trip`

use microbreaker::{Breaker, Config, CountWindow, Leak, Phase, ShortWindow, window::Window};

/// In percent.
const FAILING: [u32; 5] = [1, 10, 20, 50, 100];
/// A simulation ends after this many trips, or this many calls.
const TRIPS: u32 = 100_000;
const CALLS: u32 = 1_000_000_000;

fn main() {
    println!("| policy | 1 % | 10 % | 20 % | 50 % | 100 % |\n|---|---:|---:|---:|---:|---:|");
    // Failures in a row are a bucket that a success empties.
    exact("5 failures in a row", Leak::new(1, 5, 5));
    let config = Config::new().open_for(1);
    simulated(
        "5 of the last 16",
        Breaker::new(config.failures_in_window(5).last_calls(16), ShortWindow::new(), || 0),
    );
    let half = config.failure_rate(50).min_calls(10).last_calls(20);
    simulated(
        "50 % of the last 20, from 10 calls on",
        Breaker::new(half, CountWindow::<3>::new(), || 0),
    );
    let tenth = config.failure_rate(10).min_calls(100).last_calls(100);
    simulated("10 % of the last 100", Breaker::new(tenth, CountWindow::<7>::new(), || 0));
    let leak = Leak::new(14, 1, 100);
    exact("leaky bucket, +14 / -1 at 100", leak);
    let leak = Leak::designed(0.01, 0.1, 1e6);
    let (up, down, limit) = (leak.up(), leak.down(), leak.limit());
    exact(
        &format!("leaky bucket, `Leak::designed(0.01, 0.1, 1e6)`: +{up} / -{down} at {limit}"),
        leak,
    );
}

fn exact(policy: &str, leak: Leak) {
    row(policy, |failing| {
        rounded(leak.calls_until_trip(failing).expect("one step divides the other"))
    });
}

fn simulated<W: Window>(policy: &str, breaker: Breaker<W, fn() -> u32>) {
    row(policy, |failing| {
        let (trips, calls) = simulate(&breaker, failing);
        let average = f64::from(calls) / f64::from(trips.max(1));
        // A few trips say little about the average.
        if trips < 1_000 {
            format!("over {}", rounded(f64::from(CALLS) / 1e3))
        } else {
            rounded(average)
        }
    });
}

/// Calls `breaker` until it has tripped often enough. Returns the trips and the calls.
fn simulate<W: Window>(breaker: &Breaker<W, fn() -> u32>, failing: f64) -> (u32, u32) {
    // A call fails if the next random number is below this.
    let below = (failing * 2_f64.powi(64)) as u64;
    let mut random = 0x5eed_u64;
    let (mut trips, mut calls) = (0, 0);
    breaker.reset();
    while trips < TRIPS && calls < CALLS {
        // Marsaglia's xorshift.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let _ = breaker.call(|| if random <= below { Err(()) } else { Ok(()) });
        calls += 1;
        if random <= below && breaker.phase() == Phase::Open {
            trips += 1;
            breaker.reset();
        }
    }
    (trips, calls)
}

fn row(policy: &str, calls: impl Fn(f64) -> String) {
    let cells: Vec<_> = FAILING.iter().map(|percent| calls(f64::from(*percent) / 100.0)).collect();
    println!("| {policy} | {} |", cells.join(" | "));
}

/// To three digits.
fn rounded(calls: f64) -> String {
    if calls < 1e3 {
        let text = format!("{calls:.1}");
        text.trim_end_matches(".0").to_owned()
    } else if calls < 1e6 {
        let unit = 10_f64.powi(calls.log10() as i32 - 2);
        format!("{}", ((calls / unit).round() * unit) as u64)
    } else {
        format!("{calls:.2e}")
    }
}
