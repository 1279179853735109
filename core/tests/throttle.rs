//! The throttle, where no case of `verify/scenarios` can bring it.

use microbreaker::window::{Kind, Reach, Record, Tenure, Window};
use microbreaker::{Gate, Tally, Throttle, ThrottleConfig};

/// A window of one's own, which always holds `calls`, all failed.
struct AllFailed {
    calls: u32,
}

impl Window for AllFailed {
    const KIND: Kind = Kind::Count { capacity: u32::MAX };

    fn record(&self, _: Tenure<'_>, _: &Reach<impl Fn() -> u32>, _: Record) -> Option<Tally> {
        Some(Tally::default())
    }

    fn tally(&self, _: Tenure<'_>, _: &Reach<impl Fn() -> u32>) -> Tally {
        Tally { calls: self.calls, failed: self.calls, ..Tally::default() }
    }

    fn begin(&self, _: Tenure<'_>, _: &Reach<impl Fn() -> u32>) {}
}

#[test]
fn it_refuses_as_many_however_many_calls_its_window_holds() {
    for calls in [1_000, 1 << 28, 1 << 29, 1 << 31, u32::MAX] {
        let config = ThrottleConfig::new(0x5eed).last_calls(u32::MAX);
        let throttle = Throttle::new(config, AllFailed { calls }, || 0);
        let refused = (0..1_000).filter(|_| throttle.try_acquire().is_err()).count();
        assert!((870..=930).contains(&refused), "of {calls}: {refused}, not about 900");
    }
}
