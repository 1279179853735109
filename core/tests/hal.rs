//! Guarded buses, as seen by a driver and by the application above it.
#![cfg(feature = "embedded-hal")]

use std::cell::Cell;
use std::sync::Barrier;
use std::thread;

use embedded_hal::i2c::{self, I2c, NoAcknowledgeSource};
use embedded_hal::spi::{self, SpiDevice};
use embedded_hal_bus::i2c::{AtomicDevice, AtomicError};
use embedded_hal_bus::util::AtomicCell;
use microbreaker::hal::{GuardedI2c, GuardedSpiDevice};
use microbreaker::{Breaker, CallError, Config, Counters, Outcome, Phase, clock::ManualClock};

type Guarding<'a> = Breaker<(), &'a ManualClock, Counters>;

fn breaker(clock: &ManualClock) -> Guarding<'_> {
    let config = Config::new().consecutive_failures(3).open_for(100);
    Breaker::observed(config, (), clock, Counters::new())
}

/// A device with one register; counts the transactions on its bus.
#[derive(Debug)]
struct Device<K> {
    register: u8,
    transactions: u32,
    /// The result of every transaction.
    broken: Option<K>,
}

impl<K: Copy> Device<K> {
    fn sound() -> Self {
        Self { register: 0x42, transactions: 0, broken: None }
    }

    fn broken(with: K) -> Self {
        Self { broken: Some(with), ..Self::sound() }
    }

    fn transact(&mut self) -> Result<u8, K> {
        self.transactions += 1;
        self.broken.map_or(Ok(self.register), Err)
    }
}

impl i2c::ErrorType for Device<i2c::ErrorKind> {
    type Error = i2c::ErrorKind;
}

impl I2c for Device<i2c::ErrorKind> {
    fn transaction(
        &mut self,
        _: u8,
        operations: &mut [i2c::Operation<'_>],
    ) -> Result<(), Self::Error> {
        let value = self.transact()?;
        for operation in operations {
            if let i2c::Operation::Read(buffer) = operation {
                buffer.fill(value);
            }
        }
        Ok(())
    }
}

impl spi::ErrorType for Device<spi::ErrorKind> {
    type Error = spi::ErrorKind;
}

impl SpiDevice for Device<spi::ErrorKind> {
    fn transaction(
        &mut self,
        operations: &mut [spi::Operation<'_, u8>],
    ) -> Result<(), Self::Error> {
        let value = self.transact()?;
        for operation in operations {
            match operation {
                spi::Operation::Read(buffer)
                | spi::Operation::Transfer(buffer, _)
                | spi::Operation::TransferInPlace(buffer) => buffer.fill(value),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A driver that knows nothing about breakers.
struct Thermometer<I>(I);

impl<I: I2c> Thermometer<I> {
    fn celsius(&mut self) -> Result<u8, I::Error> {
        let mut buffer = [0];
        self.0.write_read(0x48, &[0], &mut buffer)?;
        Ok(buffer[0])
    }
}

struct Flash<D>(D);

impl<D: SpiDevice> Flash<D> {
    fn id(&mut self) -> Result<u8, D::Error> {
        let mut buffer = [0];
        self.0.transaction(&mut [
            spi::Operation::Write(&[0x9f]),
            spi::Operation::Read(&mut buffer),
        ])?;
        Ok(buffer[0])
    }
}

const NACK: i2c::ErrorKind = i2c::ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);

#[test]
fn a_driver_works_on_a_guarded_i2c() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut bus = Device::sound();
    assert_eq!(Thermometer(GuardedI2c::new(&mut bus, &breaker)).celsius(), Ok(0x42));
    assert_eq!(bus.transactions, 1, "write_read is one transaction");
    assert_eq!(breaker.observer().counts().successes, 1);
}

#[test]
fn no_i2c_transaction_while_open() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut bus = Device::broken(NACK);
    let mut sensor = Thermometer(GuardedI2c::new(&mut bus, &breaker));
    for _ in 0..3 {
        assert_eq!(sensor.celsius(), Err(CallError::Failed(NACK)));
    }
    for _ in 0..10 {
        let refused = sensor.celsius().unwrap_err();
        assert_eq!(refused.rejected().unwrap().retry_after, Some(100));
    }
    let bus = sensor.0.release();
    assert_eq!(bus.transactions, 3);

    bus.broken = None;
    clock.advance(100);
    let mut sensor = Thermometer(GuardedI2c::new(bus, &breaker));
    assert_eq!(sensor.celsius(), Ok(0x42));
    assert_eq!(sensor.0.gate().phase(), Phase::Closed);
}

#[test]
fn every_i2c_method_is_guarded() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut bus = GuardedI2c::new(Device::sound(), &breaker);
    let mut buffer = [0];
    breaker.force_open();
    let answers = [
        bus.read(0x48, &mut buffer),
        bus.write(0x48, &[0]),
        bus.write_read(0x48, &[0], &mut buffer),
        bus.transaction(0x48, &mut [i2c::Operation::Write(&[0])]),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(CallError::Rejected(_))));
    }
    breaker.reset();
    bus.read(0x48, &mut buffer).unwrap();
    bus.write(0x48, &[0]).unwrap();
    bus.write_read(0x48, &[0], &mut buffer).unwrap();
    bus.transaction(0x48, &mut [i2c::Operation::Write(&[0])]).unwrap();
    assert_eq!(bus.release().transactions, 4, "none while open, one each otherwise");
    assert_eq!(breaker.observer().counts().successes, 4);
}

