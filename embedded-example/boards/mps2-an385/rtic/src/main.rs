//! Two sensors on one bus, each read by a task of its own and guarded by a breaker of its
//! own: the same application as under embassy, and the same log.
//!
//! A read passes these layers, and their order matters:
//!
//! ```text
//! task -> GuardedI2c -> ArbiterDevice -> Limited -> bus
//!         the permit    the mutex        the limit
//! ```
//!
//! The limits are inside the mutex, so that a sensor that hangs costs the other one a wait,
//! but not its own limit, which is the shorter.

#![no_std]
#![no_main]

use embedded_hal::i2c::{ErrorType, Operation};
use embedded_hal_async::i2c::I2c;
use microbreaker::{Breaker, Clock, Config};
use mps2_an385::log::Log;
use mps2_an385::two_sensors::Fault;
use rtic_monotonics::systick::prelude::*;

systick_monotonic!(Mono, 1_000);

/// The pause before a reading.
const PAUSE: u32 = 5;

/// Three failures in a row, then 200 ms, and twice as long after each failed probe, up to
/// 800 ms.
const POLICY: Config = Config::new().consecutive_failures(3).open_for(200).backoff(2, 800);

/// RTIC's time, for the breakers.
struct Millis;

impl Clock for Millis {
    fn now(&self) -> u32 {
        Mono::now().as_ticks()
    }
}

/// A sensor, and the breaker that guards it.
struct Sensor {
    name: &'static str,
    address: u8,
    /// How long a transaction may take, in ticks.
    limit: u32,
    breaker: Breaker<(), Millis, Log, &'static Config>,
}

static INSIDE: Sensor = Sensor::new("inside", 0x48, 50);
static OUTSIDE: Sensor = Sensor::new("outside", 0x49, 5);

fn limit_of(address: u8) -> u32 {
    let sensor = [&INSIDE, &OUTSIDE].into_iter().find(|sensor| sensor.address == address);
    sensor.map_or(0, |sensor| sensor.limit)
}

impl Sensor {
    const fn new(name: &'static str, address: u8, limit: u32) -> Self {
        let breaker = Breaker::in_flash(&POLICY, (), Millis, Log(name));
        Self { name, address, limit, breaker }
    }
}

/// Gives up each transaction on `I` that takes longer than the limit of its target.
pub struct Limited<I>(I);

impl<I: ErrorType> ErrorType for Limited<I> {
    type Error = Fault<I::Error>;
}

impl<I: I2c> I2c for Limited<I> {
    async fn transaction(
        &mut self,
        address: u8,
        operations: &mut [Operation<'_>],
    ) -> Result<(), Self::Error> {
        let transaction = self.0.transaction(address, operations);
        match Mono::timeout_after(limit_of(address).millis(), transaction).await {
            Ok(result) => result.map_err(Fault::Bus),
            Err(_) => Err(Fault::Late),
        }
    }
}

/// What a peripheral access crate for this board would be, as far as RTIC needs it.
mod device {
    use cortex_m::interrupt::InterruptNumber;

    /// The priorities that the NVIC tells apart are 2 to the power of this many.
    pub(crate) const NVIC_PRIO_BITS: u8 = 3;

    /// The interrupt that runs tasks; nothing else uses it.
    #[derive(Clone, Copy)]
    #[expect(non_camel_case_types, reason = "as RTIC names it")]
    pub(crate) enum interrupt {
        UART0 = 0,
    }

    // SAFETY: AN385 has this line for UART 0.
    unsafe impl InterruptNumber for interrupt {
        fn number(self) -> u16 {
            self as u16
        }
    }

    unsafe extern "C" {
        fn UART0();
    }

    // SAFETY: the linker script puts the table where the core looks for it.
    #[unsafe(link_section = ".vector_table.interrupts")]
    #[unsafe(no_mangle)]
    static __INTERRUPTS: [unsafe extern "C" fn(); 1] = [UART0];
}

#[rtic::app(device = crate::device, peripherals = false, dispatchers = [UART0])]
mod app {
    use core::mem::MaybeUninit;

