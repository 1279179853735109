//! Two sensors on one bus, each read by a task of its own and guarded by a breaker of its
//! own.
//!
//! A read passes these layers, and their order matters:
//!
//! ```text
//! task -> GuardedI2c -> I2cDevice -> Limited -> Bus
//!         the permit    the mutex    the limit
//! ```
//!
//! The time limit is inside the permit, so that running out of it is a failure; around it,
//! it would drop the call, which counts as nothing. And it is inside the mutex, so that a
//! sensor that hangs costs the other one a wait, but not its own time limit. The other one's
//! limit is the shorter: with the limits outside the mutex, it would run out of time with
//! each wait, and its breaker would open.
//!
//! A digit on the UART starts a round: each task takes that many readings, and there is one
//! report. `h` makes the first sensor hang in each transaction, `l` makes it stop, and `q`
//! ends the run.

#![no_std]
#![no_main]

mod limited;
mod time;

use defmt::info;
use embassy_embedded_hal::shared_bus::asynch::i2c::I2cDevice;
use embassy_executor::Spawner;
use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex};
use embassy_sync::mutex::Mutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Instant, TICK_HZ, Timer};
use microbreaker::hal::GuardedI2c;
use microbreaker::{Breaker, Config, clock::Wrapping};
use mps2_an385::hanging::{HangingI2c, read_celsius};
use mps2_an385::log::Log;
use mps2_an385::ticks;
use mps2_an385::two_sensors::{Report, Round};
use mps2_an385::two_wire::TwoWire;
use mps2_an385::uart::Uart;
use semihosting::process;
use static_cell::StaticCell;

use limited::Limited;

/// The pause before a reading.
const PAUSE: Duration = Duration::from_millis(5);

/// How often the main task looks for a byte on the UART.
const LOOK: Duration = Duration::from_millis(1);

/// Three failures in a row, then 200 ms, and twice as long after each failed probe, up to
/// 800 ms.
const POLICY: Config = Config::new().consecutive_failures(3).open_for(200).backoff(2, 800);

/// embassy's time, for the breakers.
type Clock = Wrapping<fn() -> u64>;

type Bus = Mutex<NoopRawMutex, Limited<HangingI2c>>;

/// A sensor, the breaker that guards it, and what its task and the main task tell each
/// other.
struct Sensor {
    name: &'static str,
    address: u8,
    /// How long a transaction may take.
    limit: Duration,
    breaker: Breaker<(), Clock, Log, &'static Config>,
    /// A round begins, of so many readings.
    begin: Signal<CriticalSectionRawMutex, u32>,
    end: Signal<CriticalSectionRawMutex, Report>,
}

static SENSORS: [Sensor; 2] = [
    Sensor::new("inside", 0x48, Duration::from_millis(50)),
    Sensor::new("outside", 0x49, Duration::from_millis(5)),
];

fn limit_of(address: u8) -> Duration {
    let sensor = SENSORS.iter().find(|sensor| sensor.address == address);
    sensor.map_or(Duration::MIN, |sensor| sensor.limit)
}

impl Sensor {
    const fn new(name: &'static str, address: u8, limit: Duration) -> Self {
        let clock = Wrapping((|| Instant::now().as_ticks()) as fn() -> u64);
        let breaker = Breaker::in_flash(&POLICY, (), clock, Log(name));
        Self { name, address, limit, breaker, begin: Signal::new(), end: Signal::new() }
    }
}

#[embassy_executor::task(pool_size = 2)]
async fn measure(sensor: &'static Sensor, bus: &'static Bus) {
    let mut bus = GuardedI2c::new(I2cDevice::new(bus), &sensor.breaker);
    let mut report = Report::default();
    loop {
        for _ in 0..sensor.begin.wait().await {
            Timer::after(PAUSE).await;
            report.add(read_celsius(&mut bus, sensor.address).await);
        }
        sensor.end.signal(report.end(sensor.breaker.phase()));
    }
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let Some(mut core) = cortex_m::Peripherals::take() else { unreachable!() };
    ticks::start(&mut core.SYST, TICK_HZ as u32);
    static BUS: StaticCell<Bus> = StaticCell::new();
    let bus = BUS.init(Mutex::new(Limited::new(HangingI2c::new(TwoWire::new()), limit_of)));
    for sensor in &SENSORS {
        match measure(sensor, bus) {
            Ok(task) => spawner.spawn(task),
            Err(_) => panic!("more tasks than `pool_size`"),
        }
    }
    let mut uart = Uart::new();
    let mut round = Round::default();
    info!("started");

    loop {
        let Some(key) = uart.try_receive() else {
            Timer::after(LOOK).await;
            continue;
        };
        match key {
            digit @ b'1'..=b'9' => {
                for sensor in &SENSORS {
                    sensor.begin.signal(u32::from(digit - b'0'));
                }
                let [inside, outside] = &SENSORS;
                let reports = [inside.end.wait().await, outside.end.wait().await];
                round.end([inside.name, outside.name], reports);
                uart.send(&round);
            }
            b'h' => {
                info!("jig: the sensor inside hangs");
                HangingI2c::hang(Some(SENSORS[0].address));
            }
            b'l' => {
                info!("jig: it does not");
                HangingI2c::hang(None);
            }
            b'q' => process::exit(0),
            _ => {}
        }
    }
}
