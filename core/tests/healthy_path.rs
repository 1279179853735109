//! A success that would change nothing is not recorded: while all is well, a
//! breaker only reads.

use std::cell::Cell;
use std::rc::Rc;

use microbreaker::{
    Breaker, Config, CountWindow, FailureWindow, ShortWindow, Tally, WithSlow,
    clock::ManualClock,
    window::{Kind, Reach, Record, Tenure, Window},
};

/// A window that counts how often it is asked to record.
struct Counted<W> {
    window: W,
    records: Rc<Cell<u32>>,
}

impl<W: Window> Window for Counted<W> {
    const KIND: Kind = W::KIND;
    const SLOW: bool = W::SLOW;

    fn record(
        &self,
        tenure: Tenure<'_>,
        reach: &Reach<impl Fn() -> u32>,
        call: Record,
    ) -> Option<Tally> {
        self.records.set(self.records.get() + 1);
        self.window.record(tenure, reach, call)
    }

    fn is_quiet(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> bool {
        self.window.is_quiet(tenure, reach)
    }

    fn tally(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) -> Tally {
        self.window.tally(tenure, reach)
    }

    fn begin(&self, tenure: Tenure<'_>, reach: &Reach<impl Fn() -> u32>) {
        self.window.begin(tenure, reach);
    }
}

fn falls_quiet<W: Window>(config: Config, window: W) {
    let clock = ManualClock::new(0);
    let records = Rc::new(Cell::new(0));
    let window = Counted { window, records: records.clone() };
    let breaker = Breaker::new(config.consecutive_failures(9).open_for(10), window, &clock);
    let succeed = |count| {
        for _ in 0..count {
            breaker.try_acquire().unwrap().success();
        }
        records.take()
    };
    for _ in 0..3 {
        // More than any of these windows holds.
        succeed(100);
        assert_eq!(succeed(1_000), 0);
        breaker.try_acquire().unwrap().failure();
        assert_eq!(succeed(1), 1 + 1, "the failure, and the success after it");
    }
    breaker.reset();
    succeed(100);
    assert_eq!(succeed(1_000), 0, "the next tenure falls quiet too");
}

#[test]
fn every_window_falls_quiet() {
    let last = Config::new().last_calls(10);
    falls_quiet(Config::new(), ());
    falls_quiet(Config::new().bucket(10), FailureWindow::<4>::new());
    falls_quiet(last, ShortWindow::new());
    falls_quiet(last, CountWindow::<3>::new());
    falls_quiet(last, CountWindow::<12, 1>::new());
    falls_quiet(last, WithSlow::<ShortWindow>::default());
}
