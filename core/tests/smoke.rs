use microbreaker::*;
static CLOCK: ManualClock = ManualClock::new(0);
static B: Breaker<CountWindow<3>, &ManualClock, Counters> = Breaker::observed(
    Config::new().failures_in_window(3).last_calls(16).open_for(500).probes(2),
    CountWindow::new(),
    &CLOCK,
    Counters::new(),
);
#[test]
fn smoke() {
    for _ in 0..100 {
        B.try_acquire().unwrap().success();
    }
    for _ in 0..2 {
        B.try_acquire().unwrap().failure();
    }
    assert_eq!(B.phase(), Phase::Closed);
    assert_eq!(B.tally(), {
        let mut t = Tally::default();
        t.calls = 16;
        t.failed = 2;
        t
    });
    let _ = B.call(|| Err::<(), ()>(()));
    assert_eq!(B.phase(), Phase::Open);
    CLOCK.advance(499);
    assert_eq!(B.try_acquire().unwrap_err().retry_after, Some(1));
    CLOCK.advance(1);
    assert_eq!(B.phase(), Phase::HalfOpen);
    let p = B.try_acquire().unwrap();
    let q = B.try_acquire().unwrap();
    assert!(B.try_acquire().is_err());
    drop(p);
    let p = B.try_acquire().unwrap();
    p.success();
    q.success();
    assert_eq!(B.phase(), Phase::Closed);
    assert_eq!(B.tally().calls, 0);
    for _ in 0..700 {
        B.reset();
        B.try_acquire().unwrap().failure();
        assert_eq!(B.tally().calls, 1);
        assert_eq!(B.tally().failed, 1);
    }
    B.trip_for(20_000_001);
    assert_eq!(B.try_acquire().unwrap_err().retry_after, Some(20_000_001));
    B.trip_for(1000);
    assert_eq!(B.try_acquire().unwrap_err().retry_after, Some(1000));
    B.trip();
    assert_eq!(B.try_acquire().unwrap_err().retry_after, Some(500));
}
