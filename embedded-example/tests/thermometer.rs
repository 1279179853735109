//! The thermometer on a scripted bus. `embedded-hal-mock` panics at a transaction that is
//! not in the script, and `done` panics if one is left over.

use std::cell::Cell;

use embedded_example::{
    LATE_AFTER, Reading, Report, SENSOR_ADDRESS, SensorWindow, TappedI2c, Thermometer, WINDOW,
    policy, waits, window,
};
use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
use microbreaker::{Breaker, Phase, clock::ManualClock};

const FRESH: Option<Reading> = Some(Reading { celsius: 21.5, stale: false });
const STALE: Option<Reading> = Some(Reading { celsius: 21.5, stale: true });

/// A read of the temperature, which the sensor answers: 21.5 degrees.
fn answer() -> Transaction {
    Transaction::write_read(SENSOR_ADDRESS, vec![0], vec![0x15, 0x80])
}

/// A read of the temperature, which the sensor does not acknowledge.
fn silence() -> Transaction {
    answer().with_error(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address))
}

fn breaker(clock: &ManualClock) -> Breaker<SensorWindow, &ManualClock> {
    Breaker::new(policy(1), window(), clock)
}

#[test]
fn refused_calls_leave_the_bus_alone_and_serve_the_last_reading() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut bus = Mock::new(&[answer(), silence(), silence(), silence()]);
    let transactions = Cell::new(0);
    let counting = TappedI2c::new(bus.clone(), || transactions.set(transactions.get() + 1));
    let mut thermometer = Thermometer::new(counting, &breaker);

    assert_eq!(thermometer.read(), FRESH);
    for _ in 0..3 {
        assert_eq!(breaker.phase(), Phase::Closed);
        assert_eq!(thermometer.read(), STALE);
    }
    assert_eq!(breaker.phase(), Phase::Open);
    for _ in 0..10 {
        assert_eq!(thermometer.read(), STALE);
    }

    assert_eq!(thermometer.report(), Report { readings: 1, failures: 3, refused: 10 });
    assert_eq!(transactions.get(), thermometer.report().made());
    bus.done();
}

#[test]
fn probes_detect_that_the_sensor_is_back() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut bus =
        Mock::new(&[answer(), silence(), silence(), silence(), silence(), answer(), answer()]);
    let mut thermometer = Thermometer::new(bus.clone(), &breaker);

    assert_eq!(thermometer.read(), FRESH);
    for _ in 0..3 {
        assert_eq!(thermometer.read(), STALE);
    }

    clock.advance(*waits(0).end());
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    assert_eq!(thermometer.read(), STALE, "still gone");
    assert_eq!(breaker.phase(), Phase::Open);

    clock.advance(*waits(1).end());
    assert_eq!(thermometer.read(), FRESH, "back");
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    assert_eq!(thermometer.read(), FRESH);
    assert_eq!(breaker.phase(), Phase::Closed);
    bus.done();
}

#[test]
fn openings_get_longer_until_the_sensor_is_back() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let outage = || [vec![silence(); 3 + 4], vec![answer(); 2]].concat();
    let mut bus = Mock::new(&[outage(), outage()].concat());
    let mut thermometer = Thermometer::new(bus.clone(), &breaker);

    for _ in 0..2 {
        for _ in 0..3 {
            thermometer.read();
        }
        for level in 0..5 {
            let wait = breaker.snapshot().retry_after.expect("it is open");
            assert!(waits(level).contains(&wait), "{wait} at level {level}");
            clock.advance(wait - 1);
            assert_eq!(breaker.phase(), Phase::Open);
            clock.advance(1);
            thermometer.read();
        }
        thermometer.read();
        assert_eq!(breaker.phase(), Phase::Closed);
    }
    assert_eq!([0, 1, 2, 3, 15].map(|level| *waits(level).start()), [200, 400, 800, 800, 800]);
    bus.done();
}

#[test]
fn failures_are_forgotten_after_a_second() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut bus = Mock::new(&vec![silence(); 2 + 2 + 1]);
    let mut thermometer = Thermometer::new(bus.clone(), &breaker);

    for _ in 0..2 {
        clock.advance(WINDOW);
        assert_eq!(breaker.tally().failed, 0);
        thermometer.read();
        thermometer.read();
        assert_eq!(breaker.tally().failed, 2);
        assert_eq!(breaker.phase(), Phase::Closed);
    }
    clock.advance(WINDOW / 2);
    thermometer.read();
    assert_eq!(breaker.phase(), Phase::Open, "three within a second");
    bus.done();
}

#[test]
fn late_answers_open_it_although_no_call_fails() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let takes = Cell::new(LATE_AFTER);
    let mut bus = Mock::new(&vec![answer(); 4 + 4 + 1 + 2]);
    let jig = TappedI2c::new(bus.clone(), || clock.advance(takes.get()));
    let mut thermometer = Thermometer::new(jig, &breaker);

    for _ in 0..4 {
        thermometer.read();
    }
    takes.set(LATE_AFTER + 1);
    for _ in 0..4 {
        assert_eq!(breaker.phase(), Phase::Closed, "most were in time");
        assert_eq!(thermometer.read(), FRESH, "late, but not wrong");
    }
    assert_eq!(breaker.phase(), Phase::Open, "half were late");
    assert_eq!(thermometer.read(), STALE);

    clock.advance(*waits(0).end());
    assert_eq!(thermometer.read(), FRESH);
    assert_eq!(breaker.phase(), Phase::Open, "a late probe has failed");

    clock.advance(*waits(1).end());
    takes.set(LATE_AFTER);
    thermometer.read();
    thermometer.read();
    assert_eq!(breaker.phase(), Phase::Closed);
    assert_eq!(thermometer.report().failures, 0);
    bus.done();
}

#[test]
fn there_is_no_reading_before_the_sensor_has_answered() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut bus = Mock::new(&[silence()]);
    let mut thermometer = Thermometer::new(bus.clone(), &breaker);

    assert_eq!(thermometer.read(), None);
    breaker.trip();
    assert_eq!(thermometer.read(), None);
    bus.done();
}
