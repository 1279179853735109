//! Guarded asynchronous buses, as seen by a driver, polled by hand.
#![cfg(feature = "embedded-hal-async")]

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use embedded_hal::i2c::{self, NoAcknowledgeSource};
use embedded_hal::spi;
use embedded_hal_async::i2c::I2c;
use embedded_hal_async::spi::SpiDevice;
use microbreaker::hal::{GuardedI2c, GuardedSpiDevice};
use microbreaker::{Breaker, CallError, Config, Counters, Outcome, Phase, clock::ManualClock};

type Guarding<'a> = Breaker<(), &'a ManualClock, Counters>;

fn breaker(clock: &ManualClock) -> Guarding<'_> {
    let config = Config::new().consecutive_failures(3).open_for(100);
    Breaker::observed(config, (), clock, Counters::new())
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls until `future` is ready: nothing here waits for a waker.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = poll(future.as_mut()) {
            return value;
        }
    }
}

/// A device that answers every transaction alike, at the second poll; counts them.
#[derive(Debug)]
struct Device<K> {
    transactions: u32,
    broken: Option<K>,
}

impl<K: Copy> Device<K> {
    const fn sound() -> Self {
        Self { transactions: 0, broken: None }
    }

    const fn broken(with: K) -> Self {
        Self { transactions: 0, broken: Some(with) }
    }

    async fn transact(&mut self) -> Result<(), K> {
        self.transactions += 1;
        let mut pending = true;
        poll_fn(|_| match std::mem::take(&mut pending) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
        self.broken.map_or(Ok(()), Err)
    }
}

impl i2c::ErrorType for Device<i2c::ErrorKind> {
    type Error = i2c::ErrorKind;
}

impl I2c for Device<i2c::ErrorKind> {
    async fn transaction(
        &mut self,
        _: u8,
        operations: &mut [i2c::Operation<'_>],
    ) -> Result<(), Self::Error> {
        self.transact().await?;
        for operation in operations {
            if let i2c::Operation::Read(buffer) = operation {
                buffer.fill(0x42);
            }
        }
        Ok(())
    }
}

impl spi::ErrorType for Device<spi::ErrorKind> {
    type Error = spi::ErrorKind;
}

impl SpiDevice for Device<spi::ErrorKind> {
    async fn transaction(&mut self, _: &mut [spi::Operation<'_, u8>]) -> Result<(), Self::Error> {
        self.transact().await
    }
}

const NACK: i2c::ErrorKind = i2c::ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);

/// A driver that knows nothing about breakers.
struct Thermometer<I>(I);

impl<I: I2c> Thermometer<I> {
    async fn celsius(&mut self) -> Result<u8, I::Error> {
        let mut buffer = [0];
        self.0.write_read(0x48, &[0], &mut buffer).await?;
        Ok(buffer[0])
    }
}

#[test]
fn no_i2c_transaction_while_open() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut device = Device::broken(NACK);
    let mut sensor = Thermometer(GuardedI2c::new(&mut device, &breaker));
    for _ in 0..3 {
        assert_eq!(block_on(sensor.celsius()), Err(CallError::Failed(NACK)));
    }
    for _ in 0..10 {
        let refused = block_on(sensor.celsius()).unwrap_err();
        assert_eq!(refused.rejected().unwrap().retry_after, Some(100));
    }
    let device = sensor.0.release();
    assert_eq!(device.transactions, 3);

