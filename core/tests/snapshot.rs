//! What is shown of a breaker.

use microbreaker::clock::ManualClock;
use microbreaker::{Breaker, Config, CountWindow, WithSlow};

const CONFIG: Config =
    Config::new().failure_rate(100).slow_rate(100).slow_after(9).last_calls(16).open_for(50);

#[test]
fn rates_are_rounded_to_tenths_of_a_percent() {
    let clock = ManualClock::new(0);
    let window = WithSlow::new(CountWindow::<3>::new(), CountWindow::new());
    let breaker = Breaker::new(CONFIG.min_calls(3), window, &clock);
    let rates = || {
        let snapshot = breaker.snapshot();
        (snapshot.failure_permille(), snapshot.slow_permille())
    };
    breaker.try_acquire().unwrap().success();
    let slow = breaker.try_acquire().unwrap();
    clock.advance(10);
    slow.failure();
    assert_eq!(rates(), (None, None), "of too few calls");
    breaker.try_acquire().unwrap().failure();
    assert_eq!(rates(), (Some(667), Some(333)));
    breaker.try_acquire().unwrap().failure();
    assert_eq!(rates(), (Some(750), Some(250)));
}

#[test]
fn there_is_no_rate_of_slow_calls_where_they_are_not_watched() {
    let config = Config::new().failure_rate(100).last_calls(16).open_for(50);
    let breaker = Breaker::new(config, CountWindow::<3>::new(), || 0);
    breaker.try_acquire().unwrap().success();
    assert_eq!(breaker.snapshot().failure_permille(), Some(0));
    assert_eq!(breaker.snapshot().slow_permille(), None);
}
