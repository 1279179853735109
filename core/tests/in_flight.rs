//! A slot for a call that ends elsewhere, as one thread sees it. The models in
//! `loom-tests/tests/in_flight.rs` race its ends.

use microbreaker::{Breaker, Config, InFlight, Outcome, Phase, ShortWindow};

type Sensor = Breaker<ShortWindow, fn() -> u32>;

fn sensor() -> Sensor {
    let config = Config::new().failures_in_window(2).last_calls(8).open_for(500);
    Breaker::new(config, ShortWindow::new(), || 0)
}

#[test]
fn the_first_end_counts_and_the_second_is_told() {
    let (sensor, slot) = (sensor(), InFlight::new());
    assert!(!slot.is_under_way());
    slot.put(sensor.try_acquire().unwrap()).unwrap();
    assert!(slot.is_under_way());
    assert!(slot.finish(&sensor, Outcome::Failure));
    assert!(!slot.is_under_way());
    assert!(!slot.finish(&sensor, Outcome::Success), "too late");
    assert_eq!((sensor.tally().calls, sensor.tally().failed), (1, 1));
}

#[test]
fn an_empty_slot_ends_nothing() {
    let (sensor, slot) = (sensor(), InFlight::new());
    assert!(slot.take().is_none());
    assert!(!slot.finish(&sensor, Outcome::Failure));
    assert_eq!(sensor.tally().calls, 0);
}

#[test]
fn a_second_transfer_gets_its_permit_back() {
    let (sensor, slot) = (sensor(), InFlight::new());
    slot.put(sensor.try_acquire().unwrap()).unwrap();
    let refused = slot.put(sensor.try_acquire().unwrap()).unwrap_err();
    refused.failure();
    assert!(slot.finish(&sensor, Outcome::Failure));
    assert_eq!(sensor.phase(), Phase::Open);
}

#[test]
fn a_call_that_is_taken_out_is_finished_as_a_permit() {
    let (sensor, slot) = (sensor(), InFlight::default());
    slot.put(sensor.try_acquire().unwrap()).unwrap();
    let token = slot.take().unwrap();
    assert!(slot.take().is_none());
    sensor.resume(token).success();
    assert_eq!(sensor.tally().calls, 1);
}