#[test]
fn an_i2c_error_keeps_its_kind_and_a_refusal_is_of_kind_other() {
    use i2c::Error;
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let broken = Device::broken(NACK);
    let mut bus = GuardedI2c::new(broken, &breaker);
    assert_eq!(bus.write(0x48, &[]).unwrap_err().kind(), NACK);
    breaker.trip();
    assert_eq!(bus.write(0x48, &[]).unwrap_err().kind(), i2c::ErrorKind::Other);
}

#[test]
fn an_i2c_classifier_decides_what_counts() {
    // Losing arbitration means another controller is talking; it is not a fault.
    fn classify(kind: &i2c::ErrorKind) -> Outcome {
        match kind {
            i2c::ErrorKind::ArbitrationLoss => Outcome::Ignored,
            i2c::ErrorKind::Bus => Outcome::FailureOpenFor(7),
            _ => Outcome::Failure,
        }
    }

    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut device = Device::broken(i2c::ErrorKind::ArbitrationLoss);
    let mut bus = GuardedI2c::classified(&mut device, &breaker, classify);
    for _ in 0..10 {
        assert!(matches!(bus.write(0x48, &[]), Err(CallError::Failed(_))));
    }
    assert_eq!(breaker.phase(), Phase::Closed);
    assert_eq!(breaker.observer().counts().ignored, 10);

    device.broken = Some(i2c::ErrorKind::Bus);
    let mut bus = GuardedI2c::classified(&mut device, &breaker, classify);
    assert!(bus.write(0x48, &[]).is_err());
    assert_eq!(bus.write(0x48, &[]).unwrap_err().rejected().unwrap().retry_after, Some(7));
}

#[test]
fn two_devices_on_one_bus_may_share_a_breaker() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let broken = || Device::broken(NACK);
    let mut first = Thermometer(GuardedI2c::new(broken(), &breaker));
    let mut second = Thermometer(GuardedI2c::new(broken(), &breaker));
    let _ = (first.celsius(), second.celsius(), first.celsius());
    assert!(second.celsius().unwrap_err().rejected().is_some());
}

#[test]
fn a_driver_works_on_a_guarded_spi_device() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut device = Device::sound();
    assert_eq!(Flash(GuardedSpiDevice::new(&mut device, &breaker)).id(), Ok(0x42));
    assert_eq!(device.transactions, 1);
    assert_eq!(breaker.observer().counts().successes, 1);
}

