//! The thermometer on a scripted bus: `embedded-hal-mock` fails on a
//! transaction that is not in the script, and `done` on one that is left over.

use std::cell::Cell;

use embedded_example::{CountingI2c, POLICY, Reading, Report, SENSOR_ADDRESS, Thermometer};
use embedded_hal::i2c::{ErrorKind, NoAcknowledgeSource};
use embedded_hal_mock::eh1::i2c::{Mock, Transaction};
use microbreaker::{Breaker, ManualClock, Phase};

const FRESH: Option<Reading> = Some(Reading { celsius: 21.5, stale: false });
const STALE: Option<Reading> = Some(Reading { celsius: 21.5, stale: true });

/// The sensor is asked for its temperature, and answers 21.5 degrees.
fn answer() -> Transaction {
    Transaction::write_read(SENSOR_ADDRESS, vec![0], vec![0x15, 0x80])
}

/// The sensor is asked for its temperature, and nobody is there.
fn silence() -> Transaction {
    answer().with_error(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address))
}

#[test]
fn refused_calls_leave_the_bus_alone_and_serve_the_last_reading() {
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(POLICY, (), &clock);
    let mut bus = Mock::new(&[answer(), silence(), silence(), silence()]);
    let transactions = Cell::new(0);
    let counting = CountingI2c::new(bus.clone(), &transactions);
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
fn probes_find_out_whether_the_sensor_is_back() {
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(POLICY, (), &clock);
    let mut bus =
        Mock::new(&[answer(), silence(), silence(), silence(), silence(), answer(), answer()]);
    let mut thermometer = Thermometer::new(bus.clone(), &breaker);

    assert_eq!(thermometer.read(), FRESH);
    for _ in 0..3 {
        assert_eq!(thermometer.read(), STALE);
    }

    clock.advance(500);
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    assert_eq!(thermometer.read(), STALE, "still gone");
    assert_eq!(breaker.phase(), Phase::Open);

    clock.advance(500);
    assert_eq!(thermometer.read(), FRESH, "back");
    assert_eq!(breaker.phase(), Phase::HalfOpen);
    assert_eq!(thermometer.read(), FRESH);
    assert_eq!(breaker.phase(), Phase::Closed);
    bus.done();
}

#[test]
fn there_is_no_reading_before_the_sensor_answered_once() {
    let clock = ManualClock::new(0);
    let breaker = Breaker::new(POLICY, (), &clock);
    let mut bus = Mock::new(&[silence()]);
    let mut thermometer = Thermometer::new(bus.clone(), &breaker);

    assert_eq!(thermometer.read(), None);
    breaker.trip();
    assert_eq!(thermometer.read(), None);
    bus.done();
}