    use cortex_m::asm::wfi;
    use defmt::info;
    use microbreaker::hal::GuardedI2c;
    use mps2_an385::CORE_HERTZ;
    use mps2_an385::hanging::{HangingI2c, read_celsius};
    use mps2_an385::two_sensors::{Report, Round};
    use mps2_an385::two_wire::TwoWire;
    use mps2_an385::uart::Uart;
    use rtic_monotonics::systick::prelude::*;
    use rtic_sync::arbiter::{Arbiter, i2c::ArbiterDevice};
    use semihosting::process;

    use crate::{INSIDE, Limited, Mono, OUTSIDE, PAUSE, Sensor};

    type Bus = Arbiter<Limited<HangingI2c>>;

    #[shared]
    struct Shared {
        /// The report of a round that has ended.
        inside: Option<Report>,
        outside: Option<Report>,
    }

    #[local]
    struct Local {
        inside_bus: ArbiterDevice<'static, Limited<HangingI2c>>,
        outside_bus: ArbiterDevice<'static, Limited<HangingI2c>>,
    }

    #[init(local = [bus: MaybeUninit<Bus> = MaybeUninit::uninit()])]
    fn init(cx: init::Context) -> (Shared, Local) {
        Mono::start(cx.core.SYST, CORE_HERTZ);
        let bus = Limited(HangingI2c::new(TwoWire::new()));
        let bus = &*cx.local.bus.write(Arbiter::new(bus));
        let local =
            Local { inside_bus: ArbiterDevice::new(bus), outside_bus: ArbiterDevice::new(bus) };
        (Shared { inside: None, outside: None }, local)
    }

    #[idle(shared = [inside, outside])]
    fn idle(mut cx: idle::Context) -> ! {
        let mut uart = Uart::new();
        let mut round = Round::default();
        info!("started");
        loop {
            match uart.receive() {
                digit @ b'1'..=b'9' => {
                    let readings = u32::from(digit - b'0');
                    if inside::spawn(readings).is_err() || outside::spawn(readings).is_err() {
                        panic!("a round has begun before the last one has ended");
                    }
                    let reports = [
                        wait_for(|| cx.shared.inside.lock(Option::take)),
                        wait_for(|| cx.shared.outside.lock(Option::take)),
                    ];
                    round.end([INSIDE.name, OUTSIDE.name], reports);
                    uart.send(&round);
                }
                b'h' => {
                    info!("jig: the sensor inside hangs");
                    HangingI2c::hang(Some(INSIDE.address));
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

    /// Sleeps until `take` gives something.
    fn wait_for<T>(mut take: impl FnMut() -> Option<T>) -> T {
        loop {
            if let Some(value) = take() {
                return value;
            }
            wfi();
        }
    }

    #[task(priority = 1, local = [inside_bus, report: Option<Report> = None], shared = [inside])]
    async fn inside(mut cx: inside::Context, readings: u32) {
        let report = measure(&INSIDE, cx.local.inside_bus, cx.local.report, readings).await;
        cx.shared.inside.lock(|end| *end = Some(report));
    }

    #[task(priority = 1, local = [outside_bus, report: Option<Report> = None], shared = [outside])]
    async fn outside(mut cx: outside::Context, readings: u32) {
        let report = measure(&OUTSIDE, cx.local.outside_bus, cx.local.report, readings).await;
        cx.shared.outside.lock(|end| *end = Some(report));
    }

    /// Takes so many readings, and adds them to the report.
    async fn measure(
        sensor: &Sensor,
        bus: &mut ArbiterDevice<'static, Limited<HangingI2c>>,
        report: &mut Option<Report>,
        readings: u32,
    ) -> Report {
        let mut bus = GuardedI2c::new(bus, &sensor.breaker);
        let report = report.get_or_insert_default();
        for _ in 0..readings {
            Mono::delay(PAUSE.millis()).await;
            report.add(read_celsius(&mut bus, sensor.address).await);
        }
        report.end(sensor.breaker.phase())
    }
}