#[test]
fn no_spi_transaction_while_open() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut device = Device::broken(spi::ErrorKind::Overrun);
    let mut flash = Flash(GuardedSpiDevice::new(&mut device, &breaker));
    for _ in 0..3 {
        assert_eq!(flash.id(), Err(CallError::Failed(spi::ErrorKind::Overrun)));
    }
    for _ in 0..10 {
        assert!(flash.id().unwrap_err().rejected().is_some());
    }
    let device = flash.0.release();
    assert_eq!(device.transactions, 3);

    device.broken = None;
    clock.advance(100);
    let mut flash = Flash(GuardedSpiDevice::new(device, &breaker));
    assert_eq!(flash.id(), Ok(0x42));
    assert_eq!(flash.0.gate().phase(), Phase::Closed);
}

#[test]
fn every_spi_method_is_guarded() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut device = GuardedSpiDevice::new(Device::sound(), &breaker);
    let mut buffer = [0];
    breaker.force_open();
    let answers = [
        device.read(&mut buffer),
        device.write(&[0]),
        device.transfer(&mut buffer, &[0]),
        device.transfer_in_place(&mut buffer),
        device.transaction(&mut [spi::Operation::DelayNs(1)]),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(CallError::Rejected(_))));
    }
    breaker.reset();
    device.read(&mut buffer).unwrap();
    device.write(&[0]).unwrap();
    device.transfer(&mut buffer, &[0]).unwrap();
    device.transfer_in_place(&mut buffer).unwrap();
    device.transaction(&mut [spi::Operation::DelayNs(1)]).unwrap();
    assert_eq!(device.release().transactions, 5, "none while open, one each otherwise");
    assert_eq!(breaker.observer().counts().successes, 5);
}

#[test]
fn an_spi_error_keeps_its_kind_and_a_refusal_is_of_kind_other() {
    use spi::Error;
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let broken = Device::broken(spi::ErrorKind::ModeFault);
    let mut device = GuardedSpiDevice::new(broken, &breaker);
    assert_eq!(device.write(&[]).unwrap_err().kind(), spi::ErrorKind::ModeFault);
    breaker.trip();
    assert_eq!(device.write(&[]).unwrap_err().kind(), spi::ErrorKind::Other);
}

#[test]
fn an_spi_classifier_decides_what_counts() {
    fn classify(kind: &spi::ErrorKind) -> Outcome {
        match kind {
            spi::ErrorKind::ChipSelectFault => Outcome::Failure,
            _ => Outcome::Ignored,
        }
    }

    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    for (kind, failures) in [(spi::ErrorKind::Overrun, 0), (spi::ErrorKind::ChipSelectFault, 1)] {
        let broken = Device::broken(kind);
        let mut device = GuardedSpiDevice::classified(broken, &breaker, classify);
        assert_eq!(device.write(&[0]), Err(CallError::Failed(kind)));
        assert_eq!(breaker.observer().counts().failures, failures);
    }
}

/// A bus whose transactions last from one meeting at the barrier to the next.
struct Slow<'a>(&'a Barrier);

impl i2c::ErrorType for Slow<'_> {
    type Error = i2c::ErrorKind;
}

impl I2c for Slow<'_> {
    fn transaction(&mut self, _: u8, _: &mut [i2c::Operation<'_>]) -> Result<(), Self::Error> {
        self.0.wait();
        self.0.wait();
        Ok(())
    }
}

#[test]
fn a_bus_that_another_context_uses_says_nothing_about_the_device() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let meeting = Barrier::new(2);
    let bus = AtomicCell::new(Slow(&meeting));
    let of_device = |error: &AtomicError<i2c::ErrorKind>| match error {
        AtomicError::Busy => Outcome::Ignored,
        AtomicError::Other(_) => Outcome::Failure,
    };
    let mut sensor = GuardedI2c::classified(AtomicDevice::new(&bus), &breaker, of_device);
    thread::scope(|scope| {
        scope.spawn(|| AtomicDevice::new(&bus).write(0x50, &[]).unwrap());
        meeting.wait();
        for _ in 0..3 {
            let busy = sensor.write(0x48, &[]);
            assert!(matches!(busy, Err(CallError::Failed(AtomicError::Busy))));
        }
        meeting.wait();
    });
    assert_eq!(breaker.phase(), Phase::Closed);
    assert_eq!(breaker.observer().counts().ignored, 3);
}

