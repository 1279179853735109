//! Guards calls and futures with breakers in `static`s, and calls with a named one of the
//! adapter.

use microbreaker::clock::ManualClock;
use microbreaker::{Breaker, Config, ShortWindow};
use microbreaker_std::clock::PausedClock;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

static CLOCK: ManualClock = ManualClock::new(0);

const POLICY: Config = Config::new().failures_in_window(2).last_calls(8).open_for(500);

static PARSER: Breaker<ShortWindow, &ManualClock> =
    Breaker::new(POLICY, ShortWindow::new(), &CLOCK);
static POLLED: Breaker<ShortWindow, &ManualClock> =
    Breaker::new(POLICY, ShortWindow::new(), &CLOCK);

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
        let call = pin!(POLLED.call_async(async { text.parse::<u32>() }));
        match call.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(number)) => println!("polled: {number}"),
            Poll::Ready(Err(error)) => println!("polled: {error}"),
            Poll::Pending => println!("polled: pending"),
        }
        match named.call(|| text.parse::<u32>()) {
            Ok(number) => println!("named: {number}"),
            Err(error) => println!("named: {error}"),
        }
    }
    Ok(())
}
