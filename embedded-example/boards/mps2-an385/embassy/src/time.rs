//! embassy's time, driven by SysTick every millisecond.

use core::cell::RefCell;
use core::task::Waker;

use cortex_m_rt::exception;
use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::{Driver, time_driver_impl};
use embassy_time_queue_utils::Queue;

time_driver_impl!(static DRIVER: SysTickDriver = SysTickDriver(Mutex::new(RefCell::new(Time {
    now: 0,
    queue: Queue::new(),
}))));

struct SysTickDriver(Mutex<RefCell<Time>>);

struct Time {
    now: u64,
    queue: Queue,
}

impl SysTickDriver {
    fn with<T>(&self, f: impl FnOnce(&mut Time) -> T) -> T {
        critical_section::with(|cs: CriticalSection<'_>| f(&mut self.0.borrow_ref_mut(cs)))
    }
}

impl Driver for SysTickDriver {
    fn now(&self) -> u64 {
        self.with(|time| time.now)
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        // No alarm to set: each tick looks.
        self.with(|time| time.queue.schedule_wake(at, waker));
    }
}

#[exception]
fn SysTick() {
    DRIVER.with(|time| {
        time.now += 1;
        time.queue.next_expiration(time.now);
    });
}