#[test]
fn a_memory_that_does_not_acknowledge_while_it_writes_is_not_broken() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let writing = Cell::new(true);
    let nack = i2c::ErrorKind::NoAcknowledge(i2c::NoAcknowledgeSource::Address);
    let eeprom = Device::broken(nack);
    let mut eeprom =
        GuardedI2c::classified(eeprom, &breaker, |error: &i2c::ErrorKind| match error {
            i2c::ErrorKind::NoAcknowledge(_) if writing.get() => Outcome::Ignored,
            _ => Outcome::Failure,
        });
    for _ in 0..100 {
        assert!(eeprom.write(0x50, &[]).is_err());
    }
    assert_eq!(breaker.phase(), Phase::Closed, "polled while it writes");
    // Nothing that is done with the bare bus is guarded.
    eeprom.bus_mut().broken = None;
    assert!(eeprom.bus().broken.is_none());
    assert!(eeprom.write(0x50, &[]).is_ok());
    writing.set(false);
    eeprom.bus_mut().broken = Some(nack);
    while breaker.phase() == Phase::Closed {
        assert!(eeprom.write(0x50, &[]).is_err());
    }
}

/// The second register does not answer.
struct HalfBroken;

impl i2c::ErrorType for HalfBroken {
    type Error = i2c::ErrorKind;
}

impl I2c for HalfBroken {
    fn transaction(
        &mut self,
        _: u8,
        operations: &mut [i2c::Operation<'_>],
    ) -> Result<(), Self::Error> {
        match operations {
            [i2c::Operation::Write([0])] => Ok(()),
            _ => Err(NACK),
        }
    }
}

/// An operation of two transactions.
fn measure(bus: &mut impl I2c) -> Result<(), i2c::ErrorKind> {
    bus.write(0x48, &[0])
        .and_then(|()| bus.write(0x48, &[1]))
        .map_err(|error| i2c::Error::kind(&error))
}

#[test]
fn an_operation_whose_second_transaction_fails_trips_if_the_operation_is_guarded() {
    let clock = ManualClock::new(0);
    let (of_operations, of_transactions) = (breaker(&clock), breaker(&clock));
    let mut bus = GuardedI2c::new(HalfBroken, &of_transactions);
    for _ in 0..1_000 {
        assert_eq!(measure(&mut bus), Err(NACK));
    }
    assert_eq!(of_transactions.phase(), Phase::Closed, "never two failures in a row");
    for _ in 0..3 {
        assert_eq!(of_operations.call(|| measure(&mut HalfBroken)), Err(CallError::Failed(NACK)));
    }
    assert_eq!(of_operations.phase(), Phase::Open);
}

#[test]
fn a_dead_flash_answers_and_trips_only_if_its_answer_is_judged() {
    let clock = ManualClock::new(0);
    let (judging, of_transactions) = (breaker(&clock), breaker(&clock));
    // Nothing drives the line.
    let dead = Device { register: 0xff, ..Device::sound() };
    let mut dead = Flash(GuardedSpiDevice::new(dead, &of_transactions));
    let mut judged = || match dead.id() {
        Ok(0x00 | 0xff) => Err("no flash"),
        answer => answer.map_err(|_| "no answer"),
    };
    for _ in 0..3 {
        assert_eq!(judging.call(&mut judged), Err(CallError::Failed("no flash")));
    }
    assert!(judging.call(&mut judged).unwrap_err().rejected().is_some());
    assert_eq!(of_transactions.phase(), Phase::Closed);
    assert_eq!(of_transactions.observer().counts().successes, 3);
}