    device.broken = None;
    clock.advance(100);
    let mut sensor = Thermometer(GuardedI2c::new(device, &breaker));
    assert_eq!(block_on(sensor.celsius()), Ok(0x42));
    assert_eq!(sensor.0.gate().phase(), Phase::Closed);
}

#[test]
fn every_i2c_method_is_guarded() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut bus = GuardedI2c::new(Device::sound(), &breaker);
    let mut buffer = [0];
    breaker.force_open();
    block_on(async {
        let answers = [
            bus.read(0x48_u8, &mut buffer).await,
            bus.write(0x48_u8, &[0]).await,
            bus.write_read(0x48_u8, &[0], &mut buffer).await,
            bus.transaction(0x48_u8, &mut [i2c::Operation::Write(&[0])]).await,
        ];
        for answer in answers {
            assert!(matches!(answer, Err(CallError::Rejected(_))));
        }
        breaker.reset();
        bus.read(0x48_u8, &mut buffer).await.unwrap();
        bus.write(0x48_u8, &[0]).await.unwrap();
        bus.write_read(0x48_u8, &[0], &mut buffer).await.unwrap();
        bus.transaction(0x48_u8, &mut [i2c::Operation::Write(&[0])]).await.unwrap();
    });
    assert_eq!(bus.bus().transactions, 4, "none while open, one each otherwise");
    assert_eq!(breaker.observer().counts().successes, 4);
}

#[test]
fn every_spi_method_is_guarded() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let mut device = GuardedSpiDevice::new(Device::sound(), &breaker);
    let mut buffer = [0];
    breaker.force_open();
    block_on(async {
        let answers = [
            device.read(&mut buffer).await,
            device.write(&[0]).await,
            device.transfer(&mut buffer, &[0]).await,
            device.transfer_in_place(&mut buffer).await,
            device.transaction(&mut [spi::Operation::DelayNs(1)]).await,
        ];
        for answer in answers {
            assert!(matches!(answer, Err(CallError::Rejected(_))));
        }
        breaker.reset();
        device.read(&mut buffer).await.unwrap();
        device.write(&[0]).await.unwrap();
        device.transfer(&mut buffer, &[0]).await.unwrap();
        device.transfer_in_place(&mut buffer).await.unwrap();
        device.transaction(&mut [spi::Operation::DelayNs(1)]).await.unwrap();
    });
    assert_eq!(device.release().transactions, 5, "none while open, one each otherwise");
    assert_eq!(breaker.observer().counts().successes, 5);
}

#[test]
fn a_classifier_sees_the_own_error_of_the_bus_and_what_it_captures() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    let writing = Cell::new(true);
    let judge = |error: &i2c::ErrorKind| match error {
        i2c::ErrorKind::NoAcknowledge(_) if writing.get() => Outcome::Ignored,
        _ => Outcome::Failure,
    };
    let mut eeprom = GuardedI2c::classified(Device::broken(NACK), &breaker, judge);
    for _ in 0..9 {
        assert!(block_on(eeprom.write(0x50_u8, &[])).is_err());
    }
    assert_eq!(breaker.observer().counts().ignored, 9);
    writing.set(false);
    for _ in 0..3 {
        assert!(block_on(eeprom.write(0x50_u8, &[])).is_err());
    }
    assert_eq!(breaker.phase(), Phase::Open);

    let flash = Device::broken(spi::ErrorKind::Overrun);
    let mut flash =
        GuardedSpiDevice::classified(flash, &breaker, |_: &spi::ErrorKind| Outcome::Ignored);
    breaker.reset();
    assert!(matches!(block_on(flash.write(&[])), Err(CallError::Failed(_))));
    assert_eq!(breaker.observer().counts().ignored, 10);
}

#[test]
fn a_transaction_dropped_half_way_is_abandoned() {
    let clock = ManualClock::new(0);
    let breaker = breaker(&clock);
    breaker.trip();
    clock.advance(100);
    let mut bus = GuardedI2c::new(Device::sound(), &breaker);
    {
        let mut probe = pin!(bus.write(0x48_u8, &[0]));
        assert!(poll(probe.as_mut()).is_pending());
        assert!(breaker.try_acquire().is_err(), "the probe is out");
    }
    assert_eq!(breaker.observer().counts().ignored, 1);
    assert_eq!(block_on(bus.write(0x48_u8, &[0])), Ok(()), "it was handed back");
    assert_eq!(breaker.phase(), Phase::Closed);
}
