//! The same calls, guarded by breakers with different policies, side by side.
//!
//! `cargo run -p microbreaker --example policies`

use microbreaker::window::Window;
use microbreaker::{
    Breaker, Config, Outcome, ShortWindow, TimeWindow, WithSlow, clock::ManualClock,
};

/// A call every 10 ticks: `.` succeeds, `x` fails, `s` succeeds after 30 ticks; a space
/// is no call.
const CALLS: &str = "..x.x.      x...x.x.x.x.......xxxx........ssss........";

/// The same calls through a breaker: `-` was refused.
fn guarded<W: Window>(config: Config, window: W) -> String {
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(config.open_for(55), window, &clock);
    let seen = CALLS.chars().map(|call| {
        clock.advance(10);
        if call == ' ' {
            return ' ';
        }
        let Ok(permit) = breaker.try_acquire() else { return '-' };
        let permit = permit.took(if call == 's' { 30 } else { 1 });
        permit.finish(if call == 'x' { Outcome::Failure } else { Outcome::Success });
        call
    });
    seen.collect()
}

fn main() {
    let config = Config::new();
    let in_a_row = config.consecutive_failures(3);
    let of_the_last = config.failures_in_window(3).last_calls(8);
    let rate = config.failure_rate(50).min_calls(8).last_calls(8);
    let within = config.failures_in_window(3).bucket(15);
    let slow = config.slow_rate(50).slow_after(20).min_calls(4).last_calls(4);

    let short = ShortWindow::new;
    let lines = [
        ("no breaker", CALLS.into()),
        ("3 in a row", guarded(in_a_row, ())),
        ("3 of the last 8", guarded(of_the_last, short())),
        ("50 % of the last 8", guarded(rate, short())),
        ("3 within 4 x 15 ticks", guarded(within, TimeWindow::<4>::new())),
        ("half of the last 4 slow", guarded(slow, WithSlow::new(short(), short()))),
    ];
    for (policy, line) in &lines {
        println!("{policy:>24}  {line}");
    }
    let expected = [
        "..x.x.      x...x.x.x.x.......xxxx........ssss........",
        "..x.x.      x...x.x.x.x.......xxx-----....ssss........",
        "..x.x.      x-----x-----......xxx-----....ssss........",
        "..x.x.      x...x.x.x.x-----..xxxx........ssss........",
        "..x.x.      x...x.x.x-----....xxx-----....ssss........",
        "..x.x.      x...x.x.x.x.......xxxx........ss-----.....",
    ];
    assert_eq!(lines.map(|(_, line)| line), expected);
}
