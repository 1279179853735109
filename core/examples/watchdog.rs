//! A reading that hangs until the watchdog resets the board.
//!
//! A reset forgets the breaker, and the watchdog bites again, for ever. So count the calls
//! that were begun and not ended in memory that a reset leaves alone, and trip the breaker
//! at boot when there are too many.

use microbreaker::clock::ManualClock;
use microbreaker::{Breaker, CallError, Config, Phase};

const POLICY: Config = Config::new().consecutive_failures(3).open_for(60_000);

/// The watchdog has bitten in this many calls when the breaker is tripped at boot.
const BITES: u32 = 3;

/// Why the board stops.
#[derive(Debug, PartialEq)]
enum End {
    /// The watchdog has bitten.
    Bitten,
    /// It runs, without the sensor.
    Runs,
}

/// What a reset leaves alone. On a board, a `static` in a section such as `.uninit`, beside
/// a number that tells whether the power was off meanwhile.
#[derive(Default)]
struct Kept {
    /// Calls in a row that were begun, and in which the watchdog bit.
    unended: u32,
}

/// Stands for a driver that waits for ever.
fn measure() -> Result<u32, End> {
    Err(End::Bitten)
}

/// The board, from a reset to the next; `uses` what it has kept, or not.
fn boot(kept: &mut Kept, uses: bool) -> End {
    let millis = ManualClock::new(0);
    let sensor = Breaker::new(POLICY, (), &millis);
    if uses && kept.unended >= BITES {
        sensor.trip();
    }
    for _ in 0..10 {
        let reading = sensor.call(|| {
            kept.unended += 1;
            let answer = measure()?;
            kept.unended = 0;
            Ok(answer)
        });
        match reading {
            // Nothing after the call would run.
            Err(CallError::Failed(end)) => return end,
            Err(CallError::Rejected(_)) => assert_eq!(sensor.phase(), Phase::Open),
            Ok(_) => unreachable!("the sensor hangs"),
        }
    }
    End::Runs
}

/// How often the board boots until it runs, at most `most` times.
fn boots(uses: bool, most: usize) -> usize {
    let mut kept = Kept::default();
    (1..=most).find(|_| boot(&mut kept, uses) == End::Runs).unwrap_or(most)
}

fn main() {
    let (without, with) = (boots(false, 100), boots(true, 100));
    println!("{without} boots, and the watchdog bit in each");
    println!("{with} boots with the count kept: the last one runs without the sensor");
    assert_eq!(without, 100);
    assert_eq!(with, 4);
}
