//! A link that is set up again when its breaker closes, and a model of it.

use microbreaker::{Breaker, Cause, Clock, Config, Observer, Phase, Transition};

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, Ordering};

/// A link to a device, which must be set up once each time the device comes back.
pub struct Link<C: Clock> {
    breaker: Breaker<(), C, SetUps>,
}

/// How often the link was set up.
struct SetUps(AtomicU32);

impl Observer for SetUps {
    fn transition(&self, transition: &Transition) {
        if (transition.to, transition.cause) == (Phase::Closed, Cause::ProbesSucceeded) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<C: Clock> Link<C> {
    /// A link that is left alone for 10 ticks after a failure.
    pub fn new(clock: C) -> Self {
        let config = Config::new().consecutive_failures(1).open_for(10);
        Self { breaker: Breaker::observed(config, (), clock, SetUps(AtomicU32::new(0))) }
    }

    /// Tries to send to a device that is there or not. Returns whether it was sent.
    pub fn send(&self, there: bool) -> bool {
        self.breaker.call(|| if there { Ok(()) } else { Err(()) }).is_ok()
    }

    /// How often the link was set up.
    pub fn set_ups(&self) -> u32 {
        self.breaker.observer().0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(loom))]
    fn model(f: impl Fn() + Send + Sync + 'static) {
        f();
    }
    #[cfg(loom)]
    use loom::{model, thread};
    #[cfg(not(loom))]
    use std::thread;

    use std::sync::Arc;
    use std::sync::atomic::AtomicU32 as Tick;

    /// Two threads find that the device is back, and the link is set up once: in every
    /// interleaving under loom, in a single one without.
    #[test]
    fn two_senders_set_the_link_up_once() {
        model(|| {
            let tick = Arc::new(Tick::new(0));
            let clock = {
                let tick = tick.clone();
                move || tick.load(Ordering::Relaxed)
            };
            let link = Arc::new(Link::new(clock));
            assert!(!link.send(false));
            tick.store(10, Ordering::Relaxed);
            let other = {
                let link = link.clone();
                thread::spawn(move || link.send(true))
            };
            let sent = link.send(true);
            assert!(other.join().unwrap() || sent);
            assert_eq!(link.set_ups(), 1);
        });
    }
}
