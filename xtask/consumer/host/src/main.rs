//! Guards calls with a breaker in a `static`, and with a named one of the adapter.

use microbreaker::clock::ManualClock;
use microbreaker::{Breaker, Config, ShortWindow};
use microbreaker_std::clock::PausedClock;
use std::time::Duration;

static CLOCK: ManualClock = ManualClock::new(0);

static PARSER: Breaker<ShortWindow, &ManualClock> = Breaker::new(
    Config::new().failures_in_window(2).last_calls(8).open_for(500),
    ShortWindow::new(),
    &CLOCK,
);

fn main() -> Result<(), microbreaker_std::BuildError> {
    let named = microbreaker_std::Breaker::builder("parser")
        .failures_in_window(2)
        .last_calls(8)
        .open_for(Duration::from_millis(500))
        .clock(PausedClock::new())
        .build()?;
    for text in ["1", "one", "two", "2"] {
        match PARSER.call(|| text.parse::<u32>()) {
            Ok(number) => println!("static: {number}"),
            Err(error) => println!("static: {error}"),
        }
        match named.call(|| text.parse::<u32>()) {
            Ok(number) => println!("named: {number}"),
            Err(error) => println!("named: {error}"),
        }
    }
    Ok(())
}
